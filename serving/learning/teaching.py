"""How the head is learned: which pull, for how long, and then on everything there is to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from serving.learning.classes import Classes
from serving.learning.examples import Example
from serving.learning.head import Head, Lesson, fit
from serving.learning.lessons import Rehearsal, lesson, plain_lesson
from serving.learning.report import Epoch
from serving.learning.splitting import split
from serving.learning.task import LearningOptions, Progress, Tell

PULLS = (1e-3, 1e-4, 1e-5, 1e-6)
"""Strongest first."""

MIDDLE_PULL = 1e-4
PATIENCE = 4
"""Epochs without a better one, after which more are not tried."""

_INNER_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Pupil:
    """What a head is taught with: the pictures, what is rehearsed beside them, and the features of altered pictures.

    ``altered`` maps the digest of a picture's pixels to features [altered pictures, features].
    """

    classes: Classes
    base: Head
    examples: Sequence[Example]
    rehearsal: Rehearsal | None = None
    altered: dict[str, np.ndarray] | None = None

    def lesson(self, examples: Sequence[Example], rehearsal: Rehearsal | None) -> Lesson:
        """All that ``examples`` teach, and what is rehearsed."""
        features, labels = features_of(examples), [each.label for each in examples]
        for each in examples if self.altered else ():
            more = (self.altered or {})[each.pixels]
            features, labels = np.vstack([features, more]), labels + [each.label] * len(more)
        return lesson(self.classes, self.base, features, labels, rehearsal)

    def plain(self, examples: Sequence[Example]) -> Lesson:
        """What ``examples`` judge by."""
        return plain_lesson(self.classes, features_of(examples), [each.label for each in examples])


@dataclass(frozen=True, slots=True)
class Taught:
    """The head of all classes, its curves, and the pull that was chosen."""

    head: Head
    curves: tuple[Epoch, ...]
    pull: float


def teach(pupil: Pupil, held_out: Sequence[Example], options: LearningOptions, tell: Tell) -> Taught:
    """Learn the rows of the pupil's classes.

    Pull and length are chosen on a part of the pictures to learn from, then all of those are learned from.  The
    curves show the ``held_out`` pictures, too; they choose nothing.
    """
    pull, epochs = _choose(pupil, options)
    everything, judged = pupil.lesson(pupil.examples, pupil.rehearsal), pupil.plain(held_out)
    learned = list(pupil.classes.learned)
    start = rows = pupil.classes.start.rows(learned)
    curves: list[Epoch] = []
    for number, rows in enumerate(islice(fit(everything, start, pull), epochs), start=1):
        curves.append(_point(number, rows, everything, judged))
        tell(Progress(phase="learning", done=number, total=epochs, **curves[-1].model_dump()))
    return Taught(pupil.classes.start.with_rows(learned, rows), tuple(curves), pull)


def features_of(examples: Sequence[Example]) -> np.ndarray:
    """float32 [examples, features]."""
    return np.stack([each.features for each in examples])


def by_label(examples: Sequence[Example]) -> dict[str, np.ndarray]:
    """Label -> the features of its examples, float32 [examples, features]."""
    labels = {each.label for each in examples}
    return {label: features_of([each for each in examples if each.label == label]) for label in labels}


def _choose(pupil: Pupil, options: LearningOptions) -> tuple[float, int]:
    """(pull, epochs): the strongest pull that is as good as the best, within the standard error of its loss.

    (The one-standard-error rule of L. Breiman et al., "Classification and regression trees", 1984.)
    """
    counts = Counter(each.label for each in pupil.examples)
    several = [replace(each, part=None) for each in pupil.examples if counts[each.label] > 1]
    if not several:
        return MIDDLE_PULL, options.epochs
    inner, judging = split(several, _INNER_SHARE, options.seed + 1)
    rehearsed, kept = pupil.rehearsal.parted() if pupil.rehearsal else (None, None)
    taught = pupil.lesson(inner, rehearsed)
    judged = lesson(pupil.classes, pupil.base, features_of(judging), [each.label for each in judging], kept)
    # What is imagined is easier than the pictures that it stands for, and flatters the weakest pull.
    pulls = PULLS[:-1] if pupil.rehearsal and pupil.rehearsal.imagined else PULLS
    tried = [(pull, *_best_epoch(pupil, taught, judged, pull, options.epochs)) for pull in pulls]
    _, _, least, error = min(tried, key=lambda each: each[2])
    pull, epochs, *_ = next(each for each in tried if each[2] <= least + error)
    return pull, epochs


def _best_epoch(pupil: Pupil, taught: Lesson, judged: Lesson, pull: float, epochs: int) -> tuple[int, float, float]:
    """(epochs, loss, standard error of the loss) of the best head on the way."""
    start = pupil.classes.start.rows(list(pupil.classes.learned))
    best = (1, np.inf, 0.0)
    for number, rows in enumerate(islice(fit(taught, start, pull), epochs), start=1):
        loss = judged.loss(rows)
        if loss < best[1]:
            losses = judged.losses(rows)
            best = (number, loss, float(losses.std() / np.sqrt(len(losses))))
        elif number - best[0] >= PATIENCE:
            break
    return best


def _point(number: int, rows: Head, taught: Lesson, judged: Lesson) -> Epoch:
    return Epoch(
        epoch=number,
        loss=taught.loss(rows),
        accuracy=taught.accuracy(rows),
        validation_loss=judged.loss(rows),
        validation_accuracy=judged.accuracy(rows),
    )
