from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from serving.quality.calibration import Binning, calibration


def answers(count: int = 2_000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    confidences = chance.beta(5, 1.5, count)
    return confidences, chance.random(count) < confidences**2


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("mass", "quantile")])
@pytest.mark.parametrize("bins", [5, 10, 15])
def test_the_curve_is_scikit_learns(binning: Binning, strategy: str, bins: int) -> None:
    confidences, correct = answers()
    share, mean = calibration_curve(correct, confidences, n_bins=bins, strategy=strategy)

    found = calibration(confidences, correct, bins=bins, binning=binning)
    assert [each.accuracy for each in found.curve] == pytest.approx(share)
    assert [each.confidence for each in found.curve] == pytest.approx(mean)


@pytest.mark.parametrize("binning", ["width", "mass"])
def test_the_error_is_the_weighted_gap_of_the_curve(binning: Binning) -> None:
    confidences, correct = answers()
    found = calibration(confidences, correct, binning=binning)

    weights = np.array([each.count for each in found.curve]) / len(correct)
    gaps = [abs(each.accuracy - each.confidence) for each in found.curve]
    assert found.ece == pytest.approx(float(weights @ gaps))
    assert sum(each.count for each in found.curve) == len(correct)


def test_an_overconfident_model_is_off_by_as_much_as_it_boasts() -> None:
    confidences = np.full(1_000, 0.9)
    correct = np.arange(1_000) < 600

    assert calibration(confidences, correct).ece == pytest.approx(0.3)


def test_a_well_calibrated_model_is_hardly_off() -> None:
    chance = np.random.default_rng(3)
    confidences = chance.random(20_000)

    found = calibration(confidences, chance.random(20_000) < confidences)
    assert found.ece is not None and found.ece < 0.02
    assert all(each.low < each.confidence < each.high for each in found.curve)


def test_the_marks_of_equal_widths_read_as_they_are_meant() -> None:
    confidences = np.linspace(0.05, 0.95, 10)
    curve = calibration(confidences, confidences > 0.5).curve

    assert [each.lower for each in curve] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def test_equal_masses_divide_answers_that_are_all_very_sure() -> None:
    confidences = np.random.default_rng(4).uniform(0.95, 1, 1_000)
    correct = confidences > 0.96

    assert [each.count for each in calibration(confidences, correct).curve] == [1_000]
    assert [each.count for each in calibration(confidences, correct, binning="mass").curve] == [100] * 10


@pytest.mark.parametrize("binning", ["width", "mass"])
@pytest.mark.parametrize("confidence", [0.0, 0.1, 0.5, 1.0])
def test_equal_confidences_share_a_bin(confidence: float, binning: Binning) -> None:
    found = calibration(np.full(10, confidence), np.ones(10, dtype=bool), binning=binning)

    assert [each.count for each in found.curve] == [10]
    assert found.ece == pytest.approx(1 - confidence)


def test_without_answers_nothing_is_claimed() -> None:
    found = calibration(np.array([]), np.array([], dtype=bool))

    assert (found.ece, found.curve) == (None, ())


def test_arrays_of_different_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="one entry for each"):
        calibration(np.zeros(2), np.zeros(3, dtype=bool))
