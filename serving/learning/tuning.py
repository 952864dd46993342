"""Fine-tuning a whole network on a few pictures without losing what it knew; needs PyTorch.

There are no pictures of what it learned first, so three things hold it: its last layer, which may be new in part, was
learned before everything moves (A. Kumar et al., "Fine-tuning can distort pretrained features and underperform
out-of-distribution", ICLR 2022); the weights are pulled toward where they began (L2-SP: X. Li et al., "Explicit
inductive bias for transfer learning with convolutional networks", ICML 2018); and the scores of old classes stay as
they were on pictures that do not speak against them (Z. Li and D. Hoiem, "Learning without forgetting", ECCV 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from serving.learning.network import Chain
from serving.learning.report import Epoch

BATCH = 50
RATE = 3e-4
PULL = 1e-2
KEEP = 1.0
TEMPERATURE = 2.0
"""Softens what is kept, so that the order of the unlikely classes counts, too."""

PATIENCE = 5
"""Epochs without a better validation loss after which it ends."""

_SHIFT = 10
"""A picture is moved by at most this part of its side."""


@dataclass(frozen=True)
class Pictures:
    """``tensors`` float32 [n, channels, height, width] as the network is fed, and class indices ``truth`` [n]."""

    tensors: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lesson:
    """What is learned from, what says when to stop, and how often all of it is seen at most."""

    learned: Pictures
    validation: Pictures
    epochs: int
    seed: int = 0
    augment: bool = False


class Student:
    """The network in two: ``body`` gives features, ``weights`` [classes, features] and ``bias`` name them.

    ``known`` are the classes whose scores are to stay.  Rows of classes that are not ``learned``, because there are no
    pictures of them, do not move.
    """

    def __init__(
        self, body: Chain, weights: np.ndarray, bias: np.ndarray, *, known: Sequence[int], learned: Sequence[int]
    ) -> None:
        self.body = body
        self.known = list(known)
        moving = torch.zeros(len(bias)).index_fill(0, torch.tensor(list(learned)), 1.0)
        self.weights = torch.tensor(weights, dtype=torch.float32, requires_grad=True)
        self.bias = torch.tensor(bias, dtype=torch.float32, requires_grad=True)
        self.weights.register_hook(lambda gradient: gradient * moving[:, None])
        self.bias.register_hook(lambda gradient: gradient * moving)

    def __call__(self, x: Tensor) -> Tensor:
        """Logits [n, classes]."""
        return F.linear(self.body(x), self.weights, self.bias)

    @property
    def parameters(self) -> list[Tensor]:
        """Everything that is learned."""
        return [*self.body.weights.values(), self.weights, self.bias]


def tune(student: Student, lesson: Lesson, tell: Callable[[Epoch], None]) -> tuple[Epoch, ...]:
    """Change ``student`` in place; it ends as it was after its best epoch by validation loss, or as it began.

    The rate falls to zero along a half cosine.  Classes count equally, however many pictures they have.
    """
    batches = _Batches(student, lesson)
    optimizer = torch.optim.AdamW(student.parameters, lr=RATE, weight_decay=0)
    steps = lesson.epochs * batches.count
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    best, best_loss = _snapshot(student), _score(student, lesson.validation)[0]
    curves: list[Epoch] = []
    waited = 0
    while len(curves) < lesson.epochs and waited < PATIENCE:
        for loss in batches.losses(student):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        curves.append(_point(len(curves) + 1, student, lesson))
        tell(curves[-1])
        waited += 1
        if curves[-1].validation_loss < best_loss:
            best, best_loss, waited = _snapshot(student), curves[-1].validation_loss, 0
    _restore(student, best)
    return tuple(curves)


class _Batches:
    """The pictures in random batches, and what a batch costs."""

    def __init__(self, student: Student, lesson: Lesson) -> None:
        self._x, self._y = torch.from_numpy(lesson.learned.tensors), torch.from_numpy(lesson.learned.truth)
        self._augment = lesson.augment
        self._random = torch.Generator().manual_seed(lesson.seed)
        self._began = _snapshot(student)
        self._shares = 1 / torch.bincount(self._y, minlength=len(student.bias)).clamp(min=1)
        logits = _logits(student, self._x)
        self._kept = logits[:, student.known]
        new = ~torch.isin(self._y, torch.tensor(student.known, dtype=torch.long))
        self._agreed = new | (logits.argmax(1) == self._y)

    @property
    def count(self) -> int:
        """In an epoch."""
        return math.ceil(len(self._y) / BATCH)

    def losses(self, student: Student) -> Iterator[Tensor]:
        """The loss of each batch of one epoch."""
        for index in torch.randperm(len(self._y), generator=self._random).split(BATCH):
            logits = student(self._seen(index))
            loss = F.cross_entropy(logits, self._y[index], weight=self._shares) + PULL / 2 * self._moved(student)
            yield loss + KEEP * self._forgotten(logits[:, student.known], index) if student.known else loss

    def _seen(self, index: Tensor) -> Tensor:
        x = self._x[index]
        if not self._augment:
            return x
        mirrored = torch.rand(len(x), 1, 1, 1, generator=self._random) < 0.5
        reach = x.shape[-1] // _SHIFT
        top, left = torch.randint(0, 2 * reach + 1, (2,), generator=self._random).tolist()
        padded = F.pad(torch.where(mirrored, x.flip(-1), x), [reach] * 4, mode="replicate")
        return padded[..., top : top + x.shape[-2], left : left + x.shape[-1]]

    def _forgotten(self, logits: Tensor, index: Tensor) -> Tensor:
        """How far the old classes' scores are from what they were, where the label does not contradict those."""
        kept = F.log_softmax(self._kept[index] / TEMPERATURE, 1)
        now = F.log_softmax(logits / TEMPERATURE, 1)
        distance = F.kl_div(now, kept, reduction="none", log_target=True).sum(1)
        return (distance * self._agreed[index]).mean() * TEMPERATURE**2

    def _moved(self, student: Student) -> Tensor:
        pairs = zip(student.parameters, self._began, strict=True)
        return torch.stack([(now - began).square().sum() for now, began in pairs]).sum()


def _point(number: int, student: Student, lesson: Lesson) -> Epoch:
    loss, accuracy = _score(student, lesson.learned)
    validation_loss, validation_accuracy = _score(student, lesson.validation)
    return Epoch(
        epoch=number,
        loss=loss,
        accuracy=accuracy,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
    )


def _score(student: Student, pictures: Pictures) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    logits, truth = _logits(student, torch.from_numpy(pictures.tensors)), torch.from_numpy(pictures.truth)
    return float(F.cross_entropy(logits, truth)), float((logits.argmax(1) == truth).float().mean())


def _logits(student: Student, x: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([student(batch) for batch in x.split(10 * BATCH)])


def _snapshot(student: Student) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in student.parameters]


def _restore(student: Student, weights: list[Tensor]) -> None:
    with torch.no_grad():
        for parameter, kept in zip(student.parameters, weights, strict=True):
            parameter.copy_(kept)
