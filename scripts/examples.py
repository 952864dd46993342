"""Asks a Lens the documented questions and writes each request with its answer: `make examples`, part of a release.

``python -m scripts.examples URL FOLDER``
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "chelsea.png"

Question = Callable[[str], requests.Response]


def questions(picture: bytes) -> dict[str, tuple[str, Question]]:
    """Each question by name: what the request is in words of curl, and the request."""
    in_json = {"image": base64.b64encode(picture).decode(), "top_k": 5}
    return {
        "predict-file": (
            "curl -F file=@chelsea.png URL/predict",
            lambda url: requests.post(f"{url}/predict", files={"file": ("chelsea.png", picture)}, timeout=30),
        ),
        "predict-json": (
            'curl --json \'{"image": "<base64>", "top_k": 5}\' URL/predict',
            lambda url: requests.post(f"{url}/predict", json=in_json, timeout=30),
        ),
        "infer": (
            "curl -F image=@chelsea.png URL/infer",
            lambda url: requests.post(f"{url}/infer", files={"image": ("chelsea.png", picture)}, timeout=30),
        ),
        "models": ("curl URL/models", lambda url: requests.get(f"{url}/models", timeout=30)),
        "health": ("curl URL/health", lambda url: requests.get(f"{url}/health", timeout=30)),
    }


def write_examples(url: str, folder: Path) -> list[Path]:
    """Ask everything; the files that were written.

    Raises:
        requests.HTTPError: an answer that is no success.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (request, ask) in questions(PICTURE.read_bytes()).items():
        answer = ask(url.rstrip("/"))
        answer.raise_for_status()
        document: dict[str, Any] = {"request": request, "status": answer.status_code, "answer": answer.json()}
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document, indent=2) + "\n")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write_examples(sys.argv[1], Path(sys.argv[2])):
        sys.stdout.write(f"{path}\n")
