"""From labelled pictures and a model that is served to a candidate for its place: the whole way in one function."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from preprocessing.digest import sha256_hex
from serving.learning.archive import Found
from serving.learning.augmentation import altered_features
from serving.learning.backbone import Backbone, cut
from serving.learning.classes import Classes, plan_classes
from serving.learning.examples import Example, Examples, collect, open_pictures
from serving.learning.export import export, parity
from serving.learning.extractor import Extractor
from serving.learning.feature_cache import FeatureCache
from serving.learning.gate import verdict
from serving.learning.head import Head
from serving.learning.judging import compare, judge, right
from serving.learning.memory import memorize, read_memory
from serving.learning.reference import reference
from serving.learning.rehearsal import remembered, shuffled
from serving.learning.report import DataReport, Issue, Parity, Suspicion, TrainingReport
from serving.learning.splitting import split
from serving.learning.suspicion import doubted_labels
from serving.learning.task import Learned, LearningError, LearningTask, Progress, Tell
from serving.learning.teaching import Pupil, Taught, by_label, features_of, teach

CANDIDATE = "candidate.onnx"
NAMED_ISSUES = 200
"""Entries that a report names; the others are counted."""

PARITY_PICTURES = 32


def learn(task: LearningTask, tell: Tell) -> Learned:
    """Learn a new last layer from the task's pictures, judge it, and write it as ``candidate.onnx`` to its folder.

    The same task gives the same candidate.  ``tell`` hears of the progress, in this thread.

    Raises:
        LearningError: nothing can be learned from these pictures or this base.
    """
    with open_pictures(task) as (found, issues):
        return _Learning(task, tell).run(found, issues)


@dataclass
class _Watch:
    """Seconds that each phase took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - began, 3)


