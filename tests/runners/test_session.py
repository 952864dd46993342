from __future__ import annotations

import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from preprocessing.spec import ModelSpec, TensorInfo
from runners.errors import DeadlineExceeded, InferenceFailed, LoadFailed, ModelNotLoaded
from runners.session import OnnxSession
from tests.graphs import model_bytes
from tests.runners.onnx_files import (
    CPU,
    INT64,
    centring,
    counting,
    doubling,
    looking_up,
    one_tensor_spec,
    picture_spec,
    pooling,
    summing,
)

CENTURIES = 1e18


def _open(path: Path, spec: ModelSpec, **options: Any) -> OnnxSession:
    return OnnxSession(path, spec, **({"threads": 1, "providers": CPU} | options))


def _rows(*values: float, width: int = 4, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    return {"x": np.repeat(np.array(values, dtype)[:, None], width, axis=1)}


@pytest.fixture
def counter(tmp_path: Path) -> OnnxSession:
    """Takes as long as it is told to."""
    return _open(counting(tmp_path / "m.onnx"), one_tensor_spec(("N", 1), (1,)))


def test_every_output_comes_by_name(tmp_path: Path) -> None:
    answer = _open(doubling(tmp_path / "m.onnx"), one_tensor_spec()).run(_rows(1, 2))

    assert list(answer) == ["y"]
    assert answer["y"].tolist() == [[2.0] * 4, [4.0] * 4]


def test_inputs_that_do_not_fit_never_reach_the_model(tmp_path: Path) -> None:
    session = _open(doubling(tmp_path / "m.onnx"), one_tensor_spec())

    with pytest.raises(InferenceFailed, match=r"shape \[1, 5\]; the model takes \[N, 4\]"):
        session.run(_rows(1, width=5))
    assert session.rows(_rows(1, 2, 3)) == 3


def test_a_refusal_of_the_model_itself_is_told_in_plain_words(tmp_path: Path) -> None:
    session = _open(looking_up(tmp_path / "m.onnx"), one_tensor_spec(("N", 1), ("N", 1), dtype=INT64))

    with pytest.raises(InferenceFailed, match=r"^The model could not run on these inputs: Gather node: indices"):
        session.run(_rows(9, width=1, dtype=np.int64))
    assert session.run(_rows(2, width=1, dtype=np.int64))["y"].tolist() == [[30.0]]


@pytest.mark.parametrize("break_file", [Path.unlink, lambda path: path.write_bytes(b"no model")])
def test_a_file_that_cannot_be_loaded_is_refused_without_its_path(
    tmp_path: Path, break_file: Callable[[Path], Any]
) -> None:
    path = doubling(tmp_path / "m.onnx")
    break_file(path)

    with pytest.raises(LoadFailed) as refused:
        _open(path, one_tensor_spec())
    assert "The model could not be loaded: " in str(refused.value)
    assert "/" not in str(refused.value)


# Deadlines.


def test_a_run_past_its_deadline_is_ended_and_the_session_lives_on(counter: OnnxSession) -> None:
    started = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        counter.run(_rows(CENTURIES, width=1), deadline=started + 0.05)

    assert time.monotonic() - started >= 0.05
    assert counter.run(_rows(3, width=1), deadline=time.monotonic() + 30)["y"].tolist() == [3.0]


def test_a_run_whose_deadline_has_passed_does_not_begin(counter: OnnxSession) -> None:
    with pytest.raises(DeadlineExceeded):
        counter.run(_rows(CENTURIES, width=1), deadline=time.monotonic())


def test_a_run_that_is_ended_leaves_another_on_the_same_session_alone(counter: OnnxSession) -> None:
    answers: list[Any] = []

    def patient() -> None:
        answers.append(counter.run(_rows(200_000, width=1), deadline=time.monotonic() + 60)["y"].tolist())

    thread = threading.Thread(target=patient)
    thread.start()
    with pytest.raises(DeadlineExceeded):
        counter.run(_rows(CENTURIES, width=1), deadline=time.monotonic() + 0.02)
    thread.join()

    assert answers == [[200_000.0]]


def test_runs_with_deadlines_share_one_more_thread(tmp_path: Path) -> None:
    session = _open(doubling(tmp_path / "m.onnx"), one_tensor_spec())
    session.run(_rows(1), deadline=time.monotonic() + 3600)
    before = threading.active_count()

    for _ in range(50):
        session.run(_rows(1), deadline=time.monotonic() + 3600)

    assert threading.active_count() == before


# Rows.


def _fixed(tmp_path: Path, size: int) -> OnnxSession:
    spec = one_tensor_spec((size, 4), (size, 4), batch="fixed", batch_size=size)
    return _open(doubling(tmp_path / "m.onnx", (size, 4)), spec)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
def test_a_fixed_batch_takes_any_number_of_rows_and_answers_as_many(tmp_path: Path, count: int) -> None:
    values = [float(n) for n in range(count)]

    assert _fixed(tmp_path, 3).run(_rows(*values))["y"].tolist() == [[2 * value] * 4 for value in values]


def test_what_a_fixed_batch_answers_besides_rows_stays_whole(tmp_path: Path) -> None:
    path = summing(tmp_path / "m.onnx")
    session = _open(path, one_tensor_spec(("N", 4), (4,), batch="fixed", batch_size=2))

    assert session.run(_rows(1, 2))["y"].tolist() == [3.0] * 4
    with pytest.raises(InferenceFailed, match="at most that many"):
        session.run(_rows(1, 2, 3))


def test_the_deadline_holds_for_all_pieces_together(tmp_path: Path) -> None:
    session = _open(counting(tmp_path / "m.onnx"), one_tensor_spec(("N", 1), (1,), batch="fixed", batch_size=1))

    with pytest.raises(DeadlineExceeded):
        session.run(_rows(*[CENTURIES] * 50, width=1), deadline=time.monotonic() + 0.05)


def test_a_model_without_batch_axis_is_answered_as_it_answers(tmp_path: Path) -> None:
    session = _open(doubling(tmp_path / "m.onnx", (4,)), one_tensor_spec((4,), (4,), batch="none"))

    assert session.run({"x": np.arange(4, dtype=np.float32)})["y"].tolist() == [0, 2, 4, 6]


def test_rows_of_a_free_batch_are_run_together(tmp_path: Path) -> None:
    answer = _open(centring(tmp_path / "m.onnx"), one_tensor_spec()).run(_rows(1, 3))

    assert answer["y"][:, 0].tolist() == [-1.0, 1.0]


def test_outputs_may_be_lists_of_maps_and_texts(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ZipMap", ["x"], ["maps"], domain="ai.onnx.ml", classlabels_strings=["a", "b"]),
        helper.make_node("Cast", ["x"], ["texts"], to=TensorProto.STRING),
    ]
    maps = helper.make_value_info(
        "maps",
        helper.make_sequence_type_proto(
            helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        ),
    )
    texts = helper.make_tensor_value_info("texts", TensorProto.STRING, ["N", 2])
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])
    path = tmp_path / "m.onnx"
    path.write_bytes(model_bytes(nodes, [given], [maps, texts]))

    answer = _open(path, one_tensor_spec(("N", 2))).run(_rows(1, 2, width=2))

    assert answer["maps"] == [{"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 2.0}]
    assert answer["texts"].tolist() == [["1", "1"], ["2", "2"]]


# Options.


def test_a_provider_that_is_missing_ends_the_load_with_those_that_are_there(tmp_path: Path) -> None:
    path = doubling(tmp_path / "m.onnx")

    with pytest.raises(LoadFailed, match=r"has no NoSuchExecutionProvider; it has .*CPUExecutionProvider"):
        _open(path, one_tensor_spec(), providers=("NoSuchExecutionProvider",))
    with pytest.raises(LoadFailed, match="no provider to use"):
        _open(path, one_tensor_spec(), providers=())


def test_a_provider_that_is_missing_is_passed_over_where_the_cpu_is_allowed(tmp_path: Path) -> None:
    session = _open(doubling(tmp_path / "m.onnx"), one_tensor_spec(), providers=("NoSuchExecutionProvider", *CPU))

    assert session.run(_rows(1))["y"].tolist() == [[2.0] * 4]


def test_a_picture_of_free_size_is_answered_in_the_size_of_the_spec(tmp_path: Path) -> None:
    session = _open(pooling(tmp_path / "m.onnx"), picture_spec(size=(8, 6)))

    answer = session.run({"x": np.ones((2, 3, 8, 6), np.float32)})

    np.testing.assert_allclose(answer["y"], np.ones((2, 3)), rtol=1e-5)
    with pytest.raises(InferenceFailed):
        session.run({"x": np.ones((1, 3, 2, 2), np.float32)})


@pytest.mark.parametrize("shape", [("N", 3, None, None), ("N", 3, "S", "S")])
def test_a_picture_whose_free_axes_cannot_be_named_apart_is_still_answered(tmp_path: Path, shape: Any) -> None:
    session = _open(pooling(tmp_path / "m.onnx", shape), picture_spec(shape, size=(8, 8)))

    assert session.run({"x": np.ones((1, 3, 8, 8), np.float32)})["y"].shape == (1, 3)


def test_a_network_of_free_size_fails_cleanly_on_a_picture_that_is_too_small(shared: Path, tmp_path: Path) -> None:
    """At ONNX Runtime's default optimisation this very run kills the process, so it is made in one of its own."""
    path = shared / "odd_onnx" / "real" / "squeezenet_v1.0_dynamic_hw.onnx"
    lines = [
        "import sys, numpy as np; from pathlib import Path",
        "from preprocessing.spec import ModelSpec, TensorInfo; from runners.session import OnnxSession",
        "spec = ModelSpec(inputs=(TensorInfo(name='data', dtype=1, shape=('N', 3, 'H', 'W')),), outputs=())",
        "session = OnnxSession(Path(sys.argv[1]), spec, threads=1, providers=('CPUExecutionProvider',))",
        "session.run({'data': np.ones((1, 3, 8, 8), np.float32)})",
    ]
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(path)], cwd=root, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 1, ended.stderr
    assert "InferenceFailed: The model could not run on these inputs" in ended.stderr


def test_a_model_that_loops_for_ever_is_ended(shared: Path) -> None:
    spec = ModelSpec(inputs=(TensorInfo(name="x", dtype=1, shape=("N", 4)),), outputs=())
    session = _open(shared / "odd_onnx" / "generated" / "dos_loop_practically_forever.onnx", spec)

    with pytest.raises(DeadlineExceeded):
        session.run(_rows(1), deadline=time.monotonic() + 0.1)


# The end.


def test_a_closed_session_runs_nothing_and_gives_its_memory_back(tmp_path: Path) -> None:
    session = _open(doubling(tmp_path / "m.onnx"), one_tensor_spec())
    inside = weakref.ref(session._session)

    session.close()

    assert inside() is None
    with pytest.raises(ModelNotLoaded):
        session.run(_rows(1))
