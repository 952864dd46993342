from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from benchmarks.learned import JUDGED, KINDS, learned_resnet, write_unseen
from benchmarks.models import picture_models
from benchmarks.peers.preprocessing import Recipe

COLOURS = {"cat": (40, 200, 60), "truck": (220, 40, 40), "ship": (30, 60, 220)}
RECIPE = Recipe("image", "logits", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), logits=True)


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    """A data set of three classes that differ in colour, in the binary form."""
    random, folder = np.random.default_rng(3), tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    (folder / "batches.meta.txt").write_text("\n".join(COLOURS))
    for name, count in (("data_batch_1.bin", 48), ("test_batch.bin", 300)):
        with (folder / name).open("wb") as written:
            for number in range(count):
                written.write(bytes([number % 3]) + _planes(random, list(COLOURS.values())[number % 3]))
    return folder


def _planes(random: np.random.Generator, colour: tuple[int, int, int]) -> bytes:
    pixels = np.array(colour)[:, None, None] + random.integers(-30, 31, (3, 32, 32))
    return pixels.clip(0, 255).astype(np.uint8).tobytes()


def test_a_last_layer_on_random_convolutions_tells_unseen_pictures_apart(cifar: Path, tmp_path: Path) -> None:
    session = ort.InferenceSession(learned_resnet(cifar, RECIPE, (1, 1, 1, 1)))
    write_unseen(cifar, tmp_path / "unseen.zip")

    with ZipFile(tmp_path / "unseen.zip") as archive:
        pictures = [Image.open(archive.open(name)).convert("RGB") for name in archive.namelist()]
    assert len(pictures) == JUDGED
    truths = [np.argmax(np.asarray(picture).mean(axis=(0, 1))) for picture in pictures[:30]]
    answers = [session.run(None, {"image": RECIPE.tensor(picture)})[0].argmax() for picture in pictures[:30]]
    kinds = {1: "animal", 0: "car or truck", 2: "plane or ship"}  # by the colour that is strongest
    assert [KINDS[answer] for answer in answers] == [kinds[int(truth)] for truth in truths]
    assert len(set(answers)) == len(KINDS)


def test_resnet_is_learned_where_the_data_set_is(cifar: Path, tmp_path: Path) -> None:
    assert picture_models(tmp_path)["resnet50"].labels == KINDS
    assert len(picture_models(tmp_path / "elsewhere")["resnet50"].labels) == 1000
