"""Train the embedded default model: a small CIFAR-10 classifier, exported to ONNX.

    python notebooks/train_cifar10.py --data ../shared/data/cifar10 --out models --epochs 24

The network is a whitened 2x2 convolution and three groups of two 3x3 convolutions (under 0.95 M
parameters), trained with SGD on one triangular learning rate. What is exported is the moving
average of the weights after the last epoch; the test pictures are looked at once, at the end,
through the ONNX file itself. Every figure in the model card comes from that evaluation.

A checkpoint is written after each epoch; `--resume` goes on from it and ends with the same weights
as a run that was never stopped. `--export-only` exports the checkpoint as it stands.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional as F

MODEL_NAME = "cifar10"
OPSET, IR_VERSION = 20, 9  # the first opset with a Gelu; ONNX Runtime 1.17 and later read both
MAX_BYTES = 4_000_000
MAX_PARITY_ERROR = 1e-4
SIDE = 32
PREPROCESSING: dict[str, Any] = {
    "size": [SIDE, SIDE],
    "layout": "NCHW",
    "color": "RGB",
    "resize": "shortest",
    "crop": 1.0,
    "interpolation": "bilinear",
    "scale": 1 / 255,
    "mean": [0.4914, 0.4822, 0.4465],
    "std": [0.2470, 0.2435, 0.2616],
}

Pixels = npt.NDArray[np.uint8]  # [N, 32, 32, 3] RGB
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

console = Console()


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights; two runs with equal recipes give equal models."""

    epochs: int = 24
    seed: int = 0
    smoke: bool = False
    batch: int = 500
    widths: tuple[int, int, int] = (48, 128, 224)
    peak_lr: float = 0.4  # for the mean loss of a batch
    warmup: float = 0.2  # share of all steps
    momentum: float = 0.9
    weight_decay: float = 1e-3  # convolutions and head; never biases
    bias_lr_factor: float = 16.0  # the batch norms' biases learn faster
    smoothing: tuple[float, float] = (0.15, 0.05)  # first and last step
    translate: int = 3  # pixels
    cutout: int = 8  # pixels
    ema: float = 0.995  # per step

    def learning_rate(self, progress: float) -> float:
        """The triangular schedule at `progress` in 0..1."""
        rise = progress / self.warmup
        fall = (1 - progress) / (1 - self.warmup)
        return self.peak_lr * max(0.0, min(rise, fall))

    def label_smoothing(self, progress: float) -> float:
        """Falls linearly: much of it regularises early, little at the end keeps scores honest."""
        first, last = self.smoothing
        return first + (last - first) * progress


@dataclass(frozen=True)
class Data:
    """CIFAR-10 as uint8 pixels [N, 32, 32, 3] and class indices [N]."""

    x_train: Pixels
    y_train: Ints
    x_test: Pixels
    y_test: Ints
    classes: list[str]


@dataclass
class Epoch:
    """One line of the history; loss and accuracy are those of the augmented training pictures."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float

    def __str__(self) -> str:
        figures = f"loss {self.loss:.4f}, accuracy {self.accuracy:.4f}, {self.seconds:.0f} s"
        return f"epoch {self.epoch}: {figures}"


@dataclass
class State:
    """All that training changes."""

    model: Net
    optimizer: torch.optim.SGD
    ema: list[Tensor]
    history: list[Epoch] = field(default_factory=list)


# --- data -------------------------------------------------------------------------------------


def load_data(folder: Path, recipe: Recipe) -> Data:
    """Read the data set with the loader that lies beside it; a smoke run keeps a few hundred."""
    spec = importlib.util.spec_from_file_location("load_cifar10", folder / "load_cifar10.py")
    if spec is None or spec.loader is None or not (folder / "load_cifar10.py").is_file():
        raise SystemExit(f"no load_cifar10.py in {folder}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    raw = module.load()
    picks = np.random.default_rng(0)  # the files are sorted by class
    train, test = (picks.permutation(len(raw[k])) for k in ("y_train", "y_test"))
    if recipe.smoke:
        train, test = train[:600], test[:500]
    return Data(
        np.ascontiguousarray(raw["x_train"][train]),
        np.asarray(raw["y_train"], np.int64)[train],
        np.ascontiguousarray(raw["x_test"][test]),
        np.asarray(raw["y_test"], np.int64)[test],
        [str(name) for name in raw["class_names"]],
    )


def normalise(pixels: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] -> float32 [B, 3, H, W] as the preprocessing file says.

    The result is a view with the channels last in memory, which the convolutions want anyway.
    """
    mean, std = torch.tensor(PREPROCESSING["mean"]), torch.tensor(PREPROCESSING["std"])
    scaled = pixels.float().mul_(PREPROCESSING["scale"] / std).sub_(mean / std)
    return scaled.permute(0, 3, 1, 2)


