"""What learning is worth, on real pictures: ``python -m benchmarks.learning`` measures, and fills docs/learning.md.

``--only NAME`` measures one section anew, ``--report`` fills the page from the figures that are there.  Models and
pictures are those of ../shared/data, which are never redistributed.  The figures stay in
``benchmarks/results/learning.json``.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import platform
import re
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image, ImageEnhance, ImageFilter

from preprocessing.labels import parse_labels
from preprocessing.spec import ModelSpec
from serving.learning.backbone import cut
from serving.learning.export import BIAS, WEIGHTS
from serving.learning.extractor import Extractor
from serving.learning.learn import learn
from serving.learning.memory import memorize, write_memory
from serving.learning.task import Learned, LearningError, LearningOptions, LearningTask
from serving.registry.inspect import inspect_model

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
FIGURES, PAGE = ROOT / "benchmarks" / "results" / "learning.json", ROOT / "docs" / "learning.md"
THREADS = 2
PER_CLASS = 200
PAIRS = (("airplane", "ship"), ("automobile", "truck"), ("bird", "frog"), ("deer", "horse"), ("dog", "frog"))

Pictures = Iterable[tuple[str, bytes]]
"""Names inside a ZIP, and the encoded pictures."""

Row = dict[str, str]


def main() -> None:
    """Measure what is asked for, keep the figures, fill the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(SECTIONS))
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in () if arguments.report else [arguments.only] if arguments.only else SECTIONS:
        began = time.perf_counter()
        rows = SECTIONS[name]()
        figures[name] = {"made": _made(time.perf_counter() - began), "rows": rows}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        print(_table(rows))
    PAGE.write_text(filled(PAGE.read_text(), figures))


def filled(page: str, figures: dict[str, Any]) -> str:
    """``page`` with the table of each section between its marks."""
    for name, section in figures.items():
        table = f"<!-- {name} -->\n{_table(section['rows'])}\n\n{section['made']}\n<!-- /{name} -->"
        page = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, table=table: table, page, flags=re.DOTALL)
    return page


def cats_and_dogs() -> list[Row]:
    """A head for cats and dogs on the MobileNet of ImageNet, judged on photos that were not in the ZIP."""
    rows = []
    for labels in ("replace", "join"):
        for augment in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                task = _task(folder, *_mobilenet(), _photos("train"), labels=labels, augment=augment)
                learned, seconds = _timed(task)
                right = _right_photos(task, learned)
            rows.append(
                {
                    "labels": f"`{labels}`",
                    "augment": "yes" if augment else "no",
                    "classes": str(len(learned.labels)),
                    "held out of the ZIP": _percent(learned.report.accuracy),
                    "60 test photos": f"{right} right, {_percent(right / 60)}",
                    "seconds": f"{seconds:.1f}",
                }
            )
    return rows


def forgotten() -> list[Row]:
    """The embedded model without two of its classes gets them back; judged on all 10,000 test pictures."""
    rows = []
    for pair in PAIRS:
        for given in ("all ten", "these two, memory", "these two"):
            with tempfile.TemporaryDirectory() as folder:
                rows.append(_given_back(Path(folder), pair, given))
    return rows


def drifted() -> list[Row]:
    """CIFAR-10 blurred and darkened: the embedded model on it before and after learning 200 such pictures a class."""
    rows = []
    for name, change in (("blurred", _blurred), ("darkened", _darkened), ("both", lambda x: _darkened(_blurred(x)))):
        with tempfile.TemporaryDirectory() as folder:
            pictures = _cifar_pictures(_class_names(), change=change)
            task = _task(folder, *_cifar(), pictures, trust_labels=True)
            suspects = _suspects(task)
            learned, _ = _timed(task)
            (before, after), (plain_before, plain_after) = (
                (_accuracy(None, task, part), _accuracy(learned, task, part)) for part in (_test(change), _test())
            )
        rows.append(
            {
                "test pictures": name,
                "base on them": _percent(before),
                "candidate on them": _percent(after),
                "base on plain ones": _percent(plain_before),
                "candidate on plain ones": _percent(plain_after),
                "gate": "passed" if learned.accepted else "rejected",
                "labels doubted": suspects,
            }
        )
    return rows


def label_noise() -> list[Row]:
    """Shares of swapped labels between two classes, and whether they are noticed before anything is learned."""
    rows = []
    for share in (0.0, 0.1, 0.2, 0.3, 0.4, 1.0):
        row = {"labels swapped": f"{share:.0%}"}
        cases = {
            "cat and dog, known to the base": (_cifar(), _swapped(_cifar_pictures(("cat", "dog")), share)),
            "automobile and ship, unknown to it": (
                _cifar(without=("automobile", "ship")),
                _swapped(_cifar_pictures(("automobile", "ship")), share),
            ),
            "cats and dogs on the MobileNet": (_mobilenet(), _swapped(_photos("train"), share)),
        }
        for name, (base, pictures) in cases.items():
            with tempfile.TemporaryDirectory() as folder:
                row[name] = _suspects(_task(folder, *base, pictures, labels="replace"))
        rows.append(row)
    return rows


