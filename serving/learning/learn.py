"""From labelled pictures and a model that is served to a candidate for its place: the whole way in one function."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
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
from serving.learning.gate import confirmed, verdict
from serving.learning.head import Head
from serving.learning.judging import compare, judge, right
from serving.learning.memory import memorize, read_memory
from serving.learning.reference import reference
from serving.learning.rehearsal import remembered, shuffled
from serving.learning.report import DataReport, Epoch, Issue, Parity, Suspicion, TrainingReport
from serving.learning.splitting import split
from serving.learning.suspicion import doubted_labels
from serving.learning.task import Learned, LearningError, LearningTask, Progress, Tell
from serving.learning.teaching import Pupil, by_label, features_of, teach

CANDIDATE = "candidate.onnx"
PARITY_PICTURES = 32


@dataclass(frozen=True, slots=True)
class Material:
    """What a learner has: the task, its base in two, what runs that, the pictures to learn from, and those held out."""

    task: LearningTask
    backbone: Backbone
    extractor: Extractor
    pupil: Pupil
    held_out: Sequence[Example]

    def tensors(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Pictures as the network is fed, each without a batch axis."""
        return [self.extractor.tensor(self.extractor.decode(each.read())) for each in examples]


@dataclass(frozen=True, slots=True)
class Mastered:
    """What a learner made: ``head`` on the features of ``backbone``, which is the base's own where it did not move."""

    backbone: Backbone
    head: Head
    curves: tuple[Epoch, ...]
    pull: float
    notes: tuple[str, ...] = ()


Learner = Callable[[Material, Tell], Mastered]


def learn(task: LearningTask, tell: Tell) -> Learned:
    """Learn a new last layer from the task's pictures, judge it, and write it as ``candidate.onnx`` to its folder.

    The same task gives the same candidate.  ``tell`` hears of the progress, in this thread.

    Raises:
        LearningError: nothing can be learned from these pictures or this base.
    """
    return learn_by(_last_layer, task, tell)


def learn_by(learner: Learner, task: LearningTask, tell: Tell) -> Learned:
    """The same by any ``learner``: what goes in is looked at, and what comes out is judged, in one way.

    Raises:
        LearningError: nothing can be learned from these pictures or this base.
    """
    with open_pictures(task) as (found, issues):
        return _Learning(learner, task, tell).run(found, issues)


def _last_layer(material: Material, tell: Tell) -> Mastered:
    taught = teach(material.pupil, material.held_out, material.task.options, tell)
    return Mastered(material.backbone, taught.head, taught.curves, taught.pull)


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
    """One run, phase by phase, while the archive is open."""

    def __init__(self, learner: Learner, task: LearningTask, tell: Tell) -> None:
        self._learner = learner
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
        material = Material(self._task, self._backbone, self._extractor, pupil, held_out)
        with self._watch.phase("learning"):
            mastered = self._learner(material, self._tell)
        notes = (*((note,) if note else ()), *mastered.notes)
        return self._result(material, mastered, _data_report(examples, material, notes), suspicions)

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
        self, material: Material, mastered: Mastered, data: DataReport, suspicions: tuple[Suspicion, ...]
    ) -> Learned:
        held_out, labels = material.held_out, material.pupil.classes.labels
        self._tell(Progress(phase="evaluating", done=0, total=len(held_out)))
        with self._watch.phase("evaluating"):
            features, truths = self._seen(mastered, material, held_out), [each.label for each in held_out]
            answers = mastered.head.probabilities(features)
            before = self._base.probabilities(features_of(held_out))
            candidate, base = right(truths, labels, answers), right(truths, self._served, before)
            passed = verdict(self._task.options.gate, truths, set(labels) - set(self._served), base, candidate)
            judgement = judge(truths, labels, answers)
        self._tell(Progress(phase="exporting", done=0, total=1))
        with self._watch.phase("exporting"):
            found = self._exported(mastered, material, answers)
            gate = confirmed(passed, found)
        report = TrainingReport(
            accuracy=judgement.accuracy,
            data=data,
            suspicions=suspicions,
            candidate=judgement,
            base=judge(truths, self._served, before),
            paired=compare(base, candidate),
            gate=gate,
            curves=mastered.curves,
            pull=mastered.pull,
            parity=found,
            reference=reference(labels, answers, features),
            seconds=self._watch.seconds,
        )
        return Learned(model=self._task.folder / CANDIDATE, labels=labels, report=report, accepted=gate.passed)

    def _exported(self, mastered: Mastered, material: Material, answers: np.ndarray) -> Parity:
        training, path = material.pupil.examples, self._task.folder / CANDIDATE
        features, labels = self._seen(mastered, material, training), [each.label for each in training]
        # What the base remembers are features of its own: a backbone that moved has others.
        before = read_memory(self._backbone.graph, features.shape[1]) if self._keeps_backbone(mastered) else None
        memory = memorize(features, labels, before)
        spec = export(mastered.backbone, mastered.head, self._task.spec, path, memory)
        tensors = material.tensors(material.held_out[:PARITY_PICTURES])
        return parity(path, spec, tensors, answers[: len(tensors)], threads=self._task.threads)

    def _seen(self, mastered: Mastered, material: Material, examples: Sequence[Example]) -> np.ndarray:
        """The features, float32 [examples, features], that the mastered head reads."""
        if self._keeps_backbone(mastered):
            return features_of(examples)
        with closing(Extractor(mastered.backbone, self._task.spec, threads=self._task.threads)) as extractor:
            return extractor.features(material.tensors(examples))

    def _keeps_backbone(self, mastered: Mastered) -> bool:
        return mastered.backbone is self._backbone


def _data_report(examples: Examples, material: Material, notes: tuple[str, ...]) -> DataReport:
    return DataReport(
        pictures=len(examples.examples),
        classes=dict(sorted(Counter(each.label for each in examples.examples).items())),
        new_labels=material.pupil.classes.new,
        training=len(material.pupil.examples),
        held_out=len(material.held_out),
        counts=dict(sorted(Counter(issue.reason for issue in examples.issues).items())),
        issues=tuple(examples.issues),
        notes=notes,
    )


def _dumped(issues: Sequence[Issue]) -> list[dict[str, str]]:
    return [issue.model_dump() for issue in issues]
