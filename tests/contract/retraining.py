"""Archives of colored pictures, and retraining on them over HTTP."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Iterator
from typing import Any

import requests
from PIL import Image

from tests.server import LensServer

HUES = {"red": (210, 40, 40), "green": (40, 210, 40), "blue": (40, 40, 210), "yellow": (200, 200, 40)}


def shade(label: str, seed: int) -> bytes:
    """A picture of about that color, different for each seed."""
    dice = random.Random(f"{label}{seed}")
    color = tuple(min(255, max(0, part + dice.randint(-35, 35))) for part in HUES[label])
    image = Image.new("RGB", (40, 40), color)
    image.putpixel((seed % 40, seed // 40 % 40), (0, 0, 0))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def zipped(folders: dict[str, list[bytes]]) -> bytes:
    """A ZIP file of class folders."""
    return entries(
        {
            f"{label}/{number:03d}.png": picture
            for label, pictures in folders.items()
            for number, picture in enumerate(pictures)
        }
    )


def entries(named: dict[str, bytes]) -> bytes:
    """A ZIP file of files by their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in named.items():
            archive.writestr(name, data)
    return out.getvalue()


def colored(*labels: str, count: int = 20) -> bytes:
    """A ZIP file with pictures of those colors in folders of their names."""
    return zipped({label: [shade(label, seed) for seed in range(count)] for label in labels})


def retrain(
    lens: LensServer, archive: bytes | None = None, *, path: str = "/retrain", **fields: object
) -> requests.Response:
    """The answer to a request for a retraining."""
    files = {"file": ("new_data.zip", archive, "application/zip")} if archive else {"none": ("", b"")}
    data = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in fields.items()}
    return requests.post(f"{lens.url}{path}", files=files, data=data, timeout=90)


def followed(lens: LensServer, job_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The server-sent events of a job: their kinds and data."""
    with requests.get(f"{lens.url}/jobs/events", params={"id": job_id}, stream=True, timeout=60) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        kind = ""
        for line in stream.iter_lines(decode_unicode=True):
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))
