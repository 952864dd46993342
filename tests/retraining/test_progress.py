"""How far a job is: a share that only grows, and a guess that needs something to go on."""

from __future__ import annotations

import pytest

from serving.learning.task import Progress
from serving.retraining.progress import SHARES, overall, told


def test_the_share_grows_from_phase_to_phase_up_to_the_whole() -> None:
    shares = [overall(phase, done, 4) for phase in SHARES for done in range(5)]
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == pytest.approx(1.0)
    assert sum(SHARES.values()) == pytest.approx(1.0)


def test_a_phase_without_steps_and_an_unknown_one_are_no_error() -> None:
    assert overall("reading", 0, 0) == overall("reading", 0, 10)
    assert overall("dreaming", 1, 2) == 0.0


def test_the_time_left_is_guessed_once_there_is_something_to_go_on() -> None:
    assert told(Progress(phase="reading", done=0, total=10), 1.0).eta_s is None
    half = told(Progress(phase="features", done=80, total=100, epoch=None), 10.0)
    assert half.eta_s == pytest.approx(10 / half.fraction * (1 - half.fraction), abs=0.1)
    assert told(Progress(phase="learning", done=3, total=30, epoch=3, loss=0.5), 10.0).loss == 0.5


def test_of_a_whole_network_nearly_all_is_the_learning() -> None:
    assert overall("learning", 0, 30, "full") < 0.1
    assert overall("learning", 30, 30, "full") > 0.95
    assert overall("registering", 1, 1, "full") == pytest.approx(1)
    assert told(Progress(phase="learning", done=10, total=30), 100, "full").eta_s == pytest.approx(200, rel=0.2)
