"""Heads and tails: whether a coin is fair."""

from __future__ import annotations

from math import log

import numpy as np


def sign_test(heads: int, tails: int) -> float:
    """The two-sided p-value of so uneven a count from a fair coin; exact.

    Twice the probability of the rarer side's count or fewer, 1 at most.
    """
    trials, rarer = heads + tails, min(heads, tails)
    if 2 * rarer == trials:
        return 1.0
    counts = np.arange(1, rarer + 1)
    # ln C(n, k), each from the one before it: C(n, k) = C(n, k - 1) (n - k + 1) / k.
    logs = np.concatenate(([0.0], np.cumsum(np.log((trials - counts + 1) / counts)))) - trials * log(2)
    return min(1.0, 2 * float(np.exp(logs).sum()))
