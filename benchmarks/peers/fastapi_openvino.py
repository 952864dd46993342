"""OpenVINO behind FastAPI: the same application, with OpenVINO's runtime in ONNX Runtime's place.

OpenVINO chooses the precision by itself: bf16 where the processor has it, else fp32; ``/precision`` says which.
"""

from __future__ import annotations

import threading
from typing import Any

import openvino

from benchmarks.peers import options
from benchmarks.peers.fastapi_routes import application
from benchmarks.peers.preprocessing import decode, load_labels, load_recipe


class PictureClassifier:
    """A picture to its best labels; each thread that asks has an inference request of its own."""

    def __init__(self) -> None:
        core = openvino.Core()
        network = core.read_model(options.models() / f"{options.model()}.onnx")
        network.reshape([1, 3, 224, 224])
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": options.threads()}
        self._compiled = core.compile_model(network, "CPU", hints)
        self._recipe = load_recipe()
        self._labels = load_labels()
        self._requests = threading.local()

    @property
    def precision(self) -> str:
        """The type that the network is computed in."""
        return str(self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())

    def classify(self, data: bytes) -> list[dict[str, Any]]:
        """The best labels of a JPEG, best first."""
        scores = self._request().infer([self._recipe.tensor(decode(data))], share_inputs=True)[0]
        return self._recipe.best(scores[0], self._labels)

    def _request(self) -> openvino.InferRequest:
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        return self._requests.own


pictures = PictureClassifier()
in_line = application(pictures.classify, pooled=False)
pooled = application(pictures.classify, pooled=True)
for app in (in_line, pooled):
    app.get("/precision")(lambda: pictures.precision)