class Augmenter:
    """Batches of shifted, mirrored, partly hidden training pictures, made in a few tensor ops."""

    def __init__(self, data: Data, recipe: Recipe) -> None:
        pad = recipe.translate
        border = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        self.padded = torch.from_numpy(np.pad(data.x_train, border, mode="reflect"))
        self.labels = torch.from_numpy(data.y_train)
        self.recipe = recipe
        start = torch.Generator().manual_seed(recipe.seed)
        self.mirrored = torch.randint(0, 2, (len(self.labels),), generator=start)

    @property
    def batches(self) -> int:
        """Batches in an epoch; an incomplete last one is left out, other pictures each time."""
        return max(1, len(self.labels) // self.recipe.batch)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (pictures [B, 3, 32, 32], labels [B]); depends only on the seed and `epoch`."""
        rng = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self.labels), generator=rng)
        for step in range(self.batches):
            index = order[step * self.recipe.batch : (step + 1) * self.recipe.batch]
            yield self._pictures(index, epoch, rng), self.labels[index]

    def _pictures(self, index: Tensor, epoch: int, rng: torch.Generator) -> Tensor:
        # Each picture is mirrored in every second epoch: both views are seen equally often.
        flip = ((self.mirrored[index] + epoch) % 2).bool()[:, None]
        shift = torch.randint(0, 2 * self.recipe.translate + 1, (2, len(index), 1), generator=rng)
        ramp = torch.arange(SIDE)[None]
        rows = shift[0] + ramp
        columns = shift[1] + torch.where(flip, SIDE - 1 - ramp, ramp)
        pixels = self.padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]
        return normalise(pixels).mul_(self._window(len(index), rng))

    def _window(self, count: int, rng: torch.Generator) -> Tensor:
        """[B, 1, 32, 32]: 0 inside one random square of each picture, 1 elsewhere."""
        start = torch.randint(1 - self.recipe.cutout, SIDE, (2, count, 1), generator=rng)
        offset = torch.arange(SIDE)[None] - start
        inside = (offset >= 0) & (offset < self.recipe.cutout)
        return (~(inside[0][:, :, None] & inside[1][:, None, :])).float()[:, None]


# --- network ----------------------------------------------------------------------------------


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A same-size convolution that begins by passing its inputs through unchanged."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:inputs])
    return conv


def bias_of(conv: nn.Conv2d) -> Tensor:
    """The bias of a convolution that has one."""
    if conv.bias is None:
        raise TypeError("the convolution has no bias")
    return conv.bias


