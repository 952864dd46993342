"""Learning with the whole network: the head first, as always, then everything moves.

Needs PyTorch, which is an extra, and a base whose layers follow one another as the embedded network's do.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from serving.learning.backbone import Backbone, cut
from serving.learning.examples import Example
from serving.learning.head import Head
from serving.learning.learn import PARITY_PICTURES, Mastered, Material, learn_by
from serving.learning.report import Epoch
from serving.learning.splitting import split
from serving.learning.task import Learned, LearningError, LearningTask, Progress, Tell
from serving.learning.teaching import Pupil, features_of, teach

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
_RISK = 'The layers before them moved: where classes without pictures matter, method "head" is the safer one.'


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
    body = Chain(cut(task.model, task.spec).graph)
    return learn_by(partial(_whole_network, body), task, tell)


def _whole_network(body: Chain, material: Material, tell: Tell) -> Mastered:
    _require_same(body, material)
    pupil, options = material.pupil, material.task.options
    first = teach(pupil, material.held_out, options, _silent).head
    student = _student(body, first, pupil)
    learned, validation = (_pictures(part, material) for part in _inner(pupil.examples, options.seed))
    lesson = Lesson(learned, validation, options.epochs, options.seed, options.augment)
    curves = tune(student, lesson, partial(_tell_epoch, tell, options.epochs))
    weights, bias = (values.detach().numpy().astype(np.float64) for values in (student.weights, student.bias))
    notes = (_RISK,) if pupil.classes.frozen else ()
    return Mastered(Backbone(body.model(), weights, bias), Head(weights, bias), curves, PULL, notes)


def _require_same(body: Chain, material: Material) -> None:
    """Whatever was misread in the graph would show here, before anything is learned."""
    some = material.pupil.examples[:PARITY_PICTURES]
    with torch.no_grad():
        seen = body(torch.from_numpy(np.stack(material.tensors(some)))).numpy()
    if not np.allclose(seen, features_of(some), rtol=_SAME, atol=_SAME):
        raise LearningError(
            "unsupported_base",
            'PyTorch computes something else with this network than ONNX Runtime does: use method "head".',
        )


def _student(body: Chain, first: Head, pupil: Pupil) -> Student:
    classes = pupil.classes
    served = [place for place, label in enumerate(classes.labels) if label in classes.served]
    return Student(body, first.weights, first.bias, known=served, learned=classes.learned)


def _pictures(examples: Sequence[Example], material: Material) -> Pictures:
    labels = material.pupil.classes.labels
    truth = [labels.index(each.label) for each in examples]
    return Pictures(np.stack(material.tensors(examples)), np.array(truth, np.int64))


def _inner(training: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """(learned from, validation), every class with a single picture in the first."""
    counts = Counter(each.label for each in training)
    several = [replace(each, part=None) for each in training if counts[each.label] > 1]
    learned, validation = split(several, VALIDATION_SHARE, seed + 1)
    return learned + [each for each in training if counts[each.label] == 1], validation or learned


def _tell_epoch(tell: Tell, total: int, epoch: Epoch) -> None:
    tell(Progress(phase="learning", done=epoch.epoch, total=total, **epoch.model_dump()))


def _silent(_progress: Progress) -> None:
    """Epochs of the head alone are not told: those of the whole network come after them."""