class _Learning:
    """One run of ``learn``, phase by phase, while the archive is open."""

    def __init__(self, task: LearningTask, tell: Tell) -> None:
        self._task = task
        self._tell = tell
        self._watch = _Watch()
        self._backbone: Backbone = cut(task.model, task.spec)
        self._base = Head(self._backbone.weights, self._backbone.bias)
        self._served = task.spec.labels or tuple(f"class_{place}" for place in range(len(self._base.bias)))
        self._extractor = Extractor(self._backbone, task.spec, threads=task.threads)

    def run(self, found: Sequence[Found], issues: list[Issue]) -> Learned:
        try:
            return self._run(found, issues)
        finally:
            self._extractor.close()

    def _run(self, found: Sequence[Found], issues: list[Issue]) -> Learned:
        self._tell(Progress(phase="reading", done=len(found), total=len(found)))
        with self._watch.phase("features"):
            examples = collect(found, issues, self._extractor, self._cache(), self._tell)
        self._require_two_classes(examples)
        with self._watch.phase("judging_labels"):
            suspicions = self._judge_labels(examples)
        options = self._task.options
        training, held_out = split(examples.examples, options.validation_share, options.seed)
        pictured = by_label(training)
        classes = plan_classes(self._served, self._base, pictured, labels=options.labels)
        with self._watch.phase("features"):
            pupil, note = self._pupil(classes, training)
        with self._watch.phase("learning"):
            taught = teach(pupil, held_out, options, self._tell)
        data = _data_report(examples, classes, training, held_out, note)
        return self._result(classes, taught, training, held_out, data, suspicions)

    def _cache(self) -> FeatureCache:
        return FeatureCache(self._task.cache, sha256_hex(self._task.model.read_bytes()), self._task.spec.fingerprint)

    def _require_two_classes(self, examples: Examples) -> None:
        if self._task.options.labels == "replace" and len({each.label for each in examples.examples}) < 2:
            message = "Only one class has two pictures that can be read: a model of its own needs two classes."
            raise LearningError("too_few_pictures", message, {"issues": _dumped(examples.issues)})

    def _judge_labels(self, examples: Examples) -> tuple[Suspicion, ...]:
        self._tell(Progress(phase="judging_labels", done=0, total=len(examples.examples)))
        suspicions = tuple(doubted_labels(examples.examples, self._served, self._base))
        if suspicions and not self._task.options.trust_labels:
            named = ", ".join(f"{each.label} looks like {each.looks_like}" for each in suspicions[:5])
            raise LearningError(
                "suspect_labels",
                f"These labels are doubted before anything is learned: {named}. Look at the pictures that the report "
                "names; if they are labelled rightly, send trust_labels=true.",
                {"suspicions": [each.model_dump() for each in suspicions], "issues": _dumped(examples.issues)},
            )
        return suspicions

    def _pupil(self, classes: Classes, training: Sequence[Example]) -> tuple[Pupil, str | None]:
        options, rehearsal, note = self._task.options, None, None
        if classes.frozen:
            memory = read_memory(self._backbone.graph, self._base.weights.shape[1])
            rehearsal = remembered(classes, memory, options.seed)
            how = "rehearsed from the base's memory of them"
            if rehearsal is None:
                rehearsal = shuffled(training, self._extractor, options.seed)
                how = "protected by shuffled pictures only: add some pictures of them to be sure"
            note = f"{len(classes.frozen)} classes without pictures keep their weights, are not judged, and were {how}."
        altered = altered_features(training, self._extractor, options.seed, self._tell) if options.augment else None
        return Pupil(classes, self._base, training, rehearsal, altered), note

    def _result(
        self,
        classes: Classes,
        taught: Taught,
        training: Sequence[Example],
        held_out: Sequence[Example],
        data: DataReport,
        suspicions: tuple[Suspicion, ...],
    ) -> Learned:
        self._tell(Progress(phase="evaluating", done=0, total=len(held_out)))
        with self._watch.phase("evaluating"):
            features, truths = features_of(held_out), [each.label for each in held_out]
            answers, before = taught.head.probabilities(features), self._base.probabilities(features)
            candidate, base = right(truths, classes.labels, answers), right(truths, self._served, before)
            new = set(classes.labels) - set(self._served)
            gate = verdict(self._task.options.gate, truths, new, base, candidate)
            judgement = judge(truths, classes.labels, answers)
        self._tell(Progress(phase="exporting", done=0, total=1))
        with self._watch.phase("exporting"):
            compared = held_out[:PARITY_PICTURES]
            found = self._exported(taught.head, training, compared, answers[: len(compared)])
        report = TrainingReport(
            accuracy=judgement.accuracy,
            data=data,
            suspicions=suspicions,
            candidate=judgement,
            base=judge(truths, self._served, before),
            paired=compare(base, candidate),
            gate=gate,
            curves=taught.curves,
            pull=taught.pull,
            parity=found,
            reference=reference(classes.labels, answers, features),
            seconds=self._watch.seconds,
        )
        path = self._task.folder / CANDIDATE
        return Learned(model=path, labels=classes.labels, report=report, accepted=gate.passed)

    def _exported(
        self, head: Head, training: Sequence[Example], compared: Sequence[Example], expected: np.ndarray
    ) -> Parity:
        before = read_memory(self._backbone.graph, head.weights.shape[1])
        memory = memorize(features_of(training), [each.label for each in training], before)
        path = self._task.folder / CANDIDATE
        spec = export(self._backbone, head, self._task.spec, path, memory)
        tensors = [self._extractor.tensor(self._extractor.decode(each.read())) for each in compared]
        return parity(path, spec, tensors, expected, threads=self._task.threads)


def _data_report(
    examples: Examples,
    classes: Classes,
    training: Sequence[Example],
    held_out: Sequence[Example],
    note: str | None,
) -> DataReport:
    return DataReport(
        pictures=len(examples.examples),
        classes=dict(sorted(Counter(each.label for each in examples.examples).items())),
        new_labels=classes.new,
        training=len(training),
        held_out=len(held_out),
        counts=dict(sorted(Counter(issue.reason for issue in examples.issues).items())),
        issues=tuple(examples.issues[:NAMED_ISSUES]),
        notes=(note,) if note else (),
    )


def _dumped(issues: Sequence[Issue]) -> list[dict[str, str]]:
    return [issue.model_dump() for issue in issues[:NAMED_ISSUES]]
