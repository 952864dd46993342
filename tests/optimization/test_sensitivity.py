from __future__ import annotations

from collections.abc import Sequence

from serving.optimization.float_graph import Layer
from serving.optimization.sensitivity import fewest_kept, rank_by_damage

LAYERS = [Layer((name,)) for name in "abcdefgh"]
DAMAGE = dict(zip("abcdefgh", (5, 1, 9, 0, 3, 0, 0, 2), strict=True))


def error_keeping(kept: Sequence[Layer]) -> float:
    return sum(DAMAGE.values()) - sum(DAMAGE[layer.name] for layer in kept)


def test_the_most_damaging_layer_comes_first() -> None:
    ranked = rank_by_damage(LAYERS, lambda layer: DAMAGE[layer.name], lambda: True)
    assert [layer.name for layer in ranked] == list("caehbdfg")


def test_layers_for_which_no_time_is_left_count_as_harmless() -> None:
    left = iter([True, True, False])
    ranked = rank_by_damage(LAYERS, lambda layer: DAMAGE[layer.name], lambda: next(left))
    assert [layer.name for layer in ranked] == list("abcdefgh")


def test_as_few_layers_stay_as_will_do() -> None:
    ranked = rank_by_damage(LAYERS, lambda layer: DAMAGE[layer.name], lambda: True)
    for target, names in ((20, ""), (19, "c"), (6, "ca"), (5, "cae"), (3, "cae"), (2, "caeh")):
        assert "".join(layer.name for layer in fewest_kept(ranked, error_keeping, target, lambda: True)) == names


def test_never_more_than_half_of_the_layers_stay() -> None:
    ranked = rank_by_damage(LAYERS, lambda layer: DAMAGE[layer.name], lambda: True)
    assert len(fewest_kept(ranked, error_keeping, -1, lambda: True)) == 4


def test_where_time_is_over_as_many_stay_as_are_known_to_do() -> None:
    ranked = rank_by_damage(LAYERS, lambda layer: DAMAGE[layer.name], lambda: True)
    looks = iter([True, False])
    assert len(fewest_kept(ranked, error_keeping, 19, lambda: next(looks))) == 2
