"""Which arm answers: the same one for the same key, without any memory.

Weighted rendezvous hashing.  Each arm draws a number for the key from a hash, an exponential variable whose rate is
the arm's weight, and the smallest wins; of independent exponentials each is the smallest with probability weight / sum.
(D. G. Thaler and C. V. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
Networking 6(1), 1998; weighted by J. Schindelhauer and G. Schomaker, "Weighted distributed hash tables", SPAA 2005.)

When weights change, a key moves only to an arm whose weight grew by a larger factor than that of the arm it leaves:
an arm that grows at the cost of the others takes keys over and gives none away, and no two others exchange any.
With two arms nothing else can happen.  With three, a rule without memory cannot also keep still the keys of an arm
whose share stayed while the other two traded: going (1/2, 1/2, 0), (1/2, 0, 1/2), (0, 1/2, 1/2) and back, each key
would end on the other arm than it began on.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from math import log

_CELLS = 2**52


def choose_arm(weights: Mapping[str, float], key: str, *, salt: str) -> str:
    """The arm of ``weights`` (not negative, one at least positive) that answers requests with the sticky ``key``.

    ``salt`` makes the choices of two plans independent of each other: the plan's id.
    """
    question = f"{salt}\0{key}\0".encode(errors="surrogatepass")
    return min([(_draw(question, arm) / weight, arm) for arm, weight in weights.items() if weight > 0])[1]


def _draw(question: bytes, arm: str) -> float:
    """An exponential variable of rate 1, always the same for the same words."""
    digest = blake2b(question + arm.encode(), digest_size=8).digest()
    # 52 bits and a half: a double holds them exactly, and so the uniform variable is neither 0 nor 1.
    uniform = ((int.from_bytes(digest, "big") >> 12) + 0.5) / _CELLS
    return -log(uniform)
