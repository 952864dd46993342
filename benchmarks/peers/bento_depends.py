"""Stock BentoML as its documentation advises: an API service that depends on a service of a batchable model.

``runner_connection`` is left as it comes.
"""

from __future__ import annotations

from typing import Any

import bentoml
import numpy as np
from PIL import Image

from benchmarks.peers import options
from benchmarks.peers.classifier import Iris, PictureClassifier
from benchmarks.peers.preprocessing import load_labels, load_recipe


@bentoml.service(name="PictureModel", workers=options.workers())
class PictureModel:
    """The model in processes of its own."""

    def __init__(self) -> None:
        self._pictures = PictureClassifier()

    @bentoml.api(batchable=True, max_batch_size=options.batch(), max_latency_ms=30_000)
    def scores(self, batch: np.ndarray) -> np.ndarray:
        """The model's output for float32 [N, 3, 224, 224]."""
        return self._pictures.scores(batch)


@bentoml.service(name="StockDepends", workers=options.workers())
class StockDepends:
    """What callers meet: decodes, asks the model, ranks."""

    model = bentoml.depends(PictureModel)

    def __init__(self) -> None:
        self._iris = Iris()
        self._recipe = load_recipe()
        self._labels = load_labels()

    @bentoml.api
    async def predict(self, model_id: str, features: list[float]) -> dict[str, Any]:
        """Run the iris model."""
        return {"model_id": model_id, "prediction": self._iris.predict(features)}

    @bentoml.api
    async def infer(self, image: Image.Image) -> dict[str, Any]:
        """Classify a picture."""
        scores = await self.model.to_async.scores(self._recipe.tensor(image))
        return {"predictions": self._recipe.best(scores[0], self._labels)}
