"""mosec: its workers take the JPEG as the raw body, which is what it does with bytes; it has no multipart parser.

With batches there are two stages, decoding and the model; without them one stage does both.
"""

from __future__ import annotations

from typing import Any

import mosec
import numpy as np

from benchmarks.peers import options
from benchmarks.peers.classifier import PictureClassifier, Ranked
from benchmarks.peers.preprocessing import decode, load_recipe


class RawBody:
    """Takes the body as it is."""

    def deserialize(self, data: bytes) -> bytes:
        """The JPEG."""
        return data


class Decoder(RawBody, mosec.Worker):
    """The first of two stages."""

    def __init__(self) -> None:
        super().__init__()
        self._recipe = load_recipe()

    def forward(self, data: bytes) -> np.ndarray:
        """A JPEG's tensor."""
        return self._recipe.tensor(decode(data))


class Model(mosec.Worker):
    """The second of two stages; mosec hands it what came together."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = PictureClassifier()

    def forward(self, data: list[np.ndarray]) -> list[dict[str, Ranked]]:
        """The best labels of each picture."""
        return [{"predictions": ranked} for ranked in self._pictures.classify_tensors(data)]


class Whole(RawBody, mosec.Worker):
    """The only stage where nothing is batched."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = PictureClassifier()

    def forward(self, data: bytes) -> dict[str, Any]:
        """The best labels of a JPEG."""
        return {"predictions": self._pictures.classify(data)}


if __name__ == "__main__":
    server = mosec.Server()
    if options.batch() > 1:
        server.append_worker(Decoder, num=options.workers())
        server.append_worker(Model, num=options.workers(), max_batch_size=options.batch(), max_wait_time=1)
    else:
        server.append_worker(Whole, num=options.workers())
    server.run()
