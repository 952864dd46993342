"""The model of Triton's Python backend; ``triton_server.py`` puts it into a model repository."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as backend  # Triton's stub brings it

from benchmarks.peers.classifier import PictureClassifier


class TritonPythonModel:
    """One instance: pictures in, their best labels as JSON text out."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model."""
        self._pictures = PictureClassifier()

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer for each request; their pictures are run as one batch."""
        pictures = [backend.get_input_tensor_by_name(request, "image").as_numpy() for request in requests]
        tensors = [self._pictures.tensor(data) for rows in pictures for (data,) in rows]
        ranked = iter(self._pictures.classify_tensors(tensors))
        return [self._response([next(ranked) for _ in rows]) for rows in pictures]

    def _response(self, ranked: list[Any]) -> Any:
        answers = np.array([[json.dumps({"predictions": each}).encode()] for each in ranked], dtype=object)
        return backend.InferenceResponse([backend.Tensor("answer", answers)])
