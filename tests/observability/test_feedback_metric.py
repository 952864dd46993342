"""What feedback says of each version, as Prometheus reads it."""

from __future__ import annotations

import pytest

from serving.observability.metrics import Metrics
from serving.records.feedback import Judgement


def test_each_version_counts_its_own_right_and_wrong_answers() -> None:
    metrics = Metrics()
    for version, outcome in [("v1", "right"), ("v1", "right"), ("v1", "wrong"), ("v2", "no_label")]:
        metrics.judged("colors", version, outcome)
    lines = metrics.render().decode().splitlines()
    counted = {line for line in lines if line.startswith("lens_feedback_total{")}
    assert counted == {
        'lens_feedback_total{model_id="colors",outcome="right",version="v1"} 2.0',
        'lens_feedback_total{model_id="colors",outcome="wrong",version="v1"} 1.0',
        'lens_feedback_total{model_id="colors",outcome="no_label",version="v2"} 1.0',
    }


@pytest.mark.parametrize(("predicted", "correct"), [("red", True), ("blue", False), (None, None)])
def test_an_answer_is_correct_where_it_named_the_label(predicted: str | None, correct: bool | None) -> None:
    assert Judgement("r-1", "red", "colors", "v1", predicted).correct is correct
