"""CIFAR-10 blurred and darkened: the embedded model on it before and after learning 200 such pictures a class.

Everything goes through a real server: the ZIP in, the job watched, the version read from its store.
"""

from __future__ import annotations

import importlib.util
import tempfile
from functools import cache
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.learning.answering import features, named
from benchmarks.learning.bases import Base, embedded
from benchmarks.learning.cifar import Change, class_names, pictures_of, test_pictures
from benchmarks.learning.page import Row, percent
from benchmarks.learning.pictures import zipped
from benchmarks.learning.tasks import told
from benchmarks.retraining_server import Job, retrained, served
from serving.learning.backbone import cut
from serving.registry.records import ModelKey
from serving.registry.registry import Registry

METHODS = ("head", "full")


def blurred(picture: Image.Image) -> Image.Image:
    """By a Gaussian of one pixel."""
    return picture.filter(ImageFilter.GaussianBlur(1.0))


def darkened(picture: Image.Image) -> Image.Image:
    """To 35 % of its brightness."""
    return ImageEnhance.Brightness(picture).enhance(0.35)


def both(picture: Image.Image) -> Image.Image:
    """Blurred, then darkened."""
    return darkened(blurred(picture))


CHANGES: tuple[Change, ...] = (blurred, darkened, both)


def measure() -> list[Row]:
    """Each change, answered by a new head and by a whole network that was trained further."""
    if importlib.util.find_spec("torch") is None:
        raise SystemExit("The section drift trains whole networks: use the interpreter of requirements-train.txt.")
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as url:
        return [_row(url, Path(home), change, method) for change in CHANGES for method in METHODS]


def _row(url: str, home: Path, change: Change, method: str) -> Row:
    content = zipped(pictures_of(class_names(), change))
    job = retrained(url, content, method=method)
    doubted = "no"
    if job["state"] == "suspect_labels":
        doubted = told(job["report"]["suspicions"])
        job = retrained(url, content, method=method, trust_labels=True)
    candidate = _version(home, job)
    return {
        "test pictures": change.__name__,
        "method": f"`{method}`",
        "base on them": percent(_accuracy(embedded(), change)),
        "candidate on them": percent(_accuracy(candidate, change)),
        "base on plain ones": percent(_accuracy(embedded(), None)),
        "candidate on plain ones": percent(_accuracy(candidate, None)),
        "gate": "passed" if job["accepted"] else "rejected",
        "labels doubted": doubted,
        "seconds": f"{sum(job['report']['seconds'].values()):.0f}",
    }


def _version(home: Path, job: Job) -> Base:
    registry = Registry.open(home / "lens")
    try:
        version = registry.get(ModelKey(job["model_id"], job["version"]))
        return version.model_path, version.spec
    finally:
        registry.close()


@cache
def _accuracy(base: Base, change: Change | None) -> float:
    path, spec = base
    pictures, truths = test_pictures(change)
    answers = named(path, spec, features(cut(path, spec), spec, pictures))
    return float((answers == truths).mean())
