"""What a report names, a page of it at a time: a ZIP file may have twenty thousand entries that are of no use."""

from __future__ import annotations

from typing import Any

PAGE = 1000
"""Entries that are named at once."""

Report = dict[str, Any]


def page_of(report: Report, first: int = 0) -> tuple[Report, int | None]:
    """``report`` with its issues from the one at ``first`` on, and where the following ones begin, if there are more.

    A finished training has them among its data, one that found too little at the top.
    """
    if "data" in report:
        data, following = page_of(report["data"], first)
        return {**report, "data": data}, following
    if "issues" not in report:
        return report, None
    issues, end = report["issues"], first + PAGE
    return {**report, "issues": issues[first:end]}, end if end < len(issues) else None
