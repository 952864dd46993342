"""One ONNX Runtime session, with the edges off: checked inputs, a deadline that holds, errors fit to be shown."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort

from preprocessing.spec import Dimension, ModelSpec, TensorInfo
from runners.arena import ARENA
from runners.contract import InputContract, fed_shape
from runners.errors import DeadlineExceeded, InferenceFailed, LoadFailed, ModelNotLoaded
from runners.reason import plain_reason
from runners.rows import Answer, Feed, counts_rows, join_answers, pieces, take_rows
from runners.watchdog import WATCHDOG

__all__ = ["OnnxSession", "plain_reason"]

CPU = "CPUExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
_SILENT = 4


class OnnxSession:
    """A model file, loaded.  Safe to run from several threads, and usable after a run that failed or was ended.

    Args:
        model: the ``.onnx`` file, or its bytes.
        spec: what it takes; feeds are checked against it.
        threads: threads that compute one run.
        providers: ONNX Runtime execution providers, best first.
        spinning: whether the threads wait for the next part of a run awake.

    Raises:
        LoadFailed: the file cannot be loaded, or none of the providers is there.
    """

    def __init__(
        self,
        model: Path | bytes,
        spec: ModelSpec,
        *,
        threads: int,
        providers: Sequence[str],
        spinning: bool = False,
    ) -> None:
        self._contract = InputContract(spec)
        self._fixed_rows = spec.batch_size if spec.batch == "fixed" else None
        self._session: Any = _open(model, _options(spec, threads, spinning), providers)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def rows(self, inputs: Feed) -> int:
        """Check ``inputs`` and count their rows (1 for a model without a batch axis).

        Raises:
            InferenceFailed: they do not fit the model.
        """
        return self._contract.rows(inputs)

    def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
        """Compute every output, by name: arrays, or lists where the model answers sequences or maps.

        A model of a fixed batch size takes any number of rows: they are run in pieces, the last one filled up.

        Args:
            inputs: input name -> array [rows, ...], of the dtype and shape that the spec states.
            deadline: a ``time.monotonic()`` value at which the run is ended; None lets it run.

        Raises:
            InferenceFailed: the inputs do not fit, or the model failed on them.
            DeadlineExceeded: the deadline passed before or during the run.
            ModelNotLoaded: the session was closed.
        """
        rows = self._contract.rows(inputs)
        options = ort.RunOptions()
        options.log_severity_level = _SILENT
        if deadline is None or deadline == math.inf:
            return self._run_rows(inputs, rows, options)
        if deadline <= time.monotonic():
            raise DeadlineExceeded("The deadline passed before the model could run.")
        WATCHDOG.watch(options, deadline)
        try:
            return self._run_rows(inputs, rows, options)
        finally:
            WATCHDOG.release(options)

    def close(self) -> None:
        """Let go of the session; its memory is free once the last run on it has ended."""
        self._session = None

    def _run_rows(self, inputs: Feed, rows: int, options: Any) -> Answer:
        try:
            return self._run_pieces(inputs, rows, options)
        finally:
            ARENA.ran(rows)

    def _run_pieces(self, inputs: Feed, rows: int, options: Any) -> Answer:
        size = self._fixed_rows
        if size is None or rows == size:
            return self._run_once(inputs, options)
        answers = [_real_rows(self._run_once(feed, options), real, size) for feed, real in pieces(inputs, rows, size)]
        if len(answers) == 1:
            return answers[0]
        if not all(counts_rows(answer, min(size, rows - at * size)) for at, answer in enumerate(answers)):
            raise InferenceFailed(f"This model answers {size} row(s) at a time: send at most that many.")
        return join_answers(answers)

    def _run_once(self, inputs: Feed, options: Any) -> Answer:
        session = self._session
        if session is None:
            raise ModelNotLoaded("This model version is no longer loaded.")
        try:
            values = session.run(self._outputs, inputs, options)
        except (
            Exception
        ) as error:  # ONNX Runtime raises a dozen unrelated types, RuntimeError and ValueError among them
            if options.terminate:
                raise DeadlineExceeded("The model was still running at the deadline.") from None
            raise InferenceFailed(f"The model could not run on these inputs: {plain_reason(error)}") from error
        return dict(zip(self._outputs, values, strict=True))


def _real_rows(answer: Answer, real: int, size: int) -> Answer:
    """Cut the rows that only filled up the piece; what is not counted in rows stays whole."""
    return take_rows(answer, 0, real) if counts_rows(answer, size) else answer


def _open(model: Path | bytes, options: Any, providers: Sequence[str]) -> Any:
    available = ort.get_available_providers()
    usable = [provider for provider in providers if provider in available]
    if not usable or (len(usable) < len(providers) and CPU not in providers):
        missing = ", ".join(provider for provider in providers if provider not in available)
        raise LoadFailed(f"This ONNX Runtime has no {missing or 'provider to use'}; it has {', '.join(available)}.")
    try:
        source = model if isinstance(model, bytes) else str(model)
        configured = [(name, _provider_options(name, options)) for name in usable]
        session = ort.InferenceSession(source, options, providers=configured, enable_fallback=0)
    except Exception as error:  # as in _run_once
        raise LoadFailed(f"The model could not be loaded: {plain_reason(error)}") from error
    if usable[0] not in session.get_providers() and CPU not in providers:
        raise LoadFailed(f"{usable[0]} is installed but did not start; the device or its libraries are missing.")
    # Kept only to load the model again on other providers, which never happens here.
    session._model_bytes = None
    return session


def _provider_options(name: str, options: Any) -> dict[str, str]:
    """OpenVINO has threads of its own, and would take every core in every worker."""
    return {"num_of_threads": str(options.intra_op_num_threads)} if name == OPENVINO else {}


def _options(spec: ModelSpec, threads: int, spinning: bool) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _SILENT
    # Spinning threads take the cores that the other workers need; of a lone run they cut a third, until it ends: left
    # alone they would spin on into the next one, and take half a core for nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    ARENA.lend(options)
    sizes = _picture_axes(spec)
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    if any(_has_free_axes(spec, tensor, sizes) for tensor in spec.inputs):
        # The layout optimiser's convolutions divide by zero on too small a picture: a dead process, not an error.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    else:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return options


def _picture_axes(spec: ModelSpec) -> dict[str, int]:
    """The named free axes of the picture input, with the one size that the spec ever feeds.

    Stated to ONNX Runtime they make a free-size network as fast as a fixed one (a fifth, for a SqueezeNet), and safe.
    """
    sizes: dict[str, set[int]] = {}
    for tensor in spec.inputs:
        for declared, fed in zip((tensor.shape or ())[1:], (fed_shape(spec, tensor) or ())[1:], strict=False):
            if isinstance(declared, str) and isinstance(fed, int):
                sizes.setdefault(declared, set()).add(fed)
    batch_axes = {tensor.shape[0] for tensor in spec.inputs if tensor.shape}
    return {name: min(fed) for name, fed in sizes.items() if len(fed) == 1 and name not in batch_axes}


def _has_free_axes(spec: ModelSpec, tensor: TensorInfo, sizes: dict[str, int]) -> bool:
    """Whether something of picture rank can still arrive in a size that the graph was not optimised for."""
    shape: tuple[Dimension, ...] | None = tensor.shape
    if shape is None:
        return True
    return len(shape) >= 4 and any(not isinstance(size, int) and size not in sizes for size in shape[1:])
