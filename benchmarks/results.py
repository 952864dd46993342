"""Raw figures with what gives them meaning: machine, commit, date, versions and configurations; one file a section."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.open_loop import Outcome
from benchmarks.wrk import Load

PACKAGES = ("bentoml", "httptools", "numpy", "onnxruntime", "pillow", "starlette", "uvicorn", "uvloop")
FULL, GOALS, QUICK, NARROWED = "full", "goals", "quick", "narrowed"
_CODE = ("--", ".", ":!benchmarks/results", ":!docs")
"""What git is asked about: not what a run itself writes."""
_TRUST = {NARROWED: 0, QUICK: 1, GOALS: 2, FULL: 2}


@dataclass(frozen=True)
class Point:
    """One closed-loop measurement of one variant; ``connections`` is 0 for the in-process limit."""

    variant: str
    work: str
    connections: int
    round: int
    load: Load


@dataclass(frozen=True)
class Arrivals:
    """One open-loop measurement of one variant."""

    variant: str
    work: str
    round: int
    outcome: Outcome


@dataclass(frozen=True)
class Start:
    """How long one start took until the server was ready."""

    variant: str
    round: int
    seconds: float


@dataclass(frozen=True)
class Memory:
    """The proportional memory of each process of a variant after load, the largest first, in MB."""

    variant: str
    work: str
    processes: list[float]


@dataclass
class Record:
    """Everything that one run of one section saw.

    Attributes:
        section: its name.
        facts: where, when, with which plan; see ``circumstances``.
        configurations: how each variant was set up.
        absent: the variants that could not be measured, and why.
        notes: what a variant said about itself (precision, mode of execution).
        source: the file it was read from.
    """

    section: str
    facts: dict[str, Any]
    configurations: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    arrivals: list[Arrivals] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    source: str = ""


def circumstances(root: Path) -> dict[str, Any]:
    """Where and with what it was measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": _git(root, "rev-parse", "--short", "HEAD") or "none",
        "uncommitted_changes": bool(_git(root, "status", "--porcelain", *_CODE)),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}",
        "vector_instructions": _vector_instructions(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def write(record: Record, folder: Path) -> Path:
    """Write ``record`` to a file of its own in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = re.sub(r"[-:]", "", record.facts["date"])
    path = folder / f"{record.section}-{stamp}-{record.facts['commit']}.json"
    content = {name: value for name, value in asdict(record).items() if name != "source"}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def read(path: Path) -> Record:
    """The record in the file ``path``."""
    content: dict[str, Any] = json.loads(path.read_text())
    rows: dict[str, Any] = {
        "points": [Point(**{**row, "load": Load(**row["load"])}) for row in content.pop("points")],
        "arrivals": [Arrivals(**{**row, "outcome": Outcome(**row["outcome"])}) for row in content.pop("arrivals")],
        "starts": [Start(**row) for row in content.pop("starts")],
        "memory": [Memory(**row) for row in content.pop("memory")],
    }
    return Record(**content, **rows, source=path.name)


def newest(folder: Path, sections: Iterable[str]) -> dict[str, Record]:
    """The record of each section that a report is made of: the newest, a quick or narrowed one only for want of others.

    Sections without a file are left out.
    """
    found = {}
    for section in sections:
        pattern = re.compile(rf"{re.escape(section)}-\d{{8}}T\d+Z-\w+\.json")
        records = [read(path) for path in folder.glob(f"{section}-*.json") if pattern.fullmatch(path.name)]
        if records:
            found[section] = max(records, key=_trust)
    return found


def _trust(record: Record) -> tuple[int, str]:
    return _TRUST[record.facts["scope"]], record.facts["date"]


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False).stdout.strip()


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()


def _vector_instructions() -> list[str]:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return sorted(flags & {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"})
