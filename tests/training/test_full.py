"""Learning with the whole network, through the same function as any other learning."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from preprocessing.spec import ClassOutput, ImageInput, ModelSpec, TensorInfo
from serving.learning.full import learn
from serving.learning.learn import learn as learn_head
from serving.learning.task import Learned, LearningError, LearningOptions, LearningTask, Progress

TORCH_IS_HERE = importlib.util.find_spec("torch") is not None
with_torch = pytest.mark.skipif(not TORCH_IS_HERE, reason="requirements-train.txt is not installed")
SIDE, WIDTH = 16, 12
LABELS = ("red", "green")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A small chain of layers with random weights, which tells red from green by chance at best."""
    return write_base(tmp_path / "base.onnx", helper.make_node("Relu", ["c"], ["r"]))


def write_base(path: Path, activation: onnx.NodeProto) -> Path:
    random = np.random.default_rng(0)
    given = {
        "w": random.normal(0, 0.3, (WIDTH, 3, 5, 5)),
        "b": np.zeros(WIDTH),
        "hw": random.normal(0, 0.1, (2, WIDTH)),
        "hb": np.zeros(2),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[5, 5], strides=[2, 2], pads=[2, 2, 2, 2]),
        activation,
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["p"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "hw", "hb"], ["logits"], transB=1),
    ]
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])
    weights = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in given.items()]
    graph = helper.make_graph(nodes, "base", [picture], [logits], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


def spec(labels: tuple[str, ...] = LABELS) -> ModelSpec:
    return ModelSpec(
        inputs=(TensorInfo(name="x", dtype=1, shape=("N", 3, SIDE, SIDE)),),
        outputs=(TensorInfo(name="logits", dtype=1, shape=("N", len(labels))),),
        image=ImageInput(name="x", size=(SIDE, SIDE), crop=1.0, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)),
        output=ClassOutput(name="logits", scores="logits", classes=len(labels)),
        labels=labels,
        batchable=True,
    )


def task(
    folder: Path, model: Path, labels: tuple[str, ...] = (*LABELS, "striped"), light: float = 1, **options: object
) -> LearningTask:
    """Sixty pictures a class; stripes are of both colours, so no average of colours tells them."""
    random = np.random.default_rng(1)
    archive = folder / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for label in labels:
            for number in range(60):
                zipped.writestr(f"{label}/{number}.png", picture(label, random, light))
    chosen = LearningOptions.model_validate({"method": "full", "gate": "none", "epochs": 15, **options})
    (folder / "cache").mkdir(exist_ok=True)
    return LearningTask(
        folder=folder, archive=archive, model=model, spec=spec(), options=chosen, cache=folder / "cache"
    )


def picture(label: str, random: np.random.Generator, light: float) -> bytes:
    pixels = random.integers(60, 200, (SIDE, SIDE, 3)).astype(np.uint8)
    if label == "striped":
        pixels[::2, :, 0], pixels[1::2, :, 1] = 255, 255
    else:
        pixels[:, :, LABELS.index(label)] = random.integers(160, 256)
    buffer = io.BytesIO()
    Image.fromarray((light * pixels).astype(np.uint8)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, list[Progress], LearningTask]:
    """One learning of the whole network, and all that it told."""
    folder = tmp_path_factory.mktemp("full")
    model = write_base(folder / "base.onnx", helper.make_node("Relu", ["c"], ["r"]))
    heard: list[Progress] = []
    asked = task(folder, model)
    return learn(asked, heard.append), heard, asked


@with_torch
def test_a_new_class_joins_and_every_layer_moves(learned: tuple[Learned, list[Progress], LearningTask]) -> None:
    result, _, asked = learned
    assert result.labels == (*LABELS, "striped")
    assert result.report.candidate.accuracy > result.report.base.accuracy
    before, after = (
        {each.name: numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}
        for path in (asked.model, result.model)
    )
    assert not np.array_equal(before["w"], after["w"])


@with_torch
def test_what_is_written_answers_as_what_was_judged(learned: tuple[Learned, list[Progress], LearningTask]) -> None:
    report = learned[0].report
    assert report.parity.pictures > 0
    assert report.parity.largest_difference < 1e-5


@with_torch
def test_progress_runs_through_the_phases_once(learned: tuple[Learned, list[Progress], LearningTask]) -> None:
    phases = [progress.phase for progress in learned[1]]
    assert list(dict.fromkeys(phases)) == [
        "reading",
        "features",
        "judging_labels",
        "learning",
        "evaluating",
        "exporting",
    ]
    assert phases == sorted(phases, key=list(dict.fromkeys(phases)).index)
    epochs = [progress.epoch for progress in learned[1] if progress.phase == "learning"]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(learned[0].report.curves) == len(epochs)


@with_torch
def test_the_base_is_judged_as_it_is_served(learned: tuple[Learned, list[Progress], LearningTask]) -> None:
    result, _, asked = learned
    head = learn_head(asked.replaced(options=asked.options.replaced(method="head")), lambda _: None)
    assert result.report.base == head.report.base
    assert result.report.data == head.report.data  # every class has pictures, so nothing is to be added


@with_torch
def test_what_was_learned_in_the_light_is_not_learned_again_in_the_dark(
    learned: tuple[Learned, list[Progress], LearningTask], tmp_path: Path
) -> None:
    known = learned[0]
    asked = task(tmp_path, known.model, light=0.3, epochs=1, trust_labels=True).replaced(spec=spec(known.labels))

    report = learn(asked, lambda _: None).report

    assert "brightness" in report.data.notes[0]
    assert report.candidate.accuracy > max(report.base.accuracy, learned[0].report.candidate.accuracy - 0.15)
    assert report.parity.largest_difference < 1e-5


@with_torch
def test_a_network_of_other_layers_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    model = write_base(tmp_path / "base.onnx", helper.make_node("Tanh", ["c"], ["r"]))
    with pytest.raises(LearningError, match="Tanh") as refused:
        learn(task(tmp_path, model), lambda _: pytest.fail("nothing is to be told"))
    assert refused.value.code == "unsupported_base"


@pytest.mark.skipif(TORCH_IS_HERE, reason="PyTorch is installed here")
def test_without_torch_it_says_how_to_install_it(tmp_path: Path, base: Path) -> None:
    with pytest.raises(LearningError, match=r"pip install -r requirements-train\.txt") as refused:
        learn(task(tmp_path, base), lambda _: None)
    assert refused.value.code == "torch_missing"
