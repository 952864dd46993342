from __future__ import annotations

import pytest

from serving.observability.timestamps import milliseconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, 0.0), (0.0123456, 12.346), (1.5, 1500.0), (4e-7, 0.0), (6e-7, 0.001), (0.1 + 0.2, 300.0)],
)
def test_a_duration_is_told_in_milliseconds_to_the_microsecond(seconds: float, told: float) -> None:
    assert milliseconds(seconds) == told
