"""``docs/chaos.md``: what the last run found; never written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaos.findings import Findings

_HEAD = """# Chaos

`make chaos` beats a real Lens on purpose and counts what it loses; this page is written by it.
Traffic, uploads, activations, roll-backs, deletions and aliases run against the whole service over HTTP, while versions
are swapped under load, processes are killed with `kill -9`, the disk fills up, and two services share one store.
Each section says when it was run, and where; `python -m chaos --only` runs one anew.
"""
_FULL = "\nA full run, "


def render(before: str, scope: str, facts: Mapping[str, Any], found: Sequence[Findings], order: Sequence[str]) -> str:
    """The whole page: the sections that were ``found`` anew, and those that the page ``before`` has beside them.

    A quick run leaves the section of a full one alone.  ``facts`` are those of ``benchmarks.results.circumstances``,
    ``order`` the titles of all sections.
    """
    sections = _sections(before)
    for each in found:
        if scope == "full" or _FULL not in sections.get(each.title, ""):
            sections[each.title] = _section(each, _provenance(scope, facts))
    parts = [_HEAD, *(sections[title] for title in order if title in sections)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def verdict(found: Sequence[Findings]) -> str:
    """A run, or a section of it, in a line."""
    losses = sum(len(each.losses) for each in found)
    missed = sum(len(each.missed) for each in found)
    skipped = [each.title for each in found if each.skipped]
    ending = f" Skipped: {', '.join(skipped)}." if skipped else ""
    return f"Losses: {losses}. Goals of speed and memory missed: {missed}.{ending}"


def _sections(page: str) -> dict[str, str]:
    """The text of each section, by its title."""
    _, *parts = page.split("\n## ")
    return {part.partition("\n")[0]: f"## {part}" for part in parts}


def _provenance(scope: str, facts: Mapping[str, Any]) -> str:
    changed = " with uncommitted changes" if facts["uncommitted_changes"] else ""
    return (
        f"A {scope} run, {facts['date']}, commit {facts['commit']}{changed}, on {facts['machine']} "
        f"(load before: {facts['load_before']}), Python {facts['python']}."
    )


def _section(findings: Findings, provenance: str) -> str:
    body = f"Skipped: {findings.skipped}." if findings.skipped else findings.body
    parts = [f"## {findings.title}", f"**{verdict([findings])}**", body]
    for name, lines in (("Losses", findings.losses), ("Missed goals", findings.missed)):
        if lines:
            parts.append(f"{name}:\n" + "\n".join(f"* {line}" for line in lines))
    return "\n\n".join([*parts, provenance])