def thousand() -> list[Row]:
    """1,000 photos on the MobileNet, nothing cached, and once more with everything cached."""
    with tempfile.TemporaryDirectory() as folder:
        task = _task(folder, *_mobilenet(), _thousand_photos(), labels="replace")
        runs = [("first time", *_timed(task)), ("again, features cached", *_timed(task))]
    return [
        {
            "run": name,
            "pictures": str(learned.report.data.pictures),
            "seconds": f"{seconds:.1f}",
            **{phase: f"{spent:.1f}" for phase, spent in learned.report.seconds.items()},
        }
        for name, learned, seconds in runs
    ]


SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "catsdogs": cats_and_dogs,
    "forgotten": forgotten,
    "drift": drifted,
    "noise": label_noise,
    "thousand": thousand,
}


def _given_back(folder: Path, pair: tuple[str, str], given: str) -> Row:
    model, spec = _cifar(without=pair)
    if given.endswith("memory"):
        model = _with_memory(model, spec, folder / "remembering.onnx")
    names = _class_names() if given == "all ten" else pair
    task = _task(folder, model, spec, _cifar_pictures(names))
    learned, _ = _timed(task)
    _, truths = _test()
    answers, before = _answers(learned, task, _test()), _answers(None, task, _test())
    old = ~np.isin(truths, pair)
    recalls = [float((answers == truths)[truths == name].mean()) for name in pair]
    lost = float((before == truths)[old].mean() - (answers == truths)[old].mean())
    return {
        "classes given back": ", ".join(pair),
        "pictures of": given,
        "their accuracy": ", ".join(_percent(recall) for recall in recalls),
        "the eight before": _percent(float((before == truths)[old].mean())),
        "the eight lose": f"{100 * lost:.2f} points",
        "gate": "passed" if learned.accepted else "rejected",
    }


def _task(folder: str | Path, model: Path, spec: ModelSpec, pictures: Pictures, **options: Any) -> LearningTask:
    archive = Path(folder) / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, data in pictures:
            zipped.writestr(name, data)
    chosen = LearningOptions(**options)
    return LearningTask(
        folder=Path(folder),
        archive=archive,
        model=model,
        spec=spec,
        options=chosen,
        threads=THREADS,
        cache=Path(folder) / "cache",
    )


def _timed(task: LearningTask) -> tuple[Learned, float]:
    began = time.perf_counter()
    return learn(task, lambda _: None), time.perf_counter() - began


def _suspects(task: LearningTask) -> str:
    doubting = task.replaced(options=task.options.replaced(trust_labels=False))
    try:
        learn(doubting, lambda _: None)
    except LearningError as error:
        if error.code != "suspect_labels" or error.detail is None:
            raise
        return "noticed: " + ", ".join(
            f"{each['label']} {each['doubted']}/{each['count']}" for each in error.detail["suspicions"]
        )
    return "no"


@cache
def _inspected(path: Path, labels: Path) -> ModelSpec:
    settings = path.with_suffix(".preprocessing.json")
    options = json.loads(settings.read_text()) if settings.exists() else None
    return inspect_model(path, preprocessing=options, labels=parse_labels(labels.read_bytes()), threshold=0.0)


def _mobilenet() -> tuple[Path, ModelSpec]:
    path = DATA / "models" / "mobilenet_v1_0.75_224.onnx"
    return path, _inspected(path, DATA / "models" / "labels" / "imagenet_labels.txt")


def _cifar(without: Sequence[str] = ()) -> tuple[Path, ModelSpec]:
    """The embedded model, or a copy of it whose last layer never had the rows of ``without``."""
    path = ROOT / "models" / "cifar10.onnx"
    spec = _inspected(path, ROOT / "models" / "cifar10.labels.json")
    if not without:
        return path, spec
    assert spec.labels is not None and spec.output is not None
    kept = [place for place, label in enumerate(spec.labels) if label not in without]
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("logits."):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[kept], tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(kept)
    shorter = Path(_scratch().name) / f"without-{'-'.join(without)}.onnx"
    onnx.save(model, shorter)
    output = spec.output.replaced(classes=len(kept))
    return shorter, spec.replaced(labels=tuple(spec.labels[place] for place in kept), output=output, fused=False)


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="learning-")


def _with_memory(model: Path, spec: ModelSpec, remembering: Path) -> Path:
    """The base as it would be had it been trained here: it remembers 1,000 training pictures of each of its classes."""
    assert spec.labels is not None
    pictures, names = _training(1000)
    chosen = np.isin(names, spec.labels)
    loaded = onnx.load(model)
    write_memory(loaded, memorize(_cifar_features(pictures[chosen]), names[chosen].tolist()))
    onnx.save(loaded, remembering)
    return remembering


@cache
def _loaded() -> dict[str, Any]:
    found = importlib.util.spec_from_file_location("load_cifar10", DATA / "cifar10" / "load_cifar10.py")
    assert found is not None and found.loader is not None
    loader = importlib.util.module_from_spec(found)
    found.loader.exec_module(loader)
    loaded: dict[str, Any] = loader.load()
    return loaded


