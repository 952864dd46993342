from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from benchmarks.models import picture_models, write_photos


def test_the_evidence_is_the_photos_without_their_tables(tmp_path: Path) -> None:
    for name in ("data/imagenet_samples/cock.JPEG", "data/imagenet_samples/manifest.tsv", "data/photos/cat.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"bytes")
    write_photos(tmp_path, tmp_path / "evidence.zip")
    assert ZipFile(tmp_path / "evidence.zip").namelist() == ["cock.JPEG", "cat.bmp"]


def test_the_trained_model_is_there_only_where_its_file_is(tmp_path: Path) -> None:
    assert "mobilenet-real" not in picture_models(tmp_path)


def test_random_weights_have_no_pictures_to_be_judged_on(tmp_path: Path) -> None:
    assert [model.write_evidence for model in picture_models(tmp_path).values()] == [None] * 4
