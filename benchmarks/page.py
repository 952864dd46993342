"""``docs/performance.md`` and its charts, from the newest raw figures of each section; never written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks import chart, environments
from benchmarks.catalogue import LENS, PEERS
from benchmarks.goals import goals_table
from benchmarks.plan import PICTURE_WORKS
from benchmarks.results import FULL, Record
from benchmarks.sections import SECTIONS
from benchmarks.tables import provenance

_HEAD = Path(__file__).with_name("performance_head.md")
"""What the page says before its figures."""


def write_page(records: Mapping[str, Record], document: Path, pictures: Path) -> None:
    """Write the page to ``document`` and its charts into ``pictures``."""
    parts = [_HEAD.read_text(), f"## Goals\n\n{goals_table(records)}\n"]
    for name, section in SECTIONS.items():
        if name in records:
            parts.append(_section(name, section.title, records[name], pictures, document.parent))
    document.write_text("\n".join([*parts, _versions()]))


def summary(records: Mapping[str, Record]) -> str:
    """What a run prints: its tables and goals."""
    tables = [f"{SECTIONS[name].title}\n\n{SECTIONS[name].report(record)}\n" for name, record in records.items()]
    return "\n".join([*tables, goals_table(records)])


def _section(name: str, title: str, record: Record, pictures: Path, beside: Path) -> str:
    parts = [f"## {title}"]
    drawing = _chart(name, record)
    if drawing:
        pictures.mkdir(parents=True, exist_ok=True)
        path = pictures / f"performance-{name}.svg"
        path.write_text(drawing)
        parts.append(f"![{title}]({path.relative_to(beside)})")
    parts.append(SECTIONS[name].report(record))
    if record.absent:
        parts.append("\n".join(f"Absent: {who} ({why})." for who, why in record.absent.items()))
    if record.facts.get("scope") != FULL:
        parts.append(f"These figures are from a {record.facts.get('scope')} run.")
    parts.append(provenance(record))
    return "\n\n".join(parts) + "\n"


def _chart(name: str, record: Record) -> str | None:
    if name in PICTURE_WORKS and record.points:
        return chart.bars(f"{SECTIONS[name].title}: answers a second", record.points, LENS)
    if name == "overload" and record.arrivals:
        return chart.curve("Overload: Lens, answers against offered load", record.arrivals)
    return None


def _versions() -> str:
    names = dict.fromkeys(peer.environment for peer in PEERS)
    lines = [f"* {name}: {', '.join(environments.pins(name))}" for name in names]
    return "## Versions of the peers\n\n" + "\n".join(lines) + "\n"
