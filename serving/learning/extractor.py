"""Pictures to features: decoded as when serving, and run through the backbone in small batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from preprocessing.decode import decode_image
from preprocessing.spec import ModelSpec
from preprocessing.transforms import draft_size, to_tensor
from runners.errors import RunnerError
from runners.session import OnnxSession
from serving.learning.backbone import FEATURES, Backbone
from serving.learning.task import LearningError

BATCH = 16
"""Pictures run at a time, where the model takes several: enough to keep the cores busy, little memory."""

_CPU = ("CPUExecutionProvider",)


class Extractor:
    """Runs a backbone on pictures that are prepared as ``spec`` says.

    Args:
        backbone: what is run, on ``threads`` cores.
        spec: the base version's.

    Raises:
        LearningError: ``no_backbone``, the graph cannot be run without its last layer.
    """

    def __init__(self, backbone: Backbone, spec: ModelSpec, *, threads: int) -> None:
        self._spec = spec
        self._width = backbone.weights.shape[1]
        self.batch = BATCH if spec.batchable else 1
        try:
            self._session = OnnxSession(backbone.graph.SerializeToString(), spec, threads=threads, providers=_CPU)
        except RunnerError as error:
            raise _cannot_run(error) from None

    def decode(self, data: bytes) -> Image.Image:
        """The picture in the mode "RGB".

        Raises:
            ImageError: it cannot be read, and ``code`` says why.
        """
        assert self._spec.image is not None
        return decode_image(data, draft=draft_size(self._spec.image))

    def tensor(self, picture: Image.Image) -> np.ndarray:
        """What the backbone is fed with, without a batch axis."""
        assert self._spec.image is not None
        return to_tensor(picture, self._spec.image)

    @property
    def channel_axis(self) -> int:
        """Where a tensor of one picture has its channels."""
        assert self._spec.image is not None
        return 2 if self._spec.image.layout == "NHWC" else 0

    def features(self, tensors: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [len(tensors), features].

        Raises:
            LearningError: ``no_backbone``, it fails on a picture, or gives something else than one vector a picture.
        """
        steps = range(0, len(tensors), self.batch)
        parts = [self._run(np.stack(tensors[step : step + self.batch])) for step in steps]
        return np.vstack(parts) if parts else np.empty((0, self._width), np.float32)

    def close(self) -> None:
        """Let go of the model."""
        self._session.close()

    def _run(self, tensors: np.ndarray) -> np.ndarray:
        assert self._spec.image is not None
        feed = tensors[0] if self._spec.batch == "none" else tensors
        try:
            features = np.asarray(self._session.run({self._spec.image.name: feed})[FEATURES])
        except RunnerError as error:
            raise _cannot_run(error) from None
        if features.shape != (len(tensors), self._width) or not np.isfinite(features).all():
            raise LearningError(
                "no_backbone",
                "The last layer of this model does not read one vector of finite numbers a picture: choose another.",
            )
        return features


def _cannot_run(error: RunnerError) -> LearningError:
    return LearningError("no_backbone", f"The model cannot be run without its last layer: {error}")
