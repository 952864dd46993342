"""What a model takes, checked before ONNX Runtime sees it: some refusals of its own kill the process."""

from __future__ import annotations

import numpy as np

from preprocessing.elements import NUMPY_TYPES
from preprocessing.spec import Dimension, ImageInput, ModelSpec, TensorInfo
from runners.errors import InferenceFailed
from runners.rows import Feed

_TEXT = "OU"


def image_shape(image: ImageInput) -> tuple[int, int, int]:
    """One picture's tensor shape without the batch axis, in the spec's layout."""
    height, width = image.size
    return (image.channels, height, width) if image.layout == "NCHW" else (height, width, image.channels)


def fed_shape(spec: ModelSpec, tensor: TensorInfo) -> tuple[Dimension, ...] | None:
    """The shape that ``tensor`` is fed with: as declared, with a picture's free axes filled in from the spec."""
    if spec.image is None or tensor.name != spec.image.name:
        return tensor.shape
    picture: tuple[Dimension, ...] = image_shape(spec.image)
    if spec.batch != "none":
        picture = (None, *picture)
    declared = tensor.shape if tensor.shape is not None else picture
    if len(declared) != len(picture):
        return declared
    return tuple(size if isinstance(size, int) else fed or size for size, fed in zip(declared, picture, strict=True))


def numpy_type(tensor: TensorInfo) -> np.dtype | None:
    """The dtype that carries ``tensor``, objects where it holds text; None where numpy has none (bfloat16)."""
    name = NUMPY_TYPES.get(tensor.dtype)
    return None if name is None else np.dtype(name)


class InputContract:
    """Names, dtypes, ranks and fixed axes of a model's inputs."""

    def __init__(self, spec: ModelSpec) -> None:
        self._none = spec.batch == "none"
        self._inputs = tuple(_Expected(tensor, fed_shape(spec, tensor), not self._none) for tensor in spec.inputs)

    def rows(self, feed: Feed) -> int:
        """Check ``feed`` and count its rows; 1 for a model without a batch axis.

        Raises:
            InferenceFailed: an input is missing, unknown, of another dtype or shape, or the rows disagree.
        """
        counts = [expected.rows(feed) for expected in self._inputs]
        if len(feed) != len(counts):
            raise self._unknown_name(feed)
        if self._none:
            return 1
        rows = counts[0] if counts else 0
        if counts.count(rows) != len(counts):
            raise InferenceFailed("Every input needs the same number of rows (first axis).")
        if not rows:
            raise InferenceFailed("There is nothing to run: the inputs have no rows.")
        return rows

    def _unknown_name(self, feed: Feed) -> InferenceFailed:
        names = [expected.name for expected in self._inputs]
        unknown = next(name for name in feed if name not in names)
        return InferenceFailed(f"The model has no input {unknown!r}; its inputs are {names}.")


class _Expected:
    """One input, in the form that is quick to check."""

    __slots__ = ("_dtype", "_fixed", "_rank", "_shape", "name")

    def __init__(self, tensor: TensorInfo, shape: tuple[Dimension, ...] | None, batched: bool) -> None:
        self.name = tensor.name
        self._dtype = numpy_type(tensor)
        self._shape = shape
        self._rank = None if shape is None else len(shape)
        first = 1 if batched else 0
        self._fixed = [(axis, size) for axis, size in enumerate(shape or ()) if axis >= first and isinstance(size, int)]

    def rows(self, feed: Feed) -> int:
        array = feed.get(self.name)
        if array is None:
            raise InferenceFailed(f"Input {self.name!r} is missing.")
        if array.dtype != self._dtype and not self._takes_text(array):
            raise InferenceFailed(f"Input {self.name!r} is {array.dtype}; the model takes {self._dtype_name()}.")
        shape = array.shape
        if self._rank is not None and len(shape) != self._rank:
            raise self._misshapen(shape)
        for axis, size in self._fixed:
            if shape[axis] != size:
                raise self._misshapen(shape)
        return shape[0] if shape else 1

    def _takes_text(self, array: np.ndarray) -> bool:
        return self._dtype == np.dtype(object) and array.dtype.kind in _TEXT

    def _dtype_name(self) -> str:
        if self._dtype is None:
            return "a type that cannot be sent"
        return "text" if self._dtype == np.dtype(object) else str(self._dtype)

    def _misshapen(self, shape: tuple[int, ...]) -> InferenceFailed:
        wanted = ", ".join("?" if size is None else str(size) for size in self._shape or ())
        return InferenceFailed(f"Input {self.name!r} has shape {list(shape)}; the model takes [{wanted}].")
