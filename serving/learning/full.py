"""Learning with the whole network: the head first, as always, then everything moves; judged the same way.

Needs PyTorch, which is an extra, and a base whose layers follow one another as the embedded network's do.
"""

from __future__ import annotations

import importlib.util
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from preprocessing.digest import sha256_hex
from preprocessing.spec import ModelSpec
from serving.learning.backbone import Backbone, cut
from serving.learning.examples import Example, collect, open_pictures
from serving.learning.export import export, parity
from serving.learning.extractor import Extractor
from serving.learning.feature_cache import FeatureCache
from serving.learning.gate import verdict
from serving.learning.head import Head
from serving.learning.judging import compare, judge, right
from serving.learning.learn import CANDIDATE, PARITY_PICTURES
from serving.learning.learn import learn as learn_head
from serving.learning.memory import memorize
from serving.learning.reference import reference
from serving.learning.report import DataReport, Epoch
from serving.learning.splitting import split
from serving.learning.task import Learned, LearningError, LearningTask, Progress, Tell
from serving.learning.teaching import features_of

TORCH_IS_HERE = importlib.util.find_spec("torch") is not None
if TORCH_IS_HERE:
    # With this module and not with the first task: a job's memory limit begins between the two.
    import torch

    from serving.learning.network import Chain
    from serving.learning.tuning import PULL, Lesson, Pictures, Student, tune
if TYPE_CHECKING:
    from serving.learning.network import Chain

VALIDATION_SHARE = 0.2
"""Of the pictures to learn from; the held-out ones choose nothing."""

_SAME = 1e-3


def learn(task: LearningTask, tell: Tell) -> Learned:
    """Learn a new last layer and then the whole network; the contract of ``serving.learning.learn.learn``.

    Raises:
        LearningError: ``torch_missing``; ``unsupported_base``, the network is not a plain chain of layers; and
            whatever the learning of a head says.
    """
    if not TORCH_IS_HERE:
        raise LearningError(
            "torch_missing",
            "Training the whole network needs PyTorch, which is not installed here: pip install -r "
            'requirements-train.txt, or use method "head".',
        )
    torch.set_num_threads(task.threads)
    backbone = cut(task.model, task.spec)
    body = Chain(backbone.graph)
    head = learn_head(task.replaced(options=task.options.replaced(method="head")), _first_half(tell))
    return _Tuning(task, backbone, head, tell).run(body)


def _first_half(tell: Tell) -> Tell:
    """Leaves out what comes again when the whole network learns."""
    return lambda progress: tell(progress) if progress.phase in ("reading", "judging_labels", "features") else None


@dataclass(frozen=True)
class _Tuned:
    """The network after its tuning, as the rest of the learning knows it."""

    backbone: Backbone
    head: Head
    curves: tuple[Epoch, ...]


