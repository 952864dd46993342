"""Pictures on their way to the service, and its answers."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import requests
from PIL import Image

_BATCH = 32
_POLL_S = 0.5


class Client:
    """Talks to one Lens.  Every method raises ``requests.HTTPError`` where it refuses, with its words."""

    def __init__(self, url: str) -> None:
        self._url = url

    def post(self, path: str, **options: Any) -> Any:
        """The answer to a POST."""
        return _answer(requests.post(self._url + path, timeout=300, **options))

    def get(self, path: str, **query: str) -> Any:
        """The answer to a GET."""
        return _answer(requests.get(self._url + path, params=query, timeout=60))

    def classify(self, pictures: np.ndarray, model_id: str) -> list[dict[str, Any]]:
        """The best label and its probability for each picture, uint8 [n, h, w, 3]; 32 pictures a request."""
        best = []
        for first in range(0, len(pictures), _BATCH):
            files = [("image", (f"{n}.png", png(each))) for n, each in enumerate(pictures[first : first + _BATCH])]
            answer = self.post("/infer", files=files, data={"model_id": model_id, "top_k": "1"})
            best += [each["predictions"][0] for each in answer.get("results", [answer])]
        return best

    def ended(self, job_id: str, tell: Callable[[dict[str, Any]], None]) -> Any:
        """The job, once nothing happens to it any more; until then ``tell`` hears of its progress."""
        while (job := self.get("/jobs", id=job_id))["state"] in ("queued", "running"):
            tell(job["progress"])
            time.sleep(_POLL_S)
        return job


def png(picture: np.ndarray) -> bytes:
    """The picture, uint8 [h, w, 3], as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue()


def class_folders(pictures: np.ndarray, labels: Sequence[str]) -> bytes:
    """A ZIP with a folder for each label, as ``POST /retrain`` takes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
            archive.writestr(f"{label}/{number:05}.png", png(picture))
    return buffer.getvalue()


def _answer(response: requests.Response) -> Any:
    if not response.ok:
        raise requests.HTTPError(f"{response.status_code}: {response.text}", response=response)
    return response.json()
