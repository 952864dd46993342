"""The limit: the peers' work in a plain loop, without HTTP; one process of it a core.

python -m benchmarks.peers.in_process predict|infer <seconds>      prints calls a second
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchmarks.peers.classifier import Iris, PictureClassifier
from benchmarks.workload import jpeg

WARM_UP = 0.5
"""Seconds of calls before the counted ones."""


def calls_per_second(call: Callable[[], object], seconds: float) -> float:
    """How often ``call`` can be made, one after the other."""
    ends = time.monotonic() + WARM_UP
    while time.monotonic() < ends:
        call()
    began, calls = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        call()
        calls += 1
    return calls / passed


def main() -> None:
    """Measure the work that the first argument names."""
    if sys.argv[1] == "predict":
        iris = Iris()
        rate = calls_per_second(lambda: iris.predict([5.1, 3.5, 1.4, 0.2]), float(sys.argv[2]))
    else:
        pictures, picture = PictureClassifier(), jpeg()
        rate = calls_per_second(lambda: pictures.classify(picture), float(sys.argv[2]))
    print(rate)


if __name__ == "__main__":
    main()
