"""Whether one arm is better than another, or the evidence does not suffice to say."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, erfc, sqrt
from statistics import NormalDist

from serving.quality.accuracy import CONFIDENCE, two_sided, wilson_interval
from serving.quality.sign_test import sign_test

POWER = 0.8
"""Probability with which a real difference should show; the usual 80 %."""

SMALLEST = 0.02
"""The smallest difference in accuracy that is worth looking for: two points."""

MIN_EXPECTED = 5
"""Fewer right or wrong answers expected in an arm than this, and the normal approximation does not hold
(W. G. Cochran, "Some methods for strengthening the common chi-squared tests", Biometrics 10, 1954)."""

UNKNOWN = 0.5
"""The share to plan with before anything was seen: the one that needs most answers."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Arm B beside arm A, judged at 95 %.

    ``difference`` is B's accuracy minus A's, ``low`` and ``high`` the interval that holds the true one, all -1..1.
    ``p_value`` is the probability of a difference as large where there is none.  ``more_needed`` is about how many
    more judged answers each arm needs before a difference of this size would show; 0 where it has enough.
    """

    difference: float
    low: float
    high: float
    p_value: float
    significant: bool
    more_needed: int
    conclusion: str


def compare_independent(correct_a: int, count_a: int, correct_b: int, count_b: int) -> Comparison:
    """Compare arms that answered different requests: the two-proportion z-test with the pooled share.

    z = (b - a) / sqrt(p (1 - p) (1/n_a + 1/n_b)); its square is Pearson's chi-squared of the 2x2 table.  The interval
    is method 10 of R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, 1998.
    """
    fewest, total = min(count_a, count_b), count_a + count_b
    difference = correct_b / count_b - correct_a / count_a if fewest else 0.0
    pooled = (correct_a + correct_b) / total if total else UNKNOWN
    needed = _answers_needed(pooled, difference)
    p_value = 1.0
    if difference:
        p_value = erfc(abs(difference) / sqrt(2 * pooled * (1 - pooled) * (1 / count_a + 1 / count_b)))
        if p_value < 1 - CONFIDENCE:
            needed = ceil(MIN_EXPECTED / min(pooled, 1 - pooled))
    interval = _difference_interval((correct_a, count_a), (correct_b, count_b), difference)
    return _concluded(difference, interval, p_value, needed - fewest)


def compare_paired(only_a: int, only_b: int, count: int) -> Comparison:
    """Compare arms that answered the same ``count`` requests, as a shadow does: McNemar's test, in its exact form.

    Only requests that one arm alone got right say anything: ``only_a`` and ``only_b``.  Where the arms are equally
    good each of those falls to either side like a coin (Q. McNemar, Psychometrika 12, 1947).  The interval adds half
    an answer to each cell (A. Agresti and Y. Min, Statistics in Medicine 24, 2005).
    """
    difference = (only_b - only_a) / count if count else 0.0
    p_value = sign_test(only_a, only_b)
    needed = _pairs_needed((only_a + only_b) / count if count else UNKNOWN, difference)
    interval = _paired_interval(only_a, only_b, count)
    if p_value < 1 - CONFIDENCE:
        needed = 0
    return _concluded(difference, interval, p_value, needed - count)


def _concluded(difference: float, interval: tuple[float, float], p_value: float, more: int) -> Comparison:
    more = max(0, more)
    significant = p_value < 1 - CONFIDENCE and not more
    conclusion = _sentence(difference, significant, more)
    return Comparison(difference, *interval, p_value, significant, more, conclusion)


def _sentence(difference: float, significant: bool, more: int) -> str:
    points = f"{100 * abs(difference):.1f} points"
    if significant:
        return f"B is {'better' if difference > 0 else 'worse'} than A by {points}."
    if more:
        sought = f"{100 * max(abs(difference), SMALLEST):.1f} points"
        return f"The evidence does not suffice: to show {sought}, each arm needs about {more} more judged answers."
    return f"No difference shows; one of {100 * SMALLEST:.0f} points would probably have shown by now."


def _difference_interval(a: tuple[int, int], b: tuple[int, int], difference: float) -> tuple[float, float]:
    if not (a[1] and b[1]):
        return -1.0, 1.0
    (low_a, high_a), (low_b, high_b) = wilson_interval(*a), wilson_interval(*b)
    share_a, share_b = a[0] / a[1], b[0] / b[1]
    down = sqrt((share_b - low_b) ** 2 + (high_a - share_a) ** 2)
    up = sqrt((high_b - share_b) ** 2 + (share_a - low_a) ** 2)
    return difference - down, difference + up


def _paired_interval(only_a: int, only_b: int, count: int) -> tuple[float, float]:
    if not count:
        return -1.0, 1.0
    trials = count + 2
    difference, discordant = (only_b - only_a) / trials, (only_a + only_b + 1) / trials
    half = two_sided(CONFIDENCE) * sqrt(max(0.0, discordant - difference**2) / trials)
    return max(-1.0, difference - half), min(1.0, difference + half)


def _answers_needed(share: float, difference: float) -> int:
    """Answers each arm needs to show ``difference`` around ``share`` with 80 % power.

    (z_a sqrt(2 p (1 - p)) + z_b sqrt(p1 (1 - p1) + p2 (1 - p2)))^2 / d^2, from J. L. Fleiss, B. Levin and M. C. Paik,
    "Statistical methods for rates and proportions", 3rd ed., 2003, chapter 4.
    """
    effect = max(abs(difference), SMALLEST)
    share = min(max(share, effect / 2), 1 - effect / 2)
    one, two = share - effect / 2, share + effect / 2
    spread = sqrt(one * (1 - one) + two * (1 - two))
    z = two_sided(CONFIDENCE) * sqrt(2 * share * (1 - share)) + NormalDist().inv_cdf(POWER) * spread
    return ceil((z / effect) ** 2)


def _pairs_needed(discordant: float, difference: float) -> int:
    """Pairs needed to show ``difference`` where the share ``discordant`` says anything, with 80 % power.

    (z_a sqrt(q) + z_b sqrt(q - d^2))^2 / d^2, from R. J. Connor, "Sample size for testing differences in proportions
    for the paired-sample design", Biometrics 43, 1987.
    """
    effect = max(abs(difference), SMALLEST)
    discordant = max(discordant, effect)
    z = two_sided(CONFIDENCE) * sqrt(discordant) + NormalDist().inv_cdf(POWER) * sqrt(discordant - effect**2)
    return ceil((z / effect) ** 2)
