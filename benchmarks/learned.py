"""A ResNet-50 that tells pictures apart: random convolutions, and a last layer that was learned on CIFAR-10.

Where the last layer is random as well, every picture falls into one class, and no mode of execution can be judged by
that.  What random convolutions make of a picture is enough to tell animals from what goes on roads and from what flies
or swims, in seven of ten pictures: a classifier like any other, at the cost of a trained one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from PIL import Image

from benchmarks import graphs
from benchmarks.learning.pictures import encoded
from benchmarks.peers.preprocessing import Recipe
from serving.learning.head import Head, Lesson, fit
from training.dataset import Pixels, load_dataset

KINDS = ("animal", "car or truck", "plane or ship")
"""The classes, in order."""

_KIND_OF = {"automobile": 1, "truck": 1, "airplane": 2, "ship": 2}
LEARNED, JUDGED = 600, 240
"""Pictures: those of the training set that the last layer is learned from, those of the test set for judging."""

_PULL, _EPOCHS = 1e-5, 80


def learned_resnet(cifar: Path, recipe: Recipe, stages: Sequence[int] = graphs.RESNET_50) -> bytes:
    """The model, its last layer learned from pictures of the data set in the folder ``cifar``; takes half a minute."""
    data = load_dataset(cifar)
    kinds = np.array([_KIND_OF.get(name, 0) for name in data.classes])[data.y_train[:LEARNED]]
    proto = onnx.load_from_string(graphs.resnet(stages, len(KINDS)))
    head = _learned(_features(proto, recipe, data.x_train[:LEARNED]), kinds)
    (last,) = (node for node in proto.graph.node if node.op_type == "Gemm")
    new = {last.input[1]: head.weights.T, last.input[2]: head.bias}
    for held in proto.graph.initializer:
        if held.name in new:
            held.CopyFrom(numpy_helper.from_array(new[held.name].astype(np.float32), held.name))
    return bytes(proto.SerializeToString())


def write_unseen(cifar: Path, archive: Path) -> None:
    """Put pictures that the last layer was not learned from into a ZIP, for modes of execution to be judged on."""
    with ZipFile(archive, "w") as written:
        for number, pixels in enumerate(load_dataset(cifar).x_test[:JUDGED]):
            written.writestr(f"{number}.png", encoded(Image.fromarray(pixels), "PNG"))


def _features(proto: onnx.ModelProto, recipe: Recipe, pictures: Pixels) -> np.ndarray:
    """What the last layer gets of each picture, [pictures, features]."""
    (name,) = (node.input[0] for node in proto.graph.node if node.op_type == "Gemm")
    cut = onnx.ModelProto()
    cut.CopyFrom(proto)
    cut.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = ort.InferenceSession(cut.SerializeToString())
    each = (session.run([name], {recipe.input: recipe.tensor(Image.fromarray(pixels))})[0] for pixels in pictures)
    return np.vstack(list(each))


def _learned(features: np.ndarray, kinds: np.ndarray) -> Head:
    count = len(KINDS)
    targets = np.eye(count + 1)[kinds]  # no picture belongs to the last column
    lesson = Lesson(features, targets, np.full(len(kinds), -np.inf), np.ones(len(kinds)))
    start = Head(np.zeros((count, features.shape[1])), np.zeros(count))
    *_, learned = islice(fit(lesson, start, _PULL), _EPOCHS)
    return learned
