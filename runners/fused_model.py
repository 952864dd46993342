"""Opens a model as its spec wants it; a fused one takes its pictures as bytes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from preprocessing.spec import PIXELS, ModelSpec
from preprocessing.transforms import scaled
from runners.contract import InputContract
from runners.errors import LoadFailed, ModelNotLoaded
from runners.fusion import NotFusible, fuse
from runners.model import Model
from runners.rows import Answer, Feed
from runners.session import OnnxSession

logger = logging.getLogger(__name__)


def open_model(path: Path, spec: ModelSpec, *, threads: int, providers: Sequence[str], spinning: bool = False) -> Model:
    """The model at ``path``, loaded.

    Args:
        path: the ``.onnx`` file.
        spec: what it takes, and whether it is fused.
        threads: threads that compute one run.
        providers: ONNX Runtime execution providers, best first.
        spinning: whether threads wait for the next part of a run awake: quicker where nobody else needs their cores.

    Raises:
        LoadFailed: it cannot be loaded, or none of the providers is there.
    """
    return prepare_model(path, spec)(threads=threads, providers=providers, spinning=spinning)


def prepare_model(path: Path, spec: ModelSpec) -> Callable[..., Model]:
    """Do the part of ``open_model`` that is Python's; what is returned does the rest, with the other arguments.

    This part keeps other threads from the interpreter: it belongs to a thread that is not itself kept from a core.

    Raises:
        LoadFailed: the file cannot be read.
    """
    if not spec.fused:
        return partial(OnnxSession, path, spec)
    return partial(FusedModel, path, spec, _fused_graph(path, spec))


class FusedModel:
    """A model of a fused spec, run like an ``OnnxSession``: ``PIXELS`` by the fused graph, tensors by the file itself.

    The file itself is loaded when the first caller sends a tensor, or where the fused graph does not load here: then
    the pixels are scaled before it, and the answers are the same.

    The arguments are those of ``open_model``, and the fused graph where there is one.
    """

    def __init__(
        self,
        path: Path,
        spec: ModelSpec,
        graph: bytes | None,
        *,
        threads: int,
        providers: Sequence[str],
        spinning: bool = False,
    ) -> None:
        assert spec.fused and spec.image is not None
        self._image = spec.image
        self._contracts = InputContract(spec.served), InputContract(spec)
        open_session = partial(OnnxSession, threads=threads, providers=providers, spinning=spinning)
        self._load_plain = partial(open_session, path, spec)
        self._plain: OnnxSession | None = None
        self._loading = threading.Lock()
        self._closed = False
        self._fused = None if graph is None else _fused_session(graph, spec, open_session)
        if self._fused is None:
            self._plain = self._load_plain()

    def rows(self, inputs: Feed) -> int:
        """See ``OnnxSession``."""
        pixels, tensors = self._contracts
        return (pixels if PIXELS in inputs else tensors).rows(inputs)

    def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
        """See ``OnnxSession``; pixels are answered with the class scores alone."""
        if PIXELS not in inputs:
            return self._as_filed().run(inputs, deadline=deadline)
        if self._fused is not None:
            return self._fused.run(inputs, deadline=deadline)
        self.rows(inputs)
        return self._as_filed().run({self._image.name: scaled(inputs[PIXELS], self._image)}, deadline=deadline)

    def close(self) -> None:
        """See ``OnnxSession``."""
        with self._loading:
            self._closed = True
            for session in (self._fused, self._plain):
                if session is not None:
                    session.close()

    def _as_filed(self) -> OnnxSession:
        with self._loading:
            if self._closed:
                raise ModelNotLoaded("This model version is no longer loaded.")
            if self._plain is None:
                self._plain = self._load_plain()
            return self._plain


def _fused_graph(path: Path, spec: ModelSpec) -> bytes | None:
    try:
        return fuse(path.read_bytes(), spec)
    except NotFusible as reason:
        _tell(reason)
    except OSError as error:
        raise LoadFailed("The model could not be loaded: the model file cannot be read.") from error
    return None


def _fused_session(graph: bytes, spec: ModelSpec, open_session: Callable[..., OnnxSession]) -> OnnxSession | None:
    try:
        return open_session(graph, spec.served)
    except LoadFailed as reason:
        _tell(reason)
    return None


def _tell(reason: Exception) -> None:
    logger.warning("a fused graph does not load; pictures are scaled before the model instead: %s", reason)
