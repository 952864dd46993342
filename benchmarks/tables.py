"""Figures as Markdown: medians of the rounds, their spread, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.results import Point, Record

Rows = list[list[str]]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rates_table(title: str, points: Sequence[Point]) -> str:
    """Answers a second of every variant by connections, p99, and failed requests."""
    columns = sorted({point.connections for point in points if point.connections})
    head = [title, *(f"{number} conn." for number in columns), f"p99 ms at {' / '.join(map(str, columns))}", "failed"]
    return table(head, [_row(variant, columns, points) for variant in unique(point.variant for point in points)])


def provenance(record: Record) -> str:
    """Where, when and how a section was measured."""
    facts, plan = record.facts, record.facts["plan"]
    changed = " with uncommitted changes" if facts["uncommitted_changes"] else ""
    source = f" Raw figures: `benchmarks/results/{record.source}`." if record.source else ""
    return (
        f"Measured {facts['date']} at commit {facts['commit']}{changed} on {facts['machine']} "
        f"(load before: {facts['load_before']}), Python {facts['python']}; {facts.get('scope', 'full')} plan, "
        f"{_rounds(plan)}.{source}"
    )


def _rounds(plan: Mapping[str, Any]) -> str:
    rounds = f"{plan['rounds']} round{'s' if plan['rounds'] > 1 else ''}"
    more = plan.get("deciding_rounds", 0)  # records of before these were held have none
    return f"{rounds} and {more} among the fastest" if more else rounds


def versions(record: Record) -> str:
    """What Lens, and the peers in its own environment, ran with."""
    return ", ".join(f"{package} {version}" for package, version in record.facts["versions"].items())


def rate_of(points: Iterable[Point], variant: str, connections: int) -> float | None:
    """The median of a variant's answers a second over the rounds; None where it was not measured."""
    rates = [point.load.rate for point in points if (point.variant, point.connections) == (variant, connections)]
    return median(rates) if rates else None


def with_spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and half of what lies between the best and the worst as a share of it."""
    if not values:
        return "-"
    middle = median(values)
    spread = (max(values) - min(values)) / middle / 2 if middle else 0
    return f"{middle:,.{digits}f} ±{spread:.0%}" if len(values) > 1 else f"{middle:,.{digits}f}"


def milliseconds(values: Iterable[float | None]) -> str:
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return f"{median(known):.1f}" if known else "-"


def unique(names: Iterable[str]) -> list[str]:
    """Each name once, in the order of its first use."""
    return list(dict.fromkeys(names))


def _row(variant: str, columns: Sequence[int], points: Sequence[Point]) -> list[str]:
    own = [point for point in points if point.variant == variant]
    loads = {number: [point.load for point in own if point.connections in (number, 0)] for number in columns}
    rates = [with_spread([load.rate for load in loads[number]]) for number in columns]
    p99 = " / ".join(milliseconds([load.p99_ms for load in loads[number]]) for number in columns)
    sent, failed = sum(point.load.requests for point in own), sum(point.load.failed for point in own)
    return [variant, *rates, p99, f"{failed} of {sent}"]
