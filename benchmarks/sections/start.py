"""From nothing to ready: Lens on an empty home beside the smallest BentoML service."""

from __future__ import annotations

import time

from benchmarks.bench import Bench
from benchmarks.catalogue import hello_world, lens
from benchmarks.results import Record, Start
from benchmarks.servers import DidNotStart, Variant, started, wait_until_ready
from benchmarks.tables import table, unique, with_spread

PAUSE = 0.02
_MODEL = "squeezenet"


def measure(bench: Bench, section: str) -> Record:
    """Starts in turn; ready is the first 200 on ``/readyz``, looked for every 20 ms."""
    bench.require_model(_MODEL)
    variants = [lens(), hello_world()]
    record = bench.record(section, variants)
    for number in range(bench.plan.starts):
        for variant in variants:
            try:
                record.starts.append(Start(variant.name, number, _seconds(bench, variant)))
            except DidNotStart as error:
                record.absent[variant.name] = str(error)
    return record


def report(record: Record) -> str:
    """The median of each."""
    rows = []
    for variant in unique(each.variant for each in record.starts):
        seconds = [each.seconds for each in record.starts if each.variant == variant]
        rows.append([variant, str(len(seconds)), with_spread(seconds, 2)])
    return table(["cold start", "starts", "seconds until ready"], rows)


def _seconds(bench: Bench, variant: Variant) -> float:
    state = bench.new_state()
    began = time.perf_counter()
    with started(variant, bench.models, state, _MODEL) as server:
        wait_until_ready(server, state, PAUSE)
        return time.perf_counter() - began
