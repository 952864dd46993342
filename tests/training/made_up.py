"""A data set in the binary form of CIFAR-10 that takes no download: squares, discs and stripes of ten colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32


def write_made_up(folder: Path, *, train: int = 1000, test: int = 600) -> Path:
    """Write ``train`` and ``test`` pictures into ``folder``, the classes equally often; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    (folder / "data_batch_1.bin").write_bytes(_records(train // 2, rng))
    (folder / "data_batch_2.bin").write_bytes(_records(train - train // 2, rng))
    (folder / "test_batch.bin").write_bytes(_records(test, rng))
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n")
    return folder


def _records(count: int, rng: np.random.Generator) -> bytes:
    labels = np.arange(count) % len(NAMES)
    return b"".join(bytes([label]) + _picture(label, rng).tobytes() for label in labels)


def _picture(label: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 [3, 32, 32]: a shape of the class's colour somewhere on grey noise."""
    planes = rng.integers(90, 166, (3, SIDE, SIDE)).astype(np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    top, left = rng.integers(8, SIDE - 8, 2)
    inside = (
        np.maximum(abs(y - top), abs(x - left)) < 7,
        (y - top) ** 2 + (x - left) ** 2 < 60,
        (abs(y - top) < 9) & ((x - left) % 6 < 3),
    )[label % 3]
    colour = np.random.default_rng(label).integers(0, 256, 3)
    planes[:, inside] = colour[:, None]
    return planes
