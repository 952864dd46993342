"""Encoded pictures by their names in a ZIP file: the photos of cats and dogs, swapped labels, the ZIP itself."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

Pictures = Iterable[tuple[str, bytes]]
"""Names inside a ZIP, and the encoded pictures."""


def photos(split: str) -> Pictures:
    """The cats and dogs of one split, "train" or "test"."""
    for path in sorted((DATA / "catsdogs" / split).rglob("*.jpg")):
        yield f"{_kind(path)}/{path.name}", path.read_bytes()


def thousand_photos() -> Pictures:
    """Five cuts of each of the 200 photos: other pixels, so nothing is a duplicate."""
    for name, data in photos("train"):
        with Image.open(io.BytesIO(data)) as photo:
            picture = photo.convert("RGB")
        for cut_off in range(5):
            inner = picture.crop((cut_off, cut_off, picture.width - cut_off, picture.height - cut_off))
            yield name.replace(".jpg", f"-{cut_off}.jpg"), encoded(inner, "JPEG")


def swapped(pictures: Pictures, share: float) -> Pictures:
    """The same with ``share`` (0..1) of the labels of its two classes exchanged."""
    found = list(pictures)
    one, other = sorted({name.split("/")[0] for name, _ in found})
    chosen = np.random.default_rng(0).random(len(found)) < share
    for (name, data), swap in zip(found, chosen, strict=True):
        label, rest = name.split("/")
        yield f"{({one: other, other: one}[label]) if swap else label}/{rest}", data


def zipped(pictures: Pictures) -> bytes:
    """A ZIP file of them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in pictures:
            archive.writestr(name, data)
    return out.getvalue()


def encoded(picture: Image.Image, kind: str) -> bytes:
    """``picture`` as a file of ``kind``, "PNG" or "JPEG"."""
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def _kind(path: Path) -> str:
    return "cat" if "cat" in f"{path.parent.name}/{path.name}".lower() else "dog"
