"""Charts as SVG text: bars of answers a second, and the curve of an overload."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median

from benchmarks.results import Arrivals, Point
from benchmarks.tables import rate_of, unique

WIDTH, LABELS, RIGHT = 760, 270, 60
_BAR, _GAP, _TOP = 12, 10, 56
_COLOURS = ("#94b8e8", "#4f86d1", "#1f4e96")
_OWN_COLOURS = ("#f0b48a", "#e07b39", "#a84b12")
_TEXT, _LINE = "#57606a", "#d0d7de"
_STYLE = f"text {{ font: 12px system-ui, sans-serif; fill: {_TEXT} }} .title {{ font-size: 14px; font-weight: 600 }}"


def bars(title: str, points: Sequence[Point], own: str) -> str:
    """Answers a second of each variant, a bar for each count of connections; ``own`` begins the names of ours."""
    counts = sorted({point.connections for point in points if point.connections})[-3:]
    names = unique(point.variant for point in points)
    rates = {name: [_rate(points, name, count) for count in counts] for name in names}
    widest = max((rate for row in rates.values() for rate in row), default=1.0) or 1.0
    y, drawn = _TOP, [_text(10, 20, title, "title"), _legend(counts)]
    for name, row in rates.items():
        drawn.append(_text(LABELS - 8, y + _BAR * len(row) / 2 + 4, name, anchor="end"))
        colours = _OWN_COLOURS if name.startswith(own) else _COLOURS
        for rate, colour in zip(row, colours[-len(row) :], strict=True):
            width = (WIDTH - LABELS - RIGHT) * rate / widest
            drawn.append(f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{_BAR - 1}" fill="{colour}"/>')
            drawn.append(_text(LABELS + width + 4, y + _BAR - 2, f"{rate:,.0f}"))
            y += _BAR
        y += _GAP
    return _svg(y + 6, drawn)


def curve(title: str, arrivals: Sequence[Arrivals]) -> str:
    """Good answers and refusals a second against what was offered."""
    height, left, bottom = 300, 60, 250
    offered = [each.outcome.offered for each in arrivals]
    widest = max(offered, default=1.0)
    lines = {
        ("offered", _LINE): offered,
        ("good answers a second", _OWN_COLOURS[1]): [each.outcome.goodput for each in arrivals],
        ("refused with 503 a second", _COLOURS[1]): [each.outcome.refused / each.outcome.seconds for each in arrivals],
    }

    def place(x: float, y: float) -> str:
        return f"{left + (WIDTH - left - 40) * x / widest:.1f},{bottom - (bottom - 60) * y / widest:.1f}"

    drawn = [_text(10, 20, title, "title")]
    for number, ((name, colour), values) in enumerate(lines.items()):
        places = " ".join(place(x, y) for x, y in zip(offered, values, strict=True))
        drawn.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(f'<rect x="{10 + 200 * number}" y="30" width="10" height="10" fill="{colour}"/>')
        drawn.append(_text(24 + 200 * number, 39, name))
    for each in arrivals:
        x = float(place(each.outcome.offered, 0).split(",")[0])
        drawn.append(_text(x, bottom + 18, f"{each.outcome.offered:,.0f}", anchor="middle"))
    drawn.append(_text(left, height - 10, "offered requests a second"))
    return _svg(height, drawn)


def _rate(points: Sequence[Point], name: str, connections: int) -> float:
    rate = rate_of(points, name, connections)
    limits = [point.load.rate for point in points if (point.variant, point.connections) == (name, 0)]
    return rate if rate is not None else median(limits) if limits else 0.0


def _legend(counts: Sequence[int]) -> str:
    parts = []
    for number, (count, colour) in enumerate(zip(counts, _COLOURS[-len(counts) :], strict=True)):
        x = LABELS + 120 * number
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(x + 14, 41, f"{count} connection{'s' if count > 1 else ''}"))
    return "".join(parts)


def _text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{of_kind}>{escape(content)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    paper = f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", paper, *drawn, "</svg>"]) + "\n"
