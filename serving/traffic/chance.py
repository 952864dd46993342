"""How likely chance alone is to give a count."""

from __future__ import annotations

from math import exp, lgamma, log, log1p


def chance_of_at_least(count: int, trials: int, rate: float) -> float:
    """The probability that ``trials`` independent events of probability ``rate`` happen ``count`` times or more.

    Exact, the upper tail of the binomial distribution, and so right for small numbers too.  It is less than ``a``
    exactly where the one-sided (1 - a) lower bound of Clopper and Pearson (Biometrika 26, 1934) for the true rate
    lies above ``rate``.
    """
    if count <= 0 or rate >= 1:
        return 1.0
    if count > trials or rate <= 0:
        return 0.0
    if count <= trials * rate:
        # Summed from the side where the terms shrink, here too.
        return max(0.0, 1.0 - _sum_outward(trials - count + 1, trials, 1 - rate))
    return min(1.0, _sum_outward(count, trials, rate))


def _sum_outward(first: int, trials: int, rate: float) -> float:
    """The sum of the probabilities of ``first``, ``first`` + 1, ... of ``trials``; ``first`` is beyond the mean."""
    odds = rate / (1 - rate)
    term = exp(_log_choices(trials, first) + first * log(rate) + (trials - first) * log1p(-rate))
    total = 0.0
    for count in range(first, trials + 1):
        total += term
        if term <= total * 1e-17:
            break
        term *= (trials - count) / (count + 1) * odds
    return total


def _log_choices(trials: int, count: int) -> float:
    return lgamma(trials + 1) - lgamma(count + 1) - lgamma(trials - count + 1)
