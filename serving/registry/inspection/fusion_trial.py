"""Whether a picture model's fused graph answers as the model itself does: tried on pictures, never assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocessing.errors import InputError
from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ModelSpec
from preprocessing.transforms import to_tensor
from runners.errors import LoadFailed, RunnerError
from runners.fusion import NotFusible, fuse
from runners.session import OnnxSession
from serving.registry.inspection.pixel_scale import SAMPLES, sample_pictures
from serving.registry.inspection.probe import CPU

Fusion = Callable[[bytes, ModelSpec], bytes]
"""Makes a model's fused graph of its file."""

TRIAL_RUNS = 2 * (SAMPLES + 3)
"""Runs that a trial makes: each picture through both graphs."""

TOLERANCE = 1e-5
"""How far probabilities may lie apart: rounding, where ONNX Runtime optimises the two graphs differently."""

HALF_TOLERANCE = 1e-3
"""The same for models that compute in float16."""


def fuses(path: Path, spec: ModelSpec, fusion: Fusion = fuse) -> bool:
    """Whether ``spec.replaced(fused=True)`` gives the answers of ``spec``: the probabilities of smooth, plain, noisy,
    black and white pictures within the tolerance, and the same best class for each.
    """
    fused_spec = spec.replaced(fused=True).served
    try:
        graph = fusion(path.read_bytes(), spec)
        fused = OnnxSession(graph, fused_spec, threads=1, providers=CPU)
        plain = OnnxSession(path, spec, threads=1, providers=CPU)
    except (NotFusible, LoadFailed, MemoryError):
        return False
    try:
        return all(
            _agree(_probabilities(plain, spec, picture), _probabilities(fused, fused_spec, picture), _tolerance(spec))
            for picture in _pictures(spec)
        )
    except RunnerError:
        return False
    finally:
        fused.close()
        plain.close()


def _pictures(spec: ModelSpec) -> Iterator[Image.Image]:
    assert spec.image is not None
    height, width = spec.image.size
    yield from sample_pictures(SAMPLES, spec.image.size)
    noise = np.random.default_rng(2).integers(0, 256, (height, width, 3), dtype=np.uint8)
    yield Image.fromarray(noise)
    yield Image.new("RGB", (width, height), "black")
    yield Image.new("RGB", (width, height), "white")


def _probabilities(session: OnnxSession, spec: ModelSpec, picture: Image.Image) -> npt.NDArray[Any] | None:
    """[1, classes]; None where the model gives the picture no finite score."""
    assert spec.image is not None and spec.output is not None
    answer = session.run({spec.image.name: to_tensor(picture, spec.image)[np.newaxis]})
    try:
        return class_probabilities(answer[spec.output.name], spec.output)
    except InputError:
        return None


def _agree(one: npt.NDArray[Any] | None, other: npt.NDArray[Any] | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.abs(one - other).max() <= tolerance and one.argmax() == other.argmax())


def _tolerance(spec: ModelSpec) -> float:
    assert spec.image is not None
    return HALF_TOLERANCE if spec.image.dtype == "float16" else TOLERANCE
