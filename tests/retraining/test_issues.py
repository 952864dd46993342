"""What was left out of a training, named a page at a time."""

from __future__ import annotations

from typing import Any

import pytest

from serving.retraining.issues import PAGE, page_of


def named(count: int) -> list[dict[str, str]]:
    return [{"name": f"{place}.png", "reason": "empty_file"} for place in range(count)]


def reported(count: int, kind: str) -> dict[str, Any]:
    """A report that names ``count`` entries: of a finished training, or of one that found too little."""
    issues = {"issues": named(count), "more": 1}
    return {"accuracy": 1.0, "data": issues} if kind == "finished" else issues


@pytest.mark.parametrize("kind", ["finished", "failed"])
@pytest.mark.parametrize("count", [0, PAGE, PAGE + 1, 3 * PAGE])
def test_the_pages_together_name_every_entry_once(count: int, kind: str) -> None:
    report, names, following = reported(count, kind), list[str](), 0

    while following is not None:
        page, following = page_of(report, following)
        issues = page.get("data", page)["issues"]
        assert len(issues) <= PAGE
        names += [each["name"] for each in issues]

    assert names == [each["name"] for each in named(count)]


def test_everything_else_of_a_report_stays() -> None:
    report = reported(PAGE + 1, "finished")

    page, _ = page_of(report)

    assert (page["accuracy"], page["data"]["more"]) == (1.0, 1)
    assert len(report["data"]["issues"]) == PAGE + 1
    assert page_of({"suspicions": []}, 5) == ({"suspicions": []}, None)
