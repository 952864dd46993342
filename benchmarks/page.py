"""``docs/performance.md`` and its charts, from the newest raw figures of each section; never written by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from benchmarks import chart, environments
from benchmarks.bench import FLOORS
from benchmarks.catalogue import LENS, PEERS
from benchmarks.goals import goals_table
from benchmarks.plan import PICTURE_WORKS
from benchmarks.results import NARROWED, QUICK, Record
from benchmarks.sections import SECTIONS, overload, pictures
from benchmarks.tables import provenance, unique, versions

_HEAD = Path(__file__).with_name("performance_head.md")
"""What the page says before its figures."""
_NOTES = Path(__file__).with_name("performance_notes.md")
"""What people found out about the goals; shown after them where it was written."""


def write_page(records: Mapping[str, Record], document: Path, charts: Path) -> None:
    """Write the page to ``document`` and its charts into ``charts``."""
    parts = [_HEAD.read_text(), f"## Goals\n\n{goals_table(records)}\n"]
    if _NOTES.is_file():
        parts.append(_NOTES.read_text())
    for name, section in SECTIONS.items():
        if name in records:
            parts.append(_section(name, section.title, records[name], charts, document.parent))
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text("\n".join([*parts, _versions(records)]))


def summary(records: Mapping[str, Record]) -> str:
    """What a run prints: its tables and goals."""
    tables = [f"{SECTIONS[name].title}\n\n{SECTIONS[name].report(record)}\n" for name, record in records.items()]
    return "\n".join([*tables, goals_table(records)])


def _section(name: str, title: str, record: Record, charts: Path, beside: Path) -> str:
    parts = [f"## {title}"]
    drawing = _chart(name, record)
    if drawing:
        charts.mkdir(parents=True, exist_ok=True)
        path = charts / f"performance-{name}.svg"
        path.write_text(drawing)
        parts.append(f"![{title}]({os.path.relpath(path, beside)})")
    parts.append(SECTIONS[name].report(record))
    if record.absent:
        parts.append("\n".join(f"Absent: {who} ({why})." for who, why in record.absent.items()))
    if record.facts["scope"] in (QUICK, NARROWED):
        parts.append(f"These figures are from a {record.facts['scope']} run.")
    parts.append(provenance(record))
    return "\n\n".join(parts) + "\n"


def _chart(name: str, record: Record) -> str | None:
    if name in PICTURE_WORKS and record.points:
        drawn = [point for point in record.points if point.variant not in FLOORS]
        return chart.bars(f"{pictures.title(name)}: answers a second", drawn, LENS)
    if name == "overload" and record.arrivals:
        return chart.curve("Overload: Lens, answers against offered load", overload.middle_rounds(record.arrivals))
    return None


def _versions(records: Mapping[str, Record]) -> str:
    names = dict.fromkeys(peer.environment for peer in PEERS)
    lines = [f"* {name}: {', '.join(environments.pins(name))}" for name in names]
    own = [f"* Lens: {line}" for line in unique(versions(record) for record in records.values())]
    return "## Versions\n\n" + "\n".join([*own, *lines]) + "\n"
