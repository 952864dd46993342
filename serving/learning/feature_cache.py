"""Backbone features of pictures that were seen before: the backbone does not change, so neither do they.

One file for each backbone and way of preparing pictures.  A damaged file is an empty one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from preprocessing.digest import sha256_hex

MAX_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What one picture's bytes came to: the digest of its pixels, and its features, float32 [features]."""

    pixels: str
    features: np.ndarray


class FeatureCache:
    """Features by the digest of a picture's bytes, kept in ``folder`` under the name of ``parts``.

    ``max_bytes`` bounds the whole folder: the files that were longest unused leave.
    """

    def __init__(self, folder: Path, *parts: str, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._path = folder / f"{sha256_hex(':'.join(parts).encode())[:32]}.npz"
        self._max_bytes = max_bytes
        self._seen = _load(self._path)
        self._grown = False

    def get(self, digest: str) -> Seen | None:
        """What is known of the picture."""
        return self._seen.get(digest)

    def put(self, digest: str, seen: Seen) -> None:
        """Remember it; on disk once ``save`` is called."""
        self._seen[digest] = seen
        self._grown = True

    def save(self) -> None:
        """Write what is new, in one step, and make room.  A full disk costs the next task time and nothing else."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._grown:
                self._write()
            elif self._path.exists():
                os.utime(self._path)
            self._make_room()

    def _write(self) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            with draft.open("wb") as file:
                np.savez(
                    file,
                    bytes=_rows(self._seen),
                    pixels=_rows(seen.pixels for seen in self._seen.values()),
                    features=np.stack([seen.features for seen in self._seen.values()]),
                )
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)

    def _make_room(self) -> None:
        files = sorted(self._folder.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        total = 0
        for path in files:
            total += path.stat().st_size
            if total > self._max_bytes:
                path.unlink(missing_ok=True)


def _load(path: Path) -> dict[str, Seen]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            columns = zip(_digests(kept["bytes"]), _digests(kept["pixels"]), kept["features"], strict=True)
            return {digest: Seen(pixels, features) for digest, pixels, features in columns}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def _rows(digests: Iterable[str]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(-1, 32)


def _digests(rows: np.ndarray) -> Iterator[str]:
    return (row.tobytes().hex() for row in rows)
