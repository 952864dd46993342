"""LitServe: decode, predict and encode as its hooks have them; the JPEG comes in a multipart form.

It reads the hooks' annotations when it starts, so they are types here and not text.
"""

from typing import Any

import litserve
import numpy as np
from fastapi import Request

from benchmarks.peers import options
from benchmarks.peers.classifier import PictureClassifier, Ranked


class Classifier(litserve.LitAPI):
    """One worker: its own session, and batches where they are turned on."""

    def setup(self, device: str) -> None:
        """Load the model."""
        self._pictures = PictureClassifier()

    def decode_request(self, request: Request) -> np.ndarray:
        """The tensor of the form's picture."""
        return self._pictures.tensor(request["image"].file.read())  # type: ignore[index]  # LitServe has read the form

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        """Tensors that came together."""
        return np.concatenate(inputs)

    def predict(self, x: np.ndarray) -> list[Ranked] | Ranked:
        """The best labels: of each picture of a batch, or of the one."""
        ranked = self._pictures.rank(self._pictures.scores(x))
        return ranked if options.batch() > 1 else ranked[0]

    def unbatch(self, output: list[Ranked]) -> list[Ranked]:
        """One answer a picture."""
        return output

    def encode_response(self, output: Ranked) -> dict[str, Any]:
        """The body of the answer."""
        return {"predictions": output}


if __name__ == "__main__":
    together = options.batch()
    api = Classifier(max_batch_size=together, batch_timeout=0.002 if together > 1 else 0.0, api_path="/infer")
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=options.workers(), fast_queue=True, healthcheck_path="/livez"
    )
    server.run(
        host="127.0.0.1",
        port=options.port(),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
