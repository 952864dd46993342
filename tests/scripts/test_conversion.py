"""What a conversion is judged on; it needs none of the frameworks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_store_scripts.conversion.parity import Array, Parity, Run, compare
from model_store_scripts.conversion.samples import made_up_samples, read_samples
from model_store_scripts.report import CommandFailed
from preprocessing.spec import ImageInput, ModelSpec, TensorInfo

ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)
FEATURES = ModelSpec(inputs=(TensorInfo(name="x", dtype=1, shape=("N", 2)),), outputs=())
TWO = ModelSpec(inputs=(FEATURES.inputs[0], TensorInfo(name="y", dtype=7, shape=("N",))), outputs=())
PICTURES = ModelSpec(
    inputs=(TensorInfo(name="image", dtype=1, shape=("N", 3, 8, 8)),),
    outputs=(),
    image=ImageInput(name="image", size=(8, 8)),
)


def answering(*outputs: Array) -> Run:
    """Answers these, whatever is asked."""
    return lambda _inputs: list(outputs)


def apart(ours: Array, theirs: Array) -> Parity:
    return compare(answering(ours), answering(theirs), [np.zeros((len(ours), 1))], at_once=len(ours))


def test_equal_answers_are_no_distance_apart() -> None:
    same: Run = lambda inputs: [inputs[0] * 2]  # noqa: E731
    assert compare(same, same, [ROWS], at_once=2) == Parity(rows=6, difference=0.0, agreement=1.0)


def test_rows_go_in_pieces() -> None:
    sizes: list[int] = []

    def run(inputs: Sequence[Array]) -> Sequence[Array]:
        sizes.append(len(inputs[0]))
        return inputs

    assert compare(run, run, [ROWS], at_once=4).rows == 6
    assert sizes == [4, 4, 2, 2]


@pytest.mark.parametrize(
    ("ours", "theirs", "difference", "agreement"),
    [
        ([[0.1, 0.9]], [[0.2, 0.8]], 0.1, 1.0),
        ([[0.1, 0.9]], [[0.9, 0.1]], 0.8, 0.0),
        ([1000.0], [1001.0], 0.001, 1.0),
        ([math.nan], [math.nan], 0.0, 1.0),
        ([math.nan], [1.0], math.inf, 0.0),
        ([math.inf], [math.inf], 0.0, 1.0),
        (["cat", "dog"], ["cat", "cat"], 1.0, 0.5),
        ([1, 2], [1, 2], 0.0, 1.0),
    ],
)
def test_numbers_are_compared_by_size_and_labels_by_name(
    ours: list[object], theirs: list[object], difference: float, agreement: float
) -> None:
    found = apart(np.array(ours), np.array(theirs))
    assert found.difference == pytest.approx(difference, rel=1e-6)
    assert found.agreement == agreement


def test_a_column_and_a_vector_of_one_length_are_the_same() -> None:
    assert apart(np.ones(3), np.ones((3, 1))).difference == 0
    with pytest.raises(ValueError, match=r"\[3, 2\]"):
        apart(np.ones((3, 2)), np.ones((3, 1)))


def test_pictures_are_fed_as_lens_would_and_other_files_in_a_folder_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "b/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 10), "red").save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("none")
    assert read_samples(tmp_path, PICTURES)["image"].shape == (2, 3, 8, 8)
    assert read_samples(tmp_path / "a.png", PICTURES)["image"].shape == (1, 3, 8, 8)


@pytest.mark.parametrize("name", ["rows.csv", "named.csv", "rows.npy", "rows.npz"])
def test_rows_are_read_from_tables(tmp_path: Path, name: str) -> None:
    text = "\n".join(f"{a},{b}" for a, b in ROWS)
    (tmp_path / "rows.csv").write_text(text)
    (tmp_path / "named.csv").write_text("width,height\n" + text + "\n\n")
    np.save(tmp_path / "rows.npy", ROWS.astype(np.float64))
    np.savez(tmp_path / "rows.npz", x=ROWS)
    found = read_samples(tmp_path / name, FEATURES)["x"]
    assert found.dtype == np.float32
    assert np.array_equal(found, ROWS)


def test_an_npz_file_feeds_inputs_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", x=ROWS, y=np.arange(6))
    assert list(read_samples(tmp_path / "both.npz", TWO)) == ["x", "y"]


@pytest.mark.parametrize(
    ("content", "spec", "told"),
    [
        ("1,2,3\n4,5,6", FEATURES, r"\[2, 3\]; x takes rows of \[2\]"),
        ("1,2\n3", FEATURES, "as many in each line"),
        ("", FEATURES, "numbers alone"),
        ("1,cat\n2,dog\n", FEATURES, "numbers alone"),
        ("1,2", TWO, "several inputs"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, content: str, spec: ModelSpec, told: str) -> None:
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(CommandFailed, match=told):
        read_samples(tmp_path / "rows.csv", spec)


def test_samples_of_the_wrong_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="takes numbers"):
        read_samples(tmp_path, FEATURES)
    with pytest.raises(CommandFailed, match="no picture"):
        read_samples(tmp_path, PICTURES)
    np.savez(tmp_path / "other.npz", z=ROWS)
    with pytest.raises(CommandFailed, match="named 'x'"):
        read_samples(tmp_path / "other.npz", FEATURES)


def test_made_up_samples_fit_the_model_and_are_the_same_each_time() -> None:
    made = made_up_samples(PICTURES)["image"]
    assert (made.shape[1:], made.dtype) == ((3, 8, 8), np.float32)
    assert np.array_equal(made, made_up_samples(PICTURES)["image"])


def test_a_fixed_batch_gets_whole_batches(tmp_path: Path) -> None:
    fours = FEATURES.replaced(batch="fixed", batch_size=4)
    np.save(tmp_path / "rows.npy", ROWS)
    assert len(read_samples(tmp_path / "rows.npy", fours)["x"]) == len(made_up_samples(fours)["x"]) == 4
    np.save(tmp_path / "rows.npy", ROWS[:3])
    with pytest.raises(CommandFailed, match="one batch of 4"):
        read_samples(tmp_path / "rows.npy", fours)
    with pytest.raises(CommandFailed, match="no batch axis"):
        made_up_samples(FEATURES.replaced(batch="none"))
