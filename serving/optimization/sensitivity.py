"""Which layers have to stay in fp32: the fewest of the most damaging ones that bring the error down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from serving.optimization.float_graph import Layer


def rank_by_damage(
    layers: Sequence[Layer], damage: Callable[[Layer], float], may_go_on: Callable[[], bool]
) -> list[Layer]:
    """``layers``, the most damaging first.

    Args:
        layers: in the order in which they run; the first ones are usually the most damaging.
        damage: the error where that layer alone is in INT8.
        may_go_on: asked before each layer; once it says no, the rest count as harmless.
    """
    measured = {}
    for layer in layers:
        if not may_go_on():
            break
        measured[layer] = damage(layer)
    return sorted(layers, key=lambda layer: -measured.get(layer, 0.0))


def fewest_kept(
    ranked: Sequence[Layer],
    error_keeping: Callable[[Sequence[Layer]], float],
    target: float,
    may_go_on: Callable[[], bool],
) -> Sequence[Layer]:
    """The shortest beginning of ``ranked`` that has to stay in fp32 for an error of at most ``target``.

    At most half of the layers are kept: beyond that nothing is gained any more.  Where even that is not enough it is
    the answer, and whoever judges it will say so.

    Args:
        ranked: the most damaging layer first.
        error_keeping: the error where those layers are in fp32; supposed to fall with every further one.
        target: the largest error that will do.
        may_go_on: asked before each look at an error; once it says no, the fewest that are known to do are the answer.
    """
    low, high = 0, len(ranked) // 2
    while low < high and may_go_on():
        middle = (low + high) // 2
        if error_keeping(ranked[:middle]) <= target:
            high = middle
        else:
            low = middle + 1
    return ranked[:high]
