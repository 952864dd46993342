"""The embedded model without two of its classes gets them back; judged on all 10,000 test pictures."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.learning.answering import candidate_of, features, named
from benchmarks.learning.bases import embedded, with_memory
from benchmarks.learning.cifar import class_names, pictures_of, test_pictures
from benchmarks.learning.page import Row, percent
from benchmarks.learning.tasks import new_task, timed
from serving.learning.backbone import cut

PAIRS = (("airplane", "ship"), ("automobile", "truck"), ("bird", "frog"), ("deer", "horse"), ("dog", "frog"))
GIVEN = ("all ten", "these two, memory", "these two")


def measure() -> list[Row]:
    """Each pair, given back in three ways, and the model that never forgot it."""
    return [row for pair in PAIRS for row in (*(_given_back(pair, given) for given in GIVEN), _never_forgot(pair))]


def _given_back(pair: tuple[str, str], given: str) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        model, spec = embedded(without=pair)
        if given.endswith("memory"):
            model = with_memory(model, spec, Path(folder) / "remembering.onnx")
        task = new_task(folder, model, spec, pictures_of(class_names() if given == "all ten" else pair))
        learned, _ = timed(task)
        answers = named(*candidate_of(task, learned), test_features())
    return _row(pair, given, answers, "passed" if learned.accepted else "rejected")


def _never_forgot(pair: tuple[str, str]) -> Row:
    return _row(pair, "never forgotten", named(*embedded(), test_features()), "")


def _row(pair: tuple[str, str], given: str, answers: np.ndarray, gate: str) -> Row:
    _, truths = test_pictures()
    before = named(*embedded(without=pair), test_features()) == truths
    right, old = answers == truths, ~np.isin(truths, pair)
    recalls = [float(right[truths == name].mean()) for name in pair]
    lost = float(before[old].mean() - right[old].mean())
    return {
        "classes given back": ", ".join(pair),
        "pictures of": given,
        "their accuracy": ", ".join(percent(recall) for recall in recalls),
        "the eight before": percent(float(before[old].mean())),
        "the eight lose": f"{100 * lost:.2f} points",
        "gate": gate,
    }


@cache
def test_features() -> np.ndarray:
    """float32 [10,000, features], computed once: the backbone is the same in all of these files, byte for byte."""
    path, spec = embedded()
    return features(cut(path, spec), spec, test_pictures()[0])
