# ruff: noqa: E402, because nothing below the first check can be imported without torch.
"""A network read from ONNX into PyTorch, tuned on a few pictures, and written back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

torch = pytest.importorskip("torch", reason="requirements-train.txt is not installed")

from serving.learning.network import Chain
from serving.learning.report import Epoch
from serving.learning.task import LearningError
from serving.learning.tuning import Lesson, Pictures, Student, tune

WIDTH = 6


def chain(*more: onnx.NodeProto, pads: tuple[int, ...] = (1, 1, 1, 1), size: int = 8) -> onnx.ModelProto:
    """A small convolutional backbone: [N, 3, 8, 8] -> features [N, 6]; ``more`` nodes come in front of the last.

    ``size`` is the side of what the convolution leaves.
    """
    random = np.random.default_rng(0)
    weights = random.normal(0, 0.3, (WIDTH, 3, 3, 3)).astype(np.float32)
    given = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.zeros(WIDTH, np.float32), "b")]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[3, 3], pads=pads),
        helper.make_node("Gelu", ["c"], ["g"]),
        helper.make_node("MaxPool", ["g"], ["p"], kernel_shape=[size, size], strides=[size, size]),
        *more,
        helper.make_node("Flatten", [more[-1].output[0] if more else "p"], ["f"], axis=1),
    ]
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])
    features = helper.make_tensor_value_info("f", TensorProto.FLOAT, ["N", WIDTH])
    graph = helper.make_graph(nodes, "chain", [picture], [features], given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {model.graph.input[0].name: x})[0])


def test_the_embedded_network_computes_in_torch_what_it_does_in_onnx_runtime(root: Path) -> None:
    model = onnx.load(root / "models" / "cifar10.onnx")
    x = np.random.default_rng(0).normal(size=(5, 3, 32, 32)).astype(np.float32)
    with pytest.raises(LearningError, match="Gemm"):  # the head is no part of a backbone
        Chain(model)
    del model.graph.node[-1]
    model.graph.output[0].name = "features"
    with torch.no_grad():
        np.testing.assert_allclose(Chain(model)(torch.from_numpy(x)).numpy(), run(_shapeless(model), x), atol=1e-4)


def test_changed_weights_are_written_back_under_their_names() -> None:
    model, x = chain(), np.random.default_rng(1).normal(size=(3, 3, 8, 8)).astype(np.float32)
    body = Chain(model)
    with torch.no_grad():
        body.weights["w"].mul_(2)
        expected = body(torch.from_numpy(x)).numpy()
    written = body.model()
    assert [each.name for each in written.graph.initializer] == ["w", "b"]
    np.testing.assert_allclose(run(written, x), expected, atol=1e-5)
    assert not np.allclose(run(model, x), expected, atol=1e-2)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (chain(helper.make_node("Sigmoid", ["p"], ["s"])), "Sigmoid"),
        (chain(helper.make_node("Add", ["p", "p"], ["s"])), "line"),
        (chain(pads=(0, 0, 2, 2)), "padding"),
    ],
    ids=["an unknown layer", "a branch", "padding on one side"],
)
def test_what_torch_would_compute_otherwise_is_refused(model: onnx.ModelProto, why: str) -> None:
    with pytest.raises(LearningError, match=why) as refused:
        Chain(model)
    assert refused.value.code == "unsupported_base"


def coloured(count: int, seed: int, classes: int = 3) -> Pictures:
    """Pictures that are brightest in the channel of their class."""
    random = np.random.default_rng(seed)
    truth = np.arange(count) % classes
    tensors = random.normal(0, 0.5, (count, 3, 8, 8)).astype(np.float32)
    tensors[np.arange(count), truth] += 0.6
    return Pictures(tensors, truth)


def fresh(known: tuple[int, ...] = (), learned: tuple[int, ...] = (0, 1, 2)) -> Student:
    """A network of random weights for three classes."""
    weights = np.random.default_rng(2).normal(0, 0.5, (3, WIDTH))
    return Student(Chain(chain()), weights, np.zeros(3), known=known, learned=learned)


def silent(_epoch: Epoch) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("augment", [False, True])
def test_it_learns_and_tells_of_every_epoch(augment: bool) -> None:
    told: list[Epoch] = []
    curves = tune(fresh(), Lesson(coloured(200, 0), coloured(60, 1), epochs=8, augment=augment), told.append)
    assert tuple(told) == curves
    assert curves[-1].loss < curves[0].loss
    assert curves[-1].validation_loss < curves[0].validation_loss


def test_the_same_seed_gives_the_same_weights() -> None:
    students = [fresh() for _ in range(2)]
    for student in students:
        tune(student, Lesson(coloured(100, 0), coloured(30, 1), epochs=2, seed=5, augment=True), silent)
    first, second = (student.parameters for student in students)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_it_ends_as_it_began_where_no_epoch_was_better() -> None:
    student, x = fresh(), coloured(60, 0).tensors
    with torch.no_grad():
        student.weights.mul_(100)  # sure of whatever it says
        said = student(torch.from_numpy(x)).argmax(1).numpy()
    began = [parameter.detach().clone() for parameter in student.parameters]
    curves = tune(student, Lesson(Pictures(x, (said + 1) % 3), Pictures(x, said), epochs=30), silent)
    assert 0 < len(curves) < 30
    assert all(torch.equal(one, now) for one, now in zip(began, student.parameters, strict=True))


def test_scores_of_old_classes_move_less_where_they_are_kept() -> None:
    """Pictures of a new class teach two networks; the one that is to keep two old classes holds on to what it says."""
    every = coloured(600, 3)
    new = Pictures(every.tensors[every.truth == 2], every.truth[every.truth == 2])

    def moved(known: tuple[int, ...]) -> float:
        student, x = fresh(known), torch.from_numpy(new.tensors)
        with torch.no_grad():
            student.weights.mul_(3)  # so that a small step in the features shows
        before = student(x)[:, :2].softmax(1).detach()
        tune(student, Lesson(new, new, epochs=20), silent)
        return float((student(x)[:, :2].softmax(1).detach() - before).abs().mean())

    assert moved((0, 1)) < 0.8 * moved(())


def test_rows_of_classes_without_pictures_do_not_move() -> None:
    student = fresh(known=(0, 1), learned=(0, 2))
    before = student.weights.detach().clone()
    pictures = coloured(60, 0)
    some = Pictures(pictures.tensors[pictures.truth != 1], pictures.truth[pictures.truth != 1])
    tune(student, Lesson(some, some, epochs=3), silent)
    moved = (student.weights.detach() - before).abs().sum(1)
    assert moved[1] == 0
    assert min(moved[0], moved[2]) > 0


def _shapeless(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the output's shape, which was the head's."""
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model
