"""The sections of the benchmark: each measures one question, and writes its part of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.plan import PICTURE_WORKS
from benchmarks.results import Record
from benchmarks.sections import closed_loop, growth, overload, pictures, start, tuning


@dataclass(frozen=True)
class Section:
    """One question: how it is headed, measured and reported, and whether it can be measured here."""

    title: str
    measure: Callable[[Bench, str], Record]
    report: Callable[[Record], str]
    possible: Callable[[str], bool] = lambda name: True


_PICTURE_TITLES = {
    "squeezenet": "A small model",
    "mobilenet": "A mobile model",
    "resnet50": "A large model",
    "mobilenet-real": "A trained model",
    "large": "Large pictures",
}

SECTIONS = {
    "tune": Section("How the peers were set up", tuning.measure, tuning.report),
    **{
        name: Section(_PICTURE_TITLES[name], pictures.measure, pictures.report, pictures.can_measure)
        for name in PICTURE_WORKS
    },
    "features": Section("Features", closed_loop.measure_features, closed_loop.report),
    "cached": Section("The cache", closed_loop.measure_cached, closed_loop.report),
    "sixteen": Section("Many pictures in one request", closed_loop.measure_sixteen, closed_loop.report),
    "start": Section("Cold start", start.measure, start.report),
    "growth": Section("What more costs", growth.measure, growth.report),
    "overload": Section("Overload", overload.measure, overload.report),
}
