"""Figures with what gives them meaning: machine, commit, versions and date; as JSON and as a table."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.wrk import Load

PACKAGES = ("bentoml", "fastapi", "httptools", "numpy", "onnxruntime", "pillow", "starlette", "uvicorn", "uvloop")


@dataclass(frozen=True)
class Point:
    """One measurement of one variant; ``connections`` is 0 for the in-process limit."""

    variant: str
    work: str
    connections: int
    round: int
    load: Load


def circumstances(root: Path) -> dict[str, Any]:
    """Where and with what it was measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "commit": _git(root, "rev-parse", "--short", "HEAD") or "none",
        "uncommitted_changes": bool(_git(root, "status", "--porcelain")),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def write_results(folder: Path, facts: dict[str, Any], points: Iterable[Point]) -> Path:
    """Write everything that was measured to a file of its own in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = re.sub(r"[-:]", "", facts["date"])
    path = folder / f"edge-{stamp}-{facts['commit']}.json"
    content = {**facts, "points": [asdict(point) for point in points]}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def markdown(facts: dict[str, Any], points: list[Point]) -> str:
    """A table for each work: answers a second (median, spread of the rounds), p99, failed requests."""
    names = _unique(point.work for point in points)
    tables = [_table(name, [point for point in points if point.work == name]) for name in names]
    changed = " with uncommitted changes" if facts["uncommitted_changes"] else ""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    settings = facts["settings"]
    about = (
        f"Measured {facts['date']} at commit {facts['commit']}{changed} on {facts['machine']} "
        f"(load before: {facts['load_before']}).\n"
        f"Answers a second: median of {settings['rounds']} rounds of {settings['seconds']} s each, "
        f"± half of what lies between the best and the worst; {settings['workers']} workers each.\n"
        f"Python {facts['python']}, {versions}."
    )
    return "\n\n".join([*tables, about]) + "\n"


def _table(work: str, points: list[Point]) -> str:
    columns = sorted({point.connections for point in points if point.connections})
    head = [work, *(f"{number} conn." for number in columns), f"p99 ms at {' / '.join(map(str, columns))}", "failed"]
    rows = [
        _row(variant, columns, [point for point in points if point.variant == variant])
        for variant in _unique(point.variant for point in points)
    ]
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(variant: str, columns: list[int], points: list[Point]) -> list[str]:
    loads = {number: [point.load for point in points if point.connections in (number, 0)] for number in columns}
    rates = [_rate([load.rate for load in loads[number]]) for number in columns]
    p99 = " / ".join(_milliseconds([load.p99_ms for load in loads[number]]) for number in columns)
    sent, failed = sum(point.load.requests for point in points), sum(point.load.failed for point in points)
    return [variant, *rates, p99, f"{failed} of {sent}"]


def _rate(rates: list[float]) -> str:
    middle = median(rates)
    spread = (max(rates) - min(rates)) / middle / 2 if middle else 0
    return f"{middle:,.0f} ±{spread:.0%}" if len(rates) > 1 else f"{middle:,.0f}"


def _milliseconds(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.1f}" if known else "-"


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False).stdout.strip()


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()
