"""A head for cats and dogs on the MobileNet of ImageNet, judged on photos that were not in the ZIP."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing

import numpy as np

from benchmarks.learning.answering import candidate_of, named
from benchmarks.learning.bases import mobilenet
from benchmarks.learning.page import Row, percent
from benchmarks.learning.pictures import photos
from benchmarks.learning.tasks import THREADS, new_task, timed
from serving.learning.backbone import cut
from serving.learning.extractor import Extractor
from serving.learning.task import Learned, LearningTask


def measure() -> list[Row]:
    """Both kinds of labels, with altered pictures and without."""
    return [_row(labels, augment) for labels in ("replace", "join") for augment in (False, True)]


def _row(labels: str, augment: bool) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        task = new_task(folder, *mobilenet(), photos("train"), labels=labels, augment=augment)
        learned, seconds = timed(task)
        right, wrong = _on_test_photos(task, learned)
    return {
        "labels": f"`{labels}`",
        "augment": "yes" if augment else "no",
        "classes": str(len(learned.labels)),
        "held out of the ZIP": percent(learned.report.accuracy),
        "60 test photos": f"{right} right, {percent(right / 60)}",
        "the others were taken for": ", ".join(f"{each} ({count})" for each, count in sorted(wrong.items())),
        "seconds": f"{seconds:.1f}",
    }


def _on_test_photos(task: LearningTask, learned: Learned) -> tuple[int, Counter[str]]:
    """How many the written file names rightly, and what it says of the others."""
    model, spec = candidate_of(task, learned)
    truths, data = zip(*((name.split("/")[0], data) for name, data in photos("test")), strict=True)
    with closing(Extractor(cut(model, spec), spec, threads=THREADS)) as extractor:
        seen = extractor.features([extractor.tensor(extractor.decode(each)) for each in data])
    answers = named(model, spec, seen)
    wrong = answers != np.array(truths)
    return int((~wrong).sum()), Counter(str(each) for each in answers[wrong])
