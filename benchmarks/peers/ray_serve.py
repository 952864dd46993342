"""Ray Serve: a FastAPI ingress on replicas, the JPEG in a multipart form, batches by ``serve.batch``.

Replicas get this class without its module, so its annotations are types here and not text.
"""

import asyncio
import os
from typing import Any

import ray
from fastapi import FastAPI, UploadFile
from ray import serve

from benchmarks.peers import options
from benchmarks.peers.classifier import PictureClassifier, Ranked

app = FastAPI()


@serve.deployment(num_replicas=options.workers(), ray_actor_options={"num_cpus": 1}, max_ongoing_requests=256)
@serve.ingress(app)
class Classifier:
    """One replica: its own session."""

    def __init__(self) -> None:
        self._pictures = PictureClassifier()

    @app.get("/livez")
    async def livez(self) -> None:
        """The replica answers."""

    @app.post("/infer")
    async def infer(self, image: UploadFile) -> dict[str, Any]:
        """Classify a picture."""
        data = await image.read()
        if options.batch() > 1:
            return {"predictions": await self.classify_together(data)}
        return {"predictions": await asyncio.to_thread(self._pictures.classify, data)}

    @serve.batch(max_batch_size=options.batch(), batch_wait_timeout_s=0.002)
    async def classify_together(self, pictures: list[bytes]) -> list[Ranked]:
        """The best labels of each picture of a batch."""
        return await asyncio.to_thread(self._classify, pictures)

    def _classify(self, pictures: list[bytes]) -> list[Ranked]:
        return self._pictures.classify_tensors([self._pictures.tensor(picture) for picture in pictures])


if __name__ == "__main__":
    ray.init(
        num_cpus=options.workers(),
        include_dashboard=False,
        object_store_memory=200_000_000,
        _temp_dir=os.environ["BENCH_SHORT_STATE"],  # a socket's path has to be short
    )
    serve.start(http_options={"host": "127.0.0.1", "port": options.port()})
    serve.run(Classifier.bind(), blocking=True)