def _class_names() -> tuple[str, ...]:
    return tuple(str(name) for name in _loaded()["class_names"])


def _training(per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """The first training pictures of each class after a shuffle, and their class names."""
    loaded, chance = _loaded(), np.random.default_rng(0)
    places = [
        chance.permutation(np.flatnonzero(loaded["y_train"] == place))[:per_class]
        for place in range(len(_class_names()))
    ]
    chosen = np.concatenate(places)
    return loaded["x_train"][chosen], np.array(_class_names())[loaded["y_train"][chosen]]


Change = Callable[[Image.Image], Image.Image]


def _cifar_pictures(names: Sequence[str], change: Change | None = None) -> Pictures:
    pictures, truths = _training(PER_CLASS)
    for place, (pixels, name) in enumerate(zip(pictures, truths, strict=True)):
        if name in names:
            picture = Image.fromarray(pixels)
            yield f"{name}/{place}.png", _encoded(change(picture) if change else picture, "PNG")


@cache
def _test(change: Change | None = None) -> tuple[np.ndarray, np.ndarray]:
    loaded = _loaded()
    pictures = loaded["x_test"]
    if change is not None:
        pictures = np.stack([np.asarray(change(Image.fromarray(pixels))) for pixels in pictures])
    return _cifar_features(pictures), np.array(_class_names())[loaded["y_test"]]


def _cifar_features(pictures: np.ndarray) -> np.ndarray:
    path, spec = _cifar()
    extractor = Extractor(cut(path, spec), spec, threads=THREADS)
    try:
        return np.vstack(
            [
                extractor.features(
                    [extractor.tensor(Image.fromarray(pixels)) for pixels in pictures[start : start + 500]]
                )
                for start in range(0, len(pictures), 500)
            ]
        )
    finally:
        extractor.close()


def _answers(learned: Learned | None, task: LearningTask, test: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The labels that the candidate, or the base, gives the test pictures.

    Their features are computed once: the backbone is the same in all of these files, byte for byte.
    """
    assert task.spec.labels is not None
    if learned is None:
        base = cut(task.model, task.spec)
        weights, bias, labels = base.weights, base.bias, task.spec.labels
    else:
        tensors = {each.name: numpy_helper.to_array(each) for each in onnx.load(learned.model).graph.initializer}
        weights, bias, labels = tensors[WEIGHTS], tensors[BIAS], learned.labels
    return np.array(labels)[(test[0] @ weights.T + bias).argmax(axis=1)]


def _accuracy(learned: Learned | None, task: LearningTask, test: tuple[np.ndarray, np.ndarray]) -> float:
    return float((_answers(learned, task, test) == test[1]).mean())


def _blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1.0))


def _darkened(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(0.35)


def _photos(split: str) -> Pictures:
    for path in sorted((DATA / "catsdogs" / split).rglob("*.jpg")):
        yield f"{_kind(path)}/{path.name}", path.read_bytes()


def _kind(path: Path) -> str:
    return "cat" if "cat" in f"{path.parent.name}/{path.name}".lower() else "dog"


def _right_photos(task: LearningTask, learned: Learned) -> int:
    """Test photos that the written file names rightly, whole."""
    scores = "probabilities"
    assert task.spec.output is not None
    output = task.spec.output.replaced(classes=len(learned.labels), scores=scores)
    spec = task.spec.replaced(output=output, labels=learned.labels)
    extractor = Extractor(cut(learned.model, spec), spec, threads=THREADS)
    head = cut(learned.model, spec)
    right = 0
    for name, data in _photos("test"):
        features = extractor.features([extractor.tensor(extractor.decode(data))])
        right += learned.labels[int((features @ head.weights.T + head.bias).argmax())] == name.split("/")[0]
    extractor.close()
    return right


def _thousand_photos() -> Pictures:
    """Five cuts of each of the 200 photos: other pixels, so nothing is a duplicate."""
    for name, data in _photos("train"):
        with Image.open(io.BytesIO(data)) as photo:
            picture = photo.convert("RGB")
        for cut_off in range(5):
            inner = picture.crop((cut_off, cut_off, picture.width - cut_off, picture.height - cut_off))
            yield name.replace(".jpg", f"-{cut_off}.jpg"), _encoded(inner, "JPEG")


def _swapped(pictures: Pictures, share: float) -> Pictures:
    found = list(pictures)
    one, other = sorted({name.split("/")[0] for name, _ in found})
    chosen = np.random.default_rng(0).random(len(found)) < share
    for (name, data), swap in zip(found, chosen, strict=True):
        label, rest = name.split("/")
        yield f"{({one: other, other: one}[label]) if swap else label}/{rest}", data


def _encoded(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _made(seconds: float) -> str:
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    return f"Measured {day} on {os.cpu_count()} cores ({platform.machine()}), {THREADS} threads, in {seconds:.0f} s."


def _table(rows: Sequence[Row]) -> str:
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row.get(name, "") for name in columns) + " |" for row in rows)])


if __name__ == "__main__":
    main()
