"""Whether a candidate may take its base's place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from serving.learning.judging import compare
from serving.learning.report import Gate, Parity

SAME = 1e-5
"""What a probability of the written file may differ from that of the head that was judged."""

Rule = Literal["better", "not_worse", "none"]
Right = npt.NDArray[np.bool_]
"""Which held-out pictures a model named rightly, [pictures]."""


def verdict(rule: Rule, truths: Sequence[str], new: Collection[str], base: Right, candidate: Right) -> Gate:
    """Judge by ``rule``; ``new`` are the labels that the base does not have.

    "not_worse": the interval of the difference must reach zero, over all pictures and over those of the base's own
    classes.  "better": that, and more pictures right of what was asked: of the new classes, or of all where none is
    new.  "none" accepts.
    """
    if rule == "none":
        return Gate(rule=rule, passed=True, reason="No gate was asked for.")
    known = np.array([truth not in new for truth in truths], dtype=bool)
    for group, name in ((np.ones_like(known), "all held-out pictures"), (known, "the classes that the base knows")):
        found = compare(base[group], candidate[group])
        if group.any() and found.high < 0:
            return Gate(rule=rule, passed=False, reason=f"It is worse on {name}, by {_points(-found.difference)}.")
    asked = ~known if not known.all() else known
    gain = float(candidate[asked].mean() - base[asked].mean())
    what = "the new classes" if not known.all() else "the held-out pictures"
    if rule == "better" and gain <= 0:
        return Gate(rule=rule, passed=False, reason=f"It is no better than its base on {what}.")
    change = f"better by {_points(gain)}" if gain > 0 else f"as good within the interval ({_points(gain)})"
    return Gate(rule=rule, passed=True, reason=f"On {what} it is {change}, and it is not worse on the others.")


def confirmed(gate: Gate, parity: Parity) -> Gate:
    """The verdict once the candidate is written; a file that answers otherwise than what was judged does not pass."""
    if parity.largest_difference <= SAME:
        return gate
    reason = f"The file that was written answers otherwise than what was judged, by {parity.largest_difference:.1e}."
    return gate.replaced(passed=False, reason=reason)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
