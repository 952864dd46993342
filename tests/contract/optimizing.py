"""Uploads that ask for optimize=auto, and the child process that tries."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psutil
import requests

from tests.confined import gave_up_rights
from tests.optimization.networks import hue_network, hue_pictures, zipped
from tests.server import LensServer
from tests.waiting import until

PREPROCESSING = {"preprocessing": '{"preset": "zero-one", "resize": "squash"}'}
LABELS = b"red\nyellow\ngreen\ncyan\nblue\nmagenta"
TRIAL = "serving.optimization.trial"


def upload(lens: LensServer, name: str, *, pictures: int = 126, random: bool = False, **fields: str) -> dict[str, Any]:
    """The answer to an upload of a hue network with a ZIP of pictures."""
    files = [
        ("model", (f"{name}.onnx", hue_network(random=random))),
        ("labels", ("labels.txt", LABELS)),
    ]
    if pictures:
        files.append(("pictures", ("pictures.zip", zipped(hue_pictures(pictures)))))
    answer = requests.post(f"{lens.url}/upload", files=files, data={**PREPROCESSING, **fields}, timeout=200)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def trial_of(lens: LensServer) -> psutil.Process:
    """The child that tries a mode at the moment, once it has given up its rights."""
    return until(lambda: _trial_of(lens), 60)


def _trial_of(lens: LensServer) -> psutil.Process | None:
    for child in psutil.Process(lens.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if TRIAL in child.cmdline() and gave_up_rights(child):
                return child
    return None