class UnitNorm(nn.BatchNorm2d):
    """Batch norm with a learnt bias and scale 1, so that it folds through a max pool."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.weight.requires_grad_(False)


class Group(nn.Module):
    """Two convolutions; the first widens and halves the side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.widen, self.norm1 = conv3x3(inputs, outputs), UnitNorm(outputs)
        self.refine, self.norm2 = conv3x3(outputs, outputs), UnitNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, s, s] -> [B, outputs, s // 2, s // 2]."""
        x = F.gelu(self.norm1(F.max_pool2d(self.widen(x), 2)))
        return F.gelu(self.norm2(self.refine(x)))


class Net(nn.Module):
    """[B, 3, 32, 32] normalised -> logits [B, 10]; sides 31, 15, 7, 3, 1."""

    def __init__(self, widths: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        inputs = (24, *widths[:-1])
        self.groups = nn.ModuleList(Group(i, o) for i, o in zip(inputs, widths, strict=True))
        self.head = nn.Linear(widths[-1], classes)
        self.logit_scale = 1 / 9  # small logits at the start: the high learning rate needs it

    def forward(self, x: Tensor) -> Tensor:
        """Raw scores; softmax makes probabilities of them."""
        x = F.gelu(self.whiten(x))
        for group in self.groups:
            x = group(x)
        logits: Tensor = self.head(F.max_pool2d(x, 3).flatten(1)) * self.logit_scale
        return logits

    def stages(self) -> list[Group]:
        """The groups in order, with their type."""
        return [group for group in self.groups if isinstance(group, Group)]

    @torch.no_grad()
    def set_whitening(self, pictures: Tensor) -> None:
        """Make the first layer decorrelate 2x2 patches: 12 eigenvectors, each with both signs."""
        patches = F.unfold(pictures, 2).transpose(1, 2).reshape(-1, 12).double()
        covariance = patches.T @ patches / len(patches)
        values, vectors = torch.linalg.eigh(covariance)
        filters = (vectors / (values + 5e-4).sqrt()).T.reshape(12, 3, 2, 2).float()
        self.whiten.weight.copy_(torch.cat([filters, -filters]))
        nn.init.zeros_(bias_of(self.whiten))


# --- training ---------------------------------------------------------------------------------


def make_state(recipe: Recipe, data: Data) -> State:
    """A fresh network, its optimiser and the average of its weights."""
    torch.manual_seed(recipe.seed)
    model = Net(recipe.widths, len(data.classes))
    model.set_whitening(normalise(torch.from_numpy(data.x_train[:5000])).contiguous())
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    weights = [p for n, p in trained if p.ndim > 1]
    norms = [p for n, p in trained if p.ndim == 1 and "norm" in n]
    biases = [p for n, p in trained if p.ndim == 1 and "norm" not in n]
    optimizer = torch.optim.SGD(
        [
            {"params": weights, "weight_decay": recipe.weight_decay, "factor": 1.0},
            {"params": norms, "factor": recipe.bias_lr_factor},
            {"params": biases, "factor": 1.0},
        ],
        lr=recipe.peak_lr,
        momentum=recipe.momentum,
        nesterov=True,
    )
    return State(model, optimizer, [p.detach().clone() for _, p in trained])


def averaged(model: nn.Module) -> list[Tensor]:
    """The parameters whose moving average is kept, in a fixed order."""
    return [p.detach() for p in model.parameters() if p.requires_grad]


def train_step(state: State, recipe: Recipe, x: Tensor, y: Tensor, step: int, steps: int) -> Tensor:
    """One update; returns [loss, share of right answers] of this batch."""
    progress = step / steps
    for group in state.optimizer.param_groups:
        group["lr"] = recipe.learning_rate(progress) * group["factor"]
    logits = state.model(x)
    loss = F.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing(progress))
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    keep = min(recipe.ema, (1 + step) / (10 + step))  # a short memory while weights still run
    torch._foreach_lerp_(state.ema, averaged(state.model), 1 - keep)
    return torch.stack([loss.detach(), (logits.detach().argmax(1) == y).float().mean()])


def train_epoch(state: State, recipe: Recipe, batches: Augmenter, bar: Progress, task: Any) -> None:
    """Go through the training pictures once and add a line to the history."""
    number, began = len(state.history), time.perf_counter()
    steps = recipe.epochs * batches.batches
    sums = torch.zeros(2)
    state.model.train()
    for i, (x, y) in enumerate(batches.epoch(number)):
        sums += train_step(state, recipe, x, y, number * batches.batches + i, steps)
        loss, accuracy = (sums / (i + 1)).tolist()
        bar.update(task, advance=1, epoch=number + 1, loss=loss, accuracy=accuracy)
    if not np.isfinite(loss):
        raise SystemExit(f"epoch {number + 1}: the loss is {loss}; lower the learning rate")
    seconds = time.perf_counter() - began
    state.history.append(Epoch(number + 1, round(loss, 4), round(accuracy, 4), round(seconds, 1)))


def train(state: State, recipe: Recipe, data: Data, work: Path) -> None:
    """Run the epochs that are left, with a checkpoint and the history on disk after each."""
    batches = Augmenter(data, recipe)
    columns = ("epoch {task.fields[epoch]}", "loss {task.fields[loss]:.3f}")
    with Progress(
        *(TextColumn(c) for c in columns),
        TextColumn("accuracy {task.fields[accuracy]:.3f}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        last = state.history[-1] if state.history else Epoch(0, 0.0, 0.0, 0.0)
        total = recipe.epochs
        task = bar.add_task(
            "", total=total * batches.batches, completed=last.epoch * batches.batches,
            epoch=last.epoch, loss=last.loss, accuracy=last.accuracy,
        )  # fmt: skip
        while len(state.history) < total:
            train_epoch(state, recipe, batches, bar, task)
            save_checkpoint(state, recipe, work)
            console.print(str(state.history[-1]))


@torch.no_grad()
def final_model(state: State, recipe: Recipe, data: Data) -> Net:
    """The averaged weights, with batch-norm statistics taken anew from plain training pictures."""
    model = Net(recipe.widths, len(data.classes))
    model.load_state_dict(state.model.state_dict())
    trained = [p for p in state.model.parameters() if p.requires_grad]
    names = {id(p): n for n, p in state.model.named_parameters()}
    own = dict(model.named_parameters())
    for parameter, average in zip(trained, state.ema, strict=True):
        own[names[id(parameter)]].copy_(average)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in model.modules():
        if isinstance(module, UnitNorm):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches
    model.train()
    for start in range(0, min(20_000, len(data.x_train)), 500):
        model(normalise(torch.from_numpy(data.x_train[start : start + 500])))
    return model.eval()


# --- checkpoints ------------------------------------------------------------------------------


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` as a whole: a reader or a crash never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Readable JSON with a final newline."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def save_checkpoint(state: State, recipe: Recipe, work: Path) -> None:
    """Write all a resumed run needs; random states are not: they follow from the epoch."""
    work.mkdir(parents=True, exist_ok=True)
    temporary = work / ".checkpoint.new"
    history = [asdict(e) for e in state.history]
    content = {
        "recipe": json.dumps(asdict(recipe)),
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "ema": state.ema,
        "history": history,
    }
    torch.save(content, temporary)
    temporary.replace(work / "checkpoint.pt")
    write_json(work / "history.json", history)


def load_checkpoint(state: State, recipe: Recipe, work: Path) -> None:
    """Continue where the checkpoint in `work` ended; another recipe's checkpoint is refused."""
    path = work / "checkpoint.pt"
    if not path.is_file():
        raise SystemExit(f"no checkpoint at {path}")
    content = torch.load(path, weights_only=True)
    if content["recipe"] != json.dumps(asdict(recipe)):
        raise SystemExit(f"{path} belongs to another recipe: {content['recipe']}")
    state.model.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    for average, saved in zip(state.ema, content["ema"], strict=True):
        average.copy_(saved)
    state.history = [Epoch(**e) for e in content["history"]]


# --- export -----------------------------------------------------------------------------------


class Graph:
    """Collects the nodes and weights of a chain: each operator reads what the last one wrote."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "image"

    def add(self, op: str, name: str, *weights: Tensor, **attributes: Any) -> None:
        """Append one operator whose output has its own name."""
        inputs = [self.last]
        for tensor, kind in zip(weights, ("weight", "bias"), strict=False):
            values = tensor.detach().contiguous().numpy().astype(np.float32)
            self.weights.append(numpy_helper.from_array(values, f"{name}.{kind}"))
            inputs.append(f"{name}.{kind}")
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self.last = name


def folded(conv: nn.Conv2d, norm: UnitNorm) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that does both; right also with a max pool between them.

    A max pool commutes with a positive factor and with a shift, and 1 / sqrt(variance) is positive.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without statistics cannot be folded")
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor


def build_graph(model: Net) -> Graph:
    """The evaluated network as ONNX operators, batch norm and the logit scale folded away."""
    graph = Graph()
    graph.add("Conv", "whiten", model.whiten.weight, bias_of(model.whiten), kernel_shape=[2, 2])
    graph.add("Gelu", "whiten_gelu")
    same = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    for number, group in enumerate(model.stages(), 1):
        prefix = f"group{number}"
        graph.add("Conv", f"{prefix}_widen", *folded(group.widen, group.norm1), **same)
        graph.add("MaxPool", f"{prefix}_pool", kernel_shape=[2, 2], strides=[2, 2])
        graph.add("Gelu", f"{prefix}_gelu1")
        graph.add("Conv", f"{prefix}_refine", *folded(group.refine, group.norm2), **same)
        graph.add("Gelu", f"{prefix}_gelu2")
    graph.add("MaxPool", "pool", kernel_shape=[3, 3], strides=[3, 3])
    graph.add("Flatten", "features", axis=1)
    scale = model.logit_scale
    graph.add("Gemm", "logits", model.head.weight * scale, model.head.bias * scale, transB=1)
    return graph


def to_onnx(model: Net, classes: list[str]) -> bytes:
    """A checked ONNX file: `image` float32 [N, 3, 32, 32] -> `logits` float32 [N, classes]."""
    graph, kind = build_graph(model), TensorProto.FLOAT
    image = helper.make_tensor_value_info("image", kind, ["N", 3, SIDE, SIDE])
    logits = helper.make_tensor_value_info("logits", kind, ["N", len(classes)])
    proto = helper.make_model(
        helper.make_graph(graph.nodes, MODEL_NAME, [image], [logits], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="lens",
        doc_string="CIFAR-10 classifier; normalise the input as cifar10.preprocessing.json says.",
    )
    helper.set_model_props(proto, {"labels": json.dumps(classes)})
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString()
    return content


# --- evaluation -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """What the exported file answers on the test pictures, and how far it is from torch."""

    confusion: Ints  # [true class, answer]
    confidence: Floats  # [N] the largest probability
    right: npt.NDArray[np.bool_]  # [N]
    noise_confidence: Floats  # [M] the same for pictures of uniform noise
    parity_error: float  # largest absolute difference of a logit
    milliseconds: float  # one picture alone, median

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.right.mean())

    def calibration_error(self, bins: int = 15) -> float:
        """Expected calibration error: mean distance of confidence and accuracy over equal bins."""
        place = np.minimum((self.confidence * bins).astype(int), bins - 1)
        gaps = np.bincount(place, self.confidence - self.right, bins)
        return float(np.abs(gaps).sum() / len(self.right))


def preprocess(pixels: Pixels, how: dict[str, Any]) -> Floats:
    """uint8 [N, 32, 32, 3] -> float32 [N, 3, 32, 32] by the preprocessing file, in numpy."""
    mean, std = np.float32(how["mean"]), np.float32(how["std"])
    scaled = (pixels.astype(np.float32) * np.float32(how["scale"]) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def answers(session: ort.InferenceSession, pixels: Pixels, how: dict[str, Any]) -> Floats:
    """Logits [N, classes] of the file, in batches of 500."""
    starts = range(0, len(pixels), 500)
    batches = (preprocess(pixels[start : start + 500], how) for start in starts)
    return np.concatenate([session.run(["logits"], {"image": batch})[0] for batch in batches])


def softmax(logits: Floats) -> Floats:
    """Probabilities [N, classes]."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def time_one(session: ort.InferenceSession, image: Floats) -> float:
    """Median milliseconds of one run with `image` [1, 3, 32, 32]."""
    spent = []
    for _ in range(100):
        began = time.perf_counter()
        session.run(["logits"], {"image": image})
        spent.append(time.perf_counter() - began)
    return float(np.median(spent) * 1000)


def evaluate(folder: Path, model: Net, data: Data, threads: int) -> Evaluation:
    """Ask the files in `folder` themselves: ONNX through ONNX Runtime, preprocessing as written."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    path = folder / f"{MODEL_NAME}.onnx"
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    how = json.loads((folder / f"{MODEL_NAME}.preprocessing.json").read_text())
    logits = answers(session, data.x_test, how)
    with torch.no_grad():
        expected = model(torch.from_numpy(preprocess(data.x_test[:1000], how))).numpy()
    noise = np.random.default_rng(0).integers(0, 256, (1000, SIDE, SIDE, 3), dtype=np.uint8)
    confusion = np.zeros((len(data.classes),) * 2, np.int64)
    np.add.at(confusion, (data.y_test, logits.argmax(1)), 1)
    return Evaluation(
        confusion=confusion,
        confidence=softmax(logits).max(1),
        right=logits.argmax(1) == data.y_test,
        noise_confidence=softmax(answers(session, noise, how)).max(1),
        parity_error=float(np.abs(logits[: len(expected)] - expected).max()),
        milliseconds=time_one(session, preprocess(data.x_test[:1], how)),
    )


# --- model card -------------------------------------------------------------------------------


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; every column but the first is numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def class_table(result: Evaluation, classes: list[str]) -> str:
    """Recall and precision of each class."""
    counts = result.confusion
    right, true, answered = counts.diagonal(), counts.sum(1), counts.sum(0)
    rows = [
        [name, f"{r / max(1, t):.1%}", f"{r / max(1, a):.1%}", str(t)]
        for name, r, t, a in zip(classes, right, true, answered, strict=True)
    ]
    return table(["class", "recall", "precision", "pictures"], rows)


def confusion_table(result: Evaluation, classes: list[str], count: int = 6) -> str:
    """The pairs most often taken for one another, both directions together."""
    mistakes = result.confusion + result.confusion.T
    pairs = sorted(zip(*np.triu_indices(len(classes), 1), strict=True), key=lambda p: -mistakes[p])
    rows = [
        [
            f"{classes[a]}, {classes[b]}",
            str(result.confusion[a, b]),
            str(result.confusion[b, a]),
            str(mistakes[a, b]),
        ]
        for a, b in pairs[:count]
    ]
    return table(["pair", "first taken for second", "second taken for first", "both"], rows)


def threshold_table(result: Evaluation) -> str:
    """What a confidence threshold costs and gains."""
    rows = []
    for threshold in (0.0, 0.5, 0.7, 0.85, 0.9):
        kept = result.confidence >= threshold
        accuracy = f"{result.right[kept].mean():.2%}" if kept.any() else "-"
        noise = (result.noise_confidence >= threshold).mean()
        rows.append([f"{threshold}", f"{kept.mean():.1%}", accuracy, f"{noise:.1%}"])
    return table(["threshold", "answered", "accuracy of these", "noise answered"], rows)


def schedule_text(recipe: Recipe) -> str:
    """How the weights are updated, in words."""
    first, last = recipe.smoothing
    return (
        f"SGD, Nesterov momentum {recipe.momentum}, {recipe.epochs} epochs, batch {recipe.batch};\n"
        f"learning rate up to {recipe.peak_lr} over {recipe.warmup:.0%} of the steps, then to 0 "
        f"({recipe.bias_lr_factor:g} times\nthat for batch-norm biases); "
        f"weight decay {recipe.weight_decay:g}; "
        f"label smoothing from {first} down to {last};\nseed {recipe.seed}"
    )


def augmentation_text(recipe: Recipe) -> str:
    """What is done to the training pictures, in words."""
    return (
        f"shifts of up to {recipe.translate} pixels over a mirrored border, a mirror image in\n"
        f"every second epoch, one hidden {recipe.cutout}x{recipe.cutout} square"
    )


def command_line(recipe: Recipe, data: Path) -> str:
    """The command that makes this model again."""
    shown = data if not data.is_absolute() else Path("../shared/data/cifar10")
    smoke = " --smoke" if recipe.smoke else ""
    return (
        f"python notebooks/train_cifar10.py --data {shown.as_posix()} --out models "
        f"--epochs {recipe.epochs} --seed {recipe.seed}{smoke}"
    )


def facts(content: bytes, model: Net, result: Evaluation, recipe: Recipe, state: State) -> str:
    """The card's first table."""
    graph = onnx.load_from_string(content).graph
    parameters = sum(int(np.prod(w.dims)) for w in graph.initializer)
    minutes = sum(e.seconds for e in state.history) / 60
    last = state.history[-1]
    rows = [
        ["accuracy, 10 classes", f"{result.accuracy:.2%} of {len(result.right):,} test pictures"],
        ["test-time augmentation", "none"],
        ["file", f"{len(content):,} bytes, {parameters:,} parameters, fp32"],
        ["SHA-256", f"`{hashlib.sha256(content).hexdigest()}`"],
        ["format", f"ONNX opset {OPSET}, IR {IR_VERSION}, batch norm folded, free batch size"],
        ["input", f"`image` float32 [N, 3, {SIDE}, {SIDE}], RGB, normalised (see below)"],
        ["output", f"`logits` float32 [N, {len(result.confusion)}]; softmax gives probabilities"],
        ["last hidden layer", f"`features` float32 [N, {recipe.widths[-1]}], what the Gemm reads"],
        ["epochs", f"{len(state.history)} of {recipe.epochs}"],
        ["training time", f"{minutes:.1f} minutes, {torch.get_num_threads()} CPU threads, fp32"],
        ["last epoch", f"loss {last.loss:.4f}, accuracy {last.accuracy:.2%} (augmented pictures)"],
        ["ONNX Runtime against torch", f"largest logit difference {result.parity_error:.1e}"],
        ["one picture", f"{result.milliseconds:.2f} ms, {torch.get_num_threads()} threads"],
        ["calibration error (ECE)", f"{result.calibration_error():.3f}"],
        ["made with", f"torch {torch.__version__}, onnx {onnx.__version__}, ORT {ort.__version__}, "
         f"Python {platform.python_version()}"],
    ]  # fmt: skip
    return "\n".join(["| fact | value |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in rows)])


CARD = """\
# Model card: {name}

Lens's embedded default model. It sorts a picture into ten classes: {classes}.
Written by `notebooks/train_cifar10.py`; no figure here was typed by hand.
{warning}
{facts}

Make it again (needs `requirements-train.txt` and the data set):

```sh
{command}
```

## Data

CIFAR-10: 50,000 training and 10,000 test pictures of 32x32 pixels, ten classes in equal numbers.
Alex Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, technical report,
University of Toronto, 2009. The authors ask for this citation and state no licence; the data set
is not shipped with Lens, only weights trained on it. Its pictures come from the Tiny Images
collection, which its makers withdrew in 2020 because of offensive labels and pictures in it;
CIFAR-10's own classes are animals and vehicles.

## Recipe

Network: a 2x2 convolution 3 -> 24 fixed to the whitening of training patches, then three groups
(3x3 convolution, 2x2 max pool, batch norm, GELU, 3x3 convolution, batch norm, GELU) of widths
{widths}, a 3x3 max pool, a linear layer. No weights from elsewhere.

Training: {schedule}.
Augmentation: {augmentation}.

Exported is the moving average of the weights (keep {recipe.ema} a step) after the last epoch, with
batch-norm statistics from plain training pictures. The test pictures chose nothing:
neither the epoch nor a setting.

## Preprocessing

`{name}.preprocessing.json`: tensor = (pixel * scale - mean) / std in RGB order, scale 1/255,
mean {how[mean]}, std {how[std]}.
Larger pictures: shortest side to {side} pixels (bilinear), then the centre.

## Accuracy by class

{by_class}

## Most confused

{confused}

## Confidence

The share of test pictures a threshold lets through, how many of those are right, and the share of
1,000 pictures of uniform noise it lets through.

{thresholds}

## Limits

* It knows ten classes and always names one of them. A face, a text or a chart gets a label too,
  often with high confidence: a threshold catches only some of that.
* It sees {side}x{side} pixels: a small or off-centre object in a large photo is lost by resizing.
  Its accuracy on ordinary photos was not measured and will be lower than on the test set.
* No person appears as a class; it is not made for decisions about people, nor for safety.
* It is the model Lens starts with, to be replaced by yours.
"""


def write_card(path: Path, data: Data, recipe: Recipe, **parts: str) -> None:
    """Fill the card's template."""
    full = len(data.y_test) == 10_000
    card = CARD.format(
        name=MODEL_NAME,
        classes=", ".join(data.classes),
        warning="" if full else "\n**Smoke run: a few hundred pictures, no model to use.**\n",
        widths=", ".join(map(str, recipe.widths)),
        recipe=recipe,
        how=PREPROCESSING,
        schedule=schedule_text(recipe),
        augmentation=augmentation_text(recipe),
        side=SIDE,
        **parts,
    )
    write_atomically(path, card.encode())


def export(state: State, recipe: Recipe, data: Data, out: Path, source: Path) -> None:
    """Write model, labels, preprocessing and card; refuse a model that torch disagrees with."""
    model = final_model(state, recipe, data)
    content = to_onnx(model, data.classes)
    if len(content) > MAX_BYTES:
        raise SystemExit(f"the model has {len(content)} bytes, more than {MAX_BYTES}")
    staged = out / ".staged"
    write_atomically(staged / f"{MODEL_NAME}.onnx", content)
    write_json(staged / f"{MODEL_NAME}.labels.json", data.classes)
    write_json(staged / f"{MODEL_NAME}.preprocessing.json", PREPROCESSING)
    result = evaluate(staged, model, data, torch.get_num_threads())
    write_card(
        staged / f"{MODEL_NAME}.card.md",
        data,
        recipe,
        facts=facts(content, model, result, recipe, state),
        command=command_line(recipe, source),
        by_class=class_table(result, data.classes),
        confused=confusion_table(result, data.classes),
        thresholds=threshold_table(result),
    )
    if result.parity_error >= MAX_PARITY_ERROR:
        raise SystemExit(f"ONNX Runtime and torch differ by {result.parity_error:.1e}")
    for file in staged.iterdir():
        file.replace(out / file.name)
    staged.rmdir()
    console.print(
        f"{out / MODEL_NAME}.onnx: accuracy {result.accuracy:.2%} of {len(result.right):,} "
        f"pictures, {len(content):,} bytes, parity {result.parity_error:.1e}"
    )


# --- command ----------------------------------------------------------------------------------


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/cifar10"))
    parser.add_argument("--out", type=Path, help="default: models, or the work folder with --smoke")
    parser.add_argument("--work", type=Path, default=Path(".lens/training"), help="checkpoints")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--export-only", action="store_true", help="export the checkpoint as is")
    parser.add_argument("--smoke", action="store_true", help="a few hundred pictures: seconds")
    return parser.parse_args()


def main() -> None:
    """Train, export, evaluate."""
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    batch = 100 if args.smoke else Recipe.batch  # a few steps even with a few hundred pictures
    recipe = Recipe(epochs=args.epochs, seed=args.seed, smoke=args.smoke, batch=batch)
    data = load_data(args.data, recipe)
    state = make_state(recipe, data)
    if args.resume or args.export_only:
        load_checkpoint(state, recipe, args.work)
    if not args.export_only:
        train(state, recipe, data, args.work)
    out = args.out or (args.work / "export" if args.smoke else Path("models"))
    export(state, recipe, data, out, args.data)


if __name__ == "__main__":
    main()
