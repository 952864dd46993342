"""Raw figures made by hand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from benchmarks.open_loop import Outcome
from benchmarks.plan import Plan
from benchmarks.results import Arrivals, Point, Record, circumstances
from benchmarks.wrk import Load

FASTAPI, OPENVINO = "FastAPI + ONNX Runtime, 1 worker", "OpenVINO behind FastAPI"


def record(section: str, root: Path, *, scope: str = "full", date: str = "2026-01-01T00:00:00Z") -> Record:
    plan = {name: value for name, value in asdict(Plan()).items() if isinstance(value, int)}
    facts = {**circumstances(root), "scope": scope, "plan": plan, "date": date, "commit": "abc1234"}
    return Record(section, facts)


def points(variant: str, rates: dict[int, float], *, work: str = "squeezenet", failed: int = 0) -> list[Point]:
    """One round of ten seconds at each count of connections; 0 connections for a limit."""
    return [
        Point(variant, work, count, 0, Load(round(rate * 10) + failed, 10.0, failed, 5.0, 9.0, 12.0))
        for count, rate in rates.items()
    ]


def arrivals(
    variant: str, p99_ms: float, *, work: str = "squeezenet", answered: int = 500, refused: int = 0
) -> Arrivals:
    """One round of ten seconds."""
    sent = answered + refused
    outcome = Outcome(sent / 10.0, 10.0, sent, answered, refused, 0, p99_ms / 2, p99_ms, p99_ms, 0.5, 10.0)
    return Arrivals(variant, work, 0, outcome)
