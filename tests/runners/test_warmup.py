from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.spec import ImageInput, ModelSpec, TensorInfo
from runners.errors import LoadFailed
from runners.rows import Answer, Feed
from runners.session import OnnxSession
from runners.warmup import warm_up, warmup_feed
from tests.runners.onnx_files import (
    CPU,
    FLOAT,
    INT64,
    STRING,
    counting,
    doubling,
    looking_up,
    one_tensor_spec,
    picture_spec,
    pooling,
)


class NotingSession(OnnxSession):
    """A session that remembers the shapes it was run with."""

    def __init__(self, path: Path, spec: ModelSpec) -> None:
        super().__init__(path, spec, threads=1, providers=CPU)
        self.shapes: list[tuple[int, ...]] = []

    def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
        self.shapes += [array.shape for array in inputs.values()]
        return super().run(inputs, deadline=deadline)


def _shapes(path: Path, spec: ModelSpec) -> list[tuple[int, ...]]:
    session = NotingSession(path, spec)
    assert warm_up(session, spec).answered
    return session.shapes


def test_a_picture_model_is_warmed_in_its_real_size(tmp_path: Path) -> None:
    assert _shapes(pooling(tmp_path / "m.onnx"), picture_spec(size=(8, 6))) == [(1, 3, 8, 6)]


def test_a_model_whose_rows_may_be_batched_is_warmed_with_two_rows_first(tmp_path: Path) -> None:
    assert _shapes(doubling(tmp_path / "m.onnx"), one_tensor_spec(batchable=True)) == [(2, 4), (1, 4)]


def test_a_model_without_batch_axis_is_warmed_as_declared(tmp_path: Path) -> None:
    assert _shapes(doubling(tmp_path / "m.onnx", (4,)), one_tensor_spec((4,), (4,), batch="none")) == [(4,)]


def test_a_feed_has_the_dtypes_of_the_spec() -> None:
    inputs = (
        TensorInfo(name="picture", dtype=2, shape=("N", "H", "W", 3)),
        TensorInfo(name="text", dtype=STRING, shape=("N", 1)),
        TensorInfo(name="half", dtype=10, shape=(None, 2, "F")),
        TensorInfo(name="any", dtype=INT64, shape=None),
    )
    image = ImageInput(name="picture", size=(5, 7), layout="NHWC", dtype="uint8")

    feed = warmup_feed(ModelSpec(inputs=inputs, outputs=(), image=image), 2, free=8)

    assert {name: (array.dtype.name, array.shape) for name, array in feed.items()} == {
        "picture": ("uint8", (2, 5, 7, 3)),
        "text": ("object", (2, 1)),
        "half": ("float16", (2, 2, 8)),
        "any": ("int64", (2, 8)),
    }
    assert feed["text"].tolist() == [["1"], ["1"]]


def test_another_value_is_tried_where_the_model_refuses_the_first(tmp_path: Path) -> None:
    """An index of 1 is too high for a table of one entry; 0 is not."""
    spec = one_tensor_spec(("N", 1), ("N", 1), dtype=INT64)

    proof = warm_up(NotingSession(looking_up(tmp_path / "m.onnx", (10,)), spec), spec)

    assert proof.answered
    assert proof.feed["x"].tolist() == [[0]]
    assert proof.seconds > 0


def test_a_model_that_knows_neither_value_is_loaded_all_the_same_if_it_takes_categories(tmp_path: Path) -> None:
    spec = one_tensor_spec(("N", 1), ("N", 1), dtype=INT64)

    proof = warm_up(NotingSession(looking_up(tmp_path / "m.onnx", offset=50), spec), spec)

    assert not proof.answered
    assert proof.seconds == 0


@pytest.mark.parametrize("size", [(3, 3), (8, 4)])
def test_a_picture_model_that_cannot_run_its_own_size_is_not_loaded(tmp_path: Path, size: tuple[int, int]) -> None:
    spec = picture_spec(("N", 3, None, None), size=size)

    with pytest.raises(LoadFailed, match="failed its warm-up"):
        warm_up(NotingSession(pooling(tmp_path / "m.onnx", ("N", 3, None, None)), spec), spec)


def test_a_model_of_numbers_that_runs_on_none_is_not_loaded(tmp_path: Path) -> None:
    spec = one_tensor_spec(("N", 5), ("N", 5))

    with pytest.raises(LoadFailed, match="failed its warm-up"):
        warm_up(NotingSession(doubling(tmp_path / "m.onnx"), spec), spec)


def test_an_input_that_cannot_be_made_up_is_told(tmp_path: Path) -> None:
    spec = one_tensor_spec(dtype=16)

    with pytest.raises(LoadFailed, match="element type that cannot be sent"):
        warm_up(NotingSession(doubling(tmp_path / "m.onnx"), spec), spec)


def test_a_warm_up_that_does_not_end_is_a_failed_load(tmp_path: Path) -> None:
    spec = one_tensor_spec(("N", 1), (1,))
    path = counting(tmp_path / "m.onnx", at_least=10**15)

    with pytest.raises(LoadFailed, match="still running at the deadline"):
        warm_up(NotingSession(path, spec), spec, seconds=0.05)


def test_the_real_models_warm_up(shared: Path) -> None:
    image = ImageInput(name="input", size=(224, 224))
    tensor = TensorInfo(name="input", dtype=FLOAT, shape=("N", 3, 224, 224))
    spec = ModelSpec(inputs=(tensor,), outputs=(), image=image, batchable=True)

    assert _shapes(shared / "models" / "mobilenet_v1_0.75_224.onnx", spec) == [(2, 3, 224, 224), (1, 3, 224, 224)]
