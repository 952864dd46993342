"""``docs/chaos.md``: what the last run found; never written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chaos.findings import Findings

_HEAD = """# Chaos

`make chaos` beats a real Lens on purpose and counts what it loses; this page is written by it.
Traffic, uploads, activations, roll-backs, deletions and aliases run against the whole service over HTTP, while versions
are swapped under load, processes are killed with `kill -9`, the disk fills up, and two services share one store.
"""


def render(scope: str, facts: Mapping[str, Any], sections: Sequence[Findings]) -> str:
    """The whole page; ``facts`` are those of ``benchmarks.results.circumstances``."""
    parts = [_HEAD, _provenance(scope, facts), f"**{verdict(sections)}**", *(_section(each) for each in sections)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def verdict(sections: Sequence[Findings]) -> str:
    """The run in a line."""
    losses = sum(len(each.losses) for each in sections)
    missed = sum(len(each.missed) for each in sections)
    skipped = [each.title for each in sections if each.skipped]
    ending = f" Skipped: {', '.join(skipped)}." if skipped else ""
    return f"Losses: {losses}. Goals of speed and memory missed: {missed}.{ending}"


def may_replace(page: Path, scope: str) -> bool:
    """Whether a run of this scope may write the page: a quick one leaves that of a full run alone."""
    return scope == "full" or not page.is_file() or "\nA full run, " not in page.read_text(encoding="utf-8")


def _provenance(scope: str, facts: Mapping[str, Any]) -> str:
    changed = " with uncommitted changes" if facts["uncommitted_changes"] else ""
    return (
        f"A {scope} run, {facts['date']}, commit {facts['commit']}{changed}, on {facts['machine']} "
        f"(load before: {facts['load_before']}), Python {facts['python']}."
    )


def _section(findings: Findings) -> str:
    parts = [f"## {findings.title}", f"Skipped: {findings.skipped}." if findings.skipped else findings.body]
    for name, lines in (("Losses", findings.losses), ("Missed goals", findings.missed)):
        if lines:
            parts.append(f"{name}:\n" + "\n".join(f"* {line}" for line in lines))
    return "\n\n".join(parts)
