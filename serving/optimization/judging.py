"""Whether a mode may serve: a pure decision from its judgement and its timing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serving.optimization.report import Judgement, Timing

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a mode has to keep.

    ``agreement`` is the least share of pictures with the same top class, ``mean_error`` and ``largest_error`` the most
    that a picture's probabilities may differ, on average and at worst; ``pictures`` and ``classes`` the least evidence
    (all of the model's classes, if it has fewer), ``speedup`` the least gain that is worth another version.
    """

    agreement: float = 0.99
    mean_error: float = 0.03
    largest_error: float = 0.25
    pictures: int = 100
    classes: int = 20
    speedup: float = 1.1


DEFAULT_BOUNDS = Bounds()


def judge(exact: Floats, candidate: Floats) -> Judgement:
    """Compare the answers to the same pictures, probabilities [pictures, classes] each, at least one picture."""
    errors = np.abs(exact - candidate).max(axis=1)
    best = exact.argmax(axis=1)
    return Judgement(
        pictures=len(exact),
        classes=len(set(best.tolist())),
        model_classes=exact.shape[1],
        agreement=float(np.mean(best == candidate.argmax(axis=1))),
        mean_error=float(errors.mean()),
        largest_error=float(errors.max()),
    )


def lack_of_evidence(judgement: Judgement, bounds: Bounds) -> str | None:
    """What is missing before the judgement means anything; None where it suffices.

    Noise is no evidence: it falls into one class or a few, as everything does where the weights are random.
    """
    classes = min(bounds.classes, judgement.model_classes)
    if judgement.pictures >= bounds.pictures and judgement.classes >= classes:
        return None
    return (
        f"Too little evidence: it was judged on {judgement.pictures} picture(s) that fall into {judgement.classes} top "
        f"class(es); at least {bounds.pictures} and {classes} are needed, of the kind that the model will see."
    )


def objection(judgement: Judgement, timing: Timing, bounds: Bounds) -> str | None:
    """The first reason why the mode may not serve; None where there is none."""
    lacking = lack_of_evidence(judgement, bounds)
    if lacking is not None:
        return lacking
    if judgement.agreement < bounds.agreement:
        return f"It agrees with fp32 on {judgement.agreement:.2%} of the pictures; {bounds.agreement:.2%} are needed."
    for name, value, most in (
        ("on average", judgement.mean_error, bounds.mean_error),
        ("at worst", judgement.largest_error, bounds.largest_error),
    ):
        if value > most:
            return f"Its probabilities differ from fp32's by {value:.3f} {name}; at most {most:g} is allowed."
    if timing.speedup < bounds.speedup:
        return f"It runs {timing.speedup:.2f} times as fast as fp32; less than {bounds.speedup:g} is not worth it."
    return None
