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
from serving.learning.classes import plan_classes
from serving.learning.examples import Example
from serving.learning.head import Head
from serving.learning.learn import PARITY_PICTURES, Mastered, Material, learn_by
from serving.learning.report import Epoch
from serving.learning.splitting import split
from serving.learning.task import Learned, LearningError, LearningTask, Progress, Tell
from serving.learning.teaching import Pupil, by_label, features_of, teach

TORCH_IS_HERE = importlib.util.find_spec("torch") is not None
if TORCH_IS_HERE:
    # With this module and not with the first task: a job's memory limit begins between the two.
    import torch

    from serving.learning.light import Lit, allow_for_light, features
    from serving.learning.network import Chain
    from serving.learning.tuning import PULL, Lesson, Pictures, Student, tune
if TYPE_CHECKING:
    from serving.learning.network import Chain

VALIDATION_SHARE = 0.2
"""Of the pictures to learn from; the held-out ones choose nothing."""

_SAME = 1e-3
_LIGHT = (
    "Its first layer was set to the brightness and contrast of these pictures before anything was learned: it answers "
    "those in the old light worse, unless some of them are in the ZIP file, too."
)
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
    relit = _in_their_light(body, material)
    # Of the head alone nothing is told, so whatever it is judged on while it learns does not matter.
    first = teach(relit or pupil, (relit or pupil).examples, options, _silent).head
    student = _student(body, first, pupil)
    learned, validation = (_pictures(part, material) for part in _inner(pupil.examples, options.seed))
    lesson = Lesson(learned, validation, options.epochs, options.seed, options.augment)
    curves = tune(student, lesson, partial(_tell_epoch, tell, options.epochs))
    weights, bias = (values.detach().numpy().astype(np.float64) for values in (student.weights, student.bias))
    notes = (*((_LIGHT,) if relit else ()), *((_RISK,) if pupil.classes.frozen else ()))
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


def _in_their_light(body: Chain, material: Material) -> Pupil | None:
    """The pupil with the features that it has once the light of its pictures is made up for; None where it was right.

    What is rehearsed stays: it is of pictures in the light that the base knows.
    """
    pupil, tensors = material.pupil, np.stack(material.tensors(material.pupil.examples))
    places = {label: place for place, label in reversed(list(enumerate(pupil.classes.served)))}
    truth = np.array([places.get(each.label, -1) for each in pupil.examples], np.int64)
    if not allow_for_light(body, pupil.base, Lit(tensors, truth)):
        return None
    seen = zip(pupil.examples, features(body, tensors), strict=True)
    examples = [replace(each, features=vector) for each, vector in seen]
    labels = material.task.options.labels
    classes = plan_classes(pupil.classes.served, pupil.base, by_label(examples), labels=labels)
    return replace(pupil, classes=classes, examples=examples, altered=None)


def _student(body: Chain, first: Head, pupil: Pupil) -> Student:
    classes = pupil.classes
    # Where every class has pictures, they say themselves what is to stay; what the base said would only hold back.
    kept = [place for place, label in enumerate(classes.labels) if label in classes.served] if classes.frozen else []
    return Student(body, first.weights, first.bias, known=kept, learned=classes.learned)


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