class _Tuning:
    """One run, from the candidate with a new head to the one that is new throughout."""

    def __init__(self, task: LearningTask, served: Backbone, first: Learned, tell: Tell) -> None:
        self._task = task
        self._served = served
        self._first = first
        self._tell = tell
        self._labels = task.spec.labels or tuple(f"class_{place}" for place in range(len(served.bias)))
        self._extractor = Extractor(served, task.spec, threads=task.threads)

    def run(self, body: Chain) -> Learned:
        """Tune ``body``, judge it, write it over the first candidate."""
        began = time.perf_counter()
        try:
            with open_pictures(self._task) as (found, issues):
                digest = sha256_hex(self._task.model.read_bytes())
                cache = FeatureCache(self._task.cache, digest, self._task.spec.fingerprint)
                examples = collect(found, issues, self._extractor, cache, _silent).examples
                options = self._task.options
                training, held_out = split(examples, options.validation_share, options.seed)
                tuned = self._tuned(body, training)
                seconds = time.perf_counter() - began
                return self._judged(tuned, training, held_out, seconds)
        finally:
            self._extractor.close()

    def _tuned(self, body: Chain, training: Sequence[Example]) -> _Tuned:
        self._require_same(body, training)
        options, labels = self._task.options, self._first.labels
        learned, validation = _inner(training, options.seed)
        head = cut(self._first.model, self._spec())
        student = Student(
            body,
            head.weights,
            head.bias,
            known=[place for place, label in enumerate(labels) if label in self._labels],
            learned=sorted({labels.index(each.label) for each in training}),
        )
        lesson = Lesson(
            self._pictures(learned), self._pictures(validation), options.epochs, options.seed, options.augment
        )
        curves = tune(student, lesson, self._tell_epoch)
        weights, bias = (values.detach().numpy().astype(np.float64) for values in (student.weights, student.bias))
        return _Tuned(Backbone(body.model(), weights, bias), Head(weights, bias), curves)

    def _spec(self) -> ModelSpec:
        """How the first candidate is read."""
        assert self._task.spec.output is not None
        output = self._task.spec.output.replaced(classes=len(self._first.labels))
        return self._task.spec.replaced(output=output, labels=self._first.labels, fused=False)

    def _require_same(self, body: Chain, training: Sequence[Example]) -> None:
        """Whatever was misread in the graph would show here, before anything is learned."""
        some = training[:PARITY_PICTURES]
        with torch.no_grad():
            seen = body(torch.from_numpy(self._tensors(some))).numpy()
        if not np.allclose(seen, features_of(some), rtol=_SAME, atol=_SAME):
            raise LearningError(
                "unsupported_base",
                'PyTorch computes something else with this network than ONNX Runtime does: use method "head".',
            )

    def _judged(
        self, tuned: _Tuned, training: Sequence[Example], held_out: Sequence[Example], seconds: float
    ) -> Learned:
        self._tell(Progress(phase="evaluating", done=0, total=len(held_out)))
        labels, truths = self._first.labels, [each.label for each in held_out]
        extractor = Extractor(tuned.backbone, self._task.spec, threads=self._task.threads)
        try:
            features, learned = (extractor.features(list(self._tensors(part))) for part in (held_out, training))
        finally:
            extractor.close()
        answers, before = tuned.head.probabilities(features), self._head().probabilities(features_of(held_out))
        candidate, base = right(truths, labels, answers), right(truths, self._labels, before)
        gate = verdict(self._task.options.gate, truths, set(labels) - set(self._labels), base, candidate)
        self._tell(Progress(phase="exporting", done=0, total=1))
        path = self._task.folder / CANDIDATE
        # What the base remembered are features of its own; the tuned network has others.
        memory = memorize(learned, [each.label for each in training])
        spec = export(tuned.backbone, tuned.head, self._task.spec, path, memory)
        judgement = judge(truths, labels, answers)
        tensors = list(self._tensors(held_out[:PARITY_PICTURES]))
        report = self._first.report.replaced(
            accuracy=judgement.accuracy,
            data=self._noted(training),
            candidate=judgement,
            paired=compare(base, candidate),
            gate=gate,
            curves=tuned.curves,
            pull=PULL,
            parity=parity(path, spec, tensors, answers[: len(tensors)], threads=self._task.threads),
            reference=reference(labels, answers, features),
            seconds={**self._first.report.seconds, "tuning": round(seconds, 3)},
        )
        return Learned(model=path, labels=labels, report=report, accepted=gate.passed)

    def _noted(self, training: Sequence[Example]) -> DataReport:
        """What is said of the data, and what a whole network risks beside."""
        data = self._first.report.data
        if not set(self._first.labels) - {each.label for each in training}:
            return data
        note = 'The layers before them moved: where classes without pictures matter, method "head" is the safer one.'
        return data.replaced(notes=(*data.notes, note))

    def _head(self) -> Head:
        return Head(self._served.weights, self._served.bias)

    def _pictures(self, examples: Sequence[Example]) -> Pictures:
        truth = [self._first.labels.index(each.label) for each in examples]
        return Pictures(self._tensors(examples), np.array(truth, np.int64))

    def _tensors(self, examples: Sequence[Example]) -> npt.NDArray[np.float32]:
        """[examples, ...], as the network is fed."""
        return np.stack([self._extractor.tensor(self._extractor.decode(each.read())) for each in examples])

    def _tell_epoch(self, epoch: Epoch) -> None:
        total = self._task.options.epochs
        self._tell(Progress(phase="learning", done=epoch.epoch, total=total, **epoch.model_dump()))


def _inner(training: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """(learned from, validation), every class with a single picture in the first."""
    counts = Counter(each.label for each in training)
    several = [replace(each, part=None) for each in training if counts[each.label] > 1]
    learned, validation = split(several, VALIDATION_SHARE, seed + 1)
    return learned + [each for each in training if counts[each.label] == 1], validation or learned


def _silent(_progress: Progress) -> None:
    """The pictures were looked at before, and that was told."""
