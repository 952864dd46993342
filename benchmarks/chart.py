"""Charts as SVG text, for a light and a dark page: bars of answers a second, and the curve of an overload."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median

from benchmarks.plan import HEADLINE
from benchmarks.results import Arrivals, Point
from benchmarks.tables import rate_of, unique

WIDTH, LABELS, RIGHT = 760, 270, 60
BAR = 12
_GAP, _TOP, _SHADES = 8, 56, 3
_CURVE_HEIGHT, _CURVE_LEFT, _CURVE_TOP, _CURVE_BOTTOM = 300, 60, 60, 250
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #424a53 }
.title { font-size: 14px; font-weight: 600 }
.paper { fill: #ffffff }
.limit { fill: #b1b8c0 }
.peer0 { fill: #a9c6ee } .peer1 { fill: #5b8fd6 } .peer2 { fill: #1f4e96 }
.own0 { fill: #f5bf98 } .own1 { fill: #e07b39 } .own2 { fill: #9c4410 }
.offered { stroke: #8c959f; fill: #8c959f } .good { stroke: #d9691f; fill: #d9691f }
.refused { stroke: #5b8fd6; fill: #5b8fd6 }
polyline { fill: none !important; stroke-width: 2 }
.grid { stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
text { fill: #c9d1d9 }
.paper { fill: #0d1117 }
.limit { fill: #6e7681 }
.peer0 { fill: #2c4a75 } .peer1 { fill: #4478c2 } .peer2 { fill: #8db8f2 }
.own0 { fill: #7a3d17 } .own1 { fill: #d0702f } .own2 { fill: #f7b98d }
.grid { stroke: #30363d }
}
"""


def bars(title: str, points: Sequence[Point], own: str) -> str:
    """Answers a second of each variant, a bar for each headline count of connections, one for a limit.

    ``own`` begins the names of ours, which have a colour of their own.
    """
    counts = [count for count in HEADLINE if any(point.connections == count for point in points)]
    rows = {name: _rates(points, name, counts) for name in unique(point.variant for point in points)}
    widest = max((rate for row in rows.values() for _, rate in row), default=1.0) or 1.0
    y, drawn = _TOP, [_text(10, 20, title, "title"), _legend(counts)]
    for name, row in rows.items():
        drawn.append(_text(LABELS - 8, y + BAR * len(row) / 2 + 4, name, anchor="end"))
        group = "own" if name.startswith(own) else "peer"
        for shade, rate in row:
            width = (WIDTH - LABELS - RIGHT) * rate / widest
            drawn.append(_box(LABELS, y, width, BAR - 1, "limit" if shade is None else f"{group}{shade}"))
            drawn.append(_text(LABELS + width + 4, y + BAR - 2, f"{rate:,.0f}"))
            y += BAR
        y += _GAP
    return _svg(y, drawn)


def curve(title: str, arrivals: Sequence[Arrivals]) -> str:
    """Good answers and refusals a second against what was offered; both axes have the same scale's end."""
    outcomes = [each.outcome for each in arrivals]
    offered = [outcome.offered for outcome in outcomes]
    widest = max(offered, default=1.0)
    lines = {
        ("offered a second", "offered"): offered,
        ("good answers a second", "good"): [outcome.goodput for outcome in outcomes],
        ("refused with 503 a second", "refused"): [outcome.refused / outcome.seconds for outcome in outcomes],
    }
    drawn = [_text(10, 20, title, "title")]
    drawn += [_gridline(widest * quarter / 4, widest) for quarter in range(5)]
    drawn += [_text(_place(x, 0, widest)[0], _CURVE_BOTTOM + 18, f"{x:,.0f}", anchor="middle") for x in offered]
    for number, ((name, kind), values) in enumerate(lines.items()):
        places = [_place(x, y, widest) for x, y in zip(offered, values, strict=True)]
        drawn.append(f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        drawn += [_box(10 + 200 * number, 30, 10, 10, kind), _text(24 + 200 * number, 39, name)]
    drawn.append(_text(WIDTH - 40, _CURVE_BOTTOM + 36, "offered requests a second", anchor="end"))
    return _svg(_CURVE_HEIGHT, drawn)


def _rates(points: Sequence[Point], name: str, counts: Sequence[int]) -> list[tuple[int | None, float]]:
    """The shade and the rate of each bar; a limit has no connections, and so one bar without a shade."""
    limits = [point.load.rate for point in points if (point.variant, point.connections) == (name, 0)]
    if limits:
        return [(None, median(limits))]
    rates = [rate_of(points, name, count) or 0.0 for count in counts]
    return list(enumerate(rates, _SHADES - len(counts)))


def _legend(counts: Sequence[int]) -> str:
    parts = []
    for number, count in enumerate(counts):
        x, shade = LABELS + 120 * number, number + _SHADES - len(counts)
        parts += [_box(x, 30, 10, 5, f"own{shade}"), _box(x, 36, 10, 5, f"peer{shade}")]
        parts.append(_text(x + 14, 40, f"{count} connection{'s' if count > 1 else ''}"))
    return "".join(parts)


def _gridline(value: float, widest: float) -> str:
    """A line across at the height of a rate, and the rate beside it."""
    y = _place(0, value, widest)[1]
    line = f'<line class="grid" x1="{_CURVE_LEFT}" x2="{WIDTH - 40}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + _text(_CURVE_LEFT - 6, y + 4, f"{value:,.0f}", anchor="end")


def _place(x: float, y: float, widest: float) -> tuple[float, float]:
    across, up = WIDTH - _CURVE_LEFT - 40, _CURVE_BOTTOM - _CURVE_TOP
    return _CURVE_LEFT + across * x / widest, _CURVE_BOTTOM - up * y / widest


def _box(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}"/>'


def _text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{of_kind}>{escape(content)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    paper = f'<rect class="paper" width="{WIDTH}" height="{height:.0f}"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", paper, *drawn, "</svg>"]) + "\n"
