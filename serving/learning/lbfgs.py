"""Limited-memory BFGS: minimizes a smooth function of many variables by its gradients."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Function = Callable[[Array], tuple[float, Array]]
"""A point to the value there and its gradient, of the point's shape."""

_MEMORY = 10
_ENOUGH = 1e-4
_HALVINGS = 25


def descend(function: Function, start: Array) -> Iterator[tuple[Array, float]]:
    """The points of the descent from ``start``, with their values, one a step; ends where no step goes down.

    The two-loop recursion of J. Nocedal and S. J. Wright, "Numerical optimization", 2nd ed., 2006, algorithm 7.4, with
    steps halved until they fall enough (Armijo's rule).  The same input gives the same points.
    """
    point, (value, slope) = start, function(start)
    pairs: deque[tuple[Array, Array]] = deque(maxlen=_MEMORY)
    while True:
        direction = -_scaled(slope, pairs)
        found = _step(function, point, value, slope, direction if direction @ slope < 0 else -slope)
        if found is None:
            return
        following, value, after = found
        moved, turned = following - point, after - slope
        # Only a pair with positive curvature keeps the approximation positive definite.
        if moved @ turned > 1e-12 * (turned @ turned):
            pairs.append((moved, turned))
        point, slope = following, after
        yield point, value


def _scaled(slope: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """The gradient times the approximate inverse Hessian."""
    result = slope.copy()
    if not pairs:
        scaled: Array = result / max(1.0, float(np.linalg.norm(result)))
        return scaled
    weights = []
    for moved, turned in reversed(pairs):
        weight = (moved @ result) / (moved @ turned)
        weights.append(weight)
        result -= weight * turned
    moved, turned = pairs[-1]
    result *= (moved @ turned) / (turned @ turned)
    for (moved, turned), weight in zip(pairs, reversed(weights), strict=True):
        result += (weight - (turned @ result) / (moved @ turned)) * moved
    return result


def _step(
    function: Function, point: Array, value: float, slope: Array, direction: Array
) -> tuple[Array, float, Array] | None:
    length, fall = 1.0, float(slope @ direction)
    for _ in range(_HALVINGS):
        following = point + length * direction
        there, after = function(following)
        if there < value and there <= value + _ENOUGH * length * fall:
            return following, there, after
        length /= 2
    return None
