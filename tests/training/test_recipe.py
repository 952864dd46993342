"""The schedule."""

from __future__ import annotations

import pytest

from training.recipe import Recipe


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = Recipe()
    rates = [recipe.learning_rate(progress) for progress in (0, recipe.warmup / 2, recipe.warmup, 1)]
    assert rates == pytest.approx([0, recipe.peak_lr / 2, recipe.peak_lr, 0])


def test_label_smoothing_falls_from_its_first_to_its_last_value() -> None:
    recipe = Recipe(smoothing=(0.2, 0.1))
    assert [recipe.label_smoothing(progress) for progress in (0, 0.5, 1)] == pytest.approx([0.2, 0.15, 0.1])
