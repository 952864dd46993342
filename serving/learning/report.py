"""The training report: what was in the data, how the candidate and its base did, and why it was accepted or not.

Plain JSON values, kept with the version.  Accuracies, shares and probabilities are 0..1.
"""

from __future__ import annotations

from typing import Literal

from preprocessing.spec import Frozen


class Issue(Frozen):
    """A picture, or another entry, that was left out or noticed, and why.

    ``name`` is the caller's own name for it, shown as it was in the archive.
    """

    name: str
    reason: str


class DataReport(Frozen):
    """What the pictures were.

    ``classes`` counts those that were used, by label.  ``issues`` names every entry that was left out or noticed;
    ``counts`` says how often each reason occurred.
    """

    pictures: int
    classes: dict[str, int]
    new_labels: tuple[str, ...]
    training: int
    held_out: int
    counts: dict[str, int]
    issues: tuple[Issue, ...]
    notes: tuple[str, ...] = ()


class Suspicion(Frozen):
    """A label whose pictures look like another one: ``doubted`` of ``count`` pictures, some of them named."""

    label: str
    looks_like: str
    doubted: int
    count: int
    pictures: tuple[str, ...]


class ClassFigures(Frozen):
    """One class on the held-out pictures; precision is None where the class was never answered."""

    label: str
    count: int
    precision: float | None
    recall: float


class ReliabilityBin(Frozen):
    """Answers of about one confidence: how many, how confident, how right."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


class ConfusionTable(Frozen):
    """How often the true label of a row was answered with the label of a column; ``beyond`` are not shown."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    beyond: int


class Judgement(Frozen):
    """One model on the held-out pictures.  ``low`` and ``high`` hold the true accuracy at 95 %; ``loss`` is in nats."""

    count: int
    accuracy: float
    low: float
    high: float
    loss: float
    per_class: tuple[ClassFigures, ...]
    confusion: ConfusionTable
    ece: float
    reliability: tuple[ReliabilityBin, ...]


class PairedTest(Frozen):
    """The candidate's accuracy minus the base's on the same pictures, with its interval and McNemar's p-value."""

    difference: float
    low: float
    high: float
    p_value: float
    conclusion: str


class Gate(Frozen):
    """The verdict, and the reason in a sentence."""

    rule: Literal["better", "not_worse", "none"]
    passed: bool
    reason: str


class Epoch(Frozen):
    """One point of the training curves.  Losses in nats."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


class Parity(Frozen):
    """The exported graph beside the head that was trained: the largest difference of a probability."""

    pictures: int
    largest_difference: float


class Distribution(Frozen):
    """A histogram: ``shares`` of the values between consecutive ``edges``; one edge more than shares."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]


class Reference(Frozen):
    """What the held-out pictures looked like to the candidate, to compare later traffic with."""

    pictures: int
    confidence: Distribution
    labels: dict[str, float]
    features: dict[str, Distribution]


class TrainingReport(Frozen):
    """Everything about one training.  ``accuracy`` is the candidate's on the held-out pictures."""

    accuracy: float
    data: DataReport
    suspicions: tuple[Suspicion, ...]
    candidate: Judgement
    base: Judgement
    paired: PairedTest
    gate: Gate
    curves: tuple[Epoch, ...]
    pull: float
    parity: Parity
    reference: Reference
    seconds: dict[str, float]
