"""Lens and its peers on the same work, side by side.

``python -m benchmarks`` measures everything, ``--plan goals`` what the goals need, ``QUICK=1`` the headline rows;
``--work`` and ``--only`` narrow it, ``--expect`` says how long each section will take.  Environments of peers that are
missing are made first.  Each section leaves a file in ``benchmarks/results``; ``docs/performance.md`` and its charts
are made anew from the newest files at the end, or with ``--report`` alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.catalogue import PEERS
from benchmarks.duration import expected_seconds, in_words
from benchmarks.environments import STANDS, make_where_needed
from benchmarks.page import summary, write_page
from benchmarks.plan import PLANS, Plan, environments_of
from benchmarks.results import FULL, NARROWED, QUICK, Record, newest, write
from benchmarks.sections import SECTIONS, tuning
from benchmarks.servers import ROOT
from benchmarks.wrk import require_wrk

RESULTS = ROOT / "benchmarks" / "results"
DOCUMENT, PICTURES = ROOT / "docs" / "performance.md", ROOT / "docs" / "pictures"


def main() -> None:
    """Measure what is asked for, keep the raw figures, write the report."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped however this ends
    arguments = _arguments()
    plan = _plan(arguments)
    records: dict[str, Record] = {}
    if not arguments.report:
        _say_expected(plan)
        if arguments.expect:
            return
        require_wrk()
        for name in environments_of(plan):
            if (made := make_where_needed(name)) != STANDS:
                _say(f"environment {name}: {made}")
        records = _measure(plan, arguments.results)
        print(summary(records))
    write_page(newest(arguments.results, SECTIONS), arguments.out, arguments.pictures)
    _say(f"wrote {arguments.out.name}")
    if not arguments.report and len(records) < len(plan.sections):
        sys.exit("a section broke: its figures are missing, or old ones")


def _say_expected(plan: Plan) -> None:
    seconds = {name: expected_seconds(plan, name) for name in plan.sections}
    each = ", ".join(f"{name} {expected / 60:.1f}" for name, expected in seconds.items())
    _say(f"{plan.scope} plan: {in_words(sum(seconds.values()))} ({each})")


def _measure(plan: Plan, results: Path) -> dict[str, Record]:
    """The records of the plan's sections; one that breaks is left out and told, and the others go on."""
    records: dict[str, Record] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(plan, Path(folder))
        for name in plan.sections:
            try:
                records[name] = _measured(bench, name, results)
            except Exception:
                _say(f"{name}: broke\n{traceback.format_exc()}")
    return records


def _measured(bench: Bench, name: str, results: Path) -> Record:
    if name != "tune" and (tuned := newest(results, ["tune"]).get("tune")):
        bench.chosen = tuning.chosen(tuned)
    began = time.monotonic()
    _say(f"{name}: measuring")
    record = SECTIONS[name].measure(bench, name)
    path = write(record, results)
    for who, why in record.absent.items():
        _say(f"{name}: absent: {who}: {why}")
    _say(f"{name}: {time.monotonic() - began:.0f} s, {path.name}")
    return record


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = PLANS[arguments.plan]
    if arguments.work:
        plan = replace(plan, sections=tuple(name for name in SECTIONS if name in arguments.work))
    if arguments.only:
        plan = replace(plan, peers=tuple(arguments.only), scope=NARROWED)
    return replace(plan, sections=tuple(name for name in plan.sections if SECTIONS[name].possible(name)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    parser.add_argument("--plan", choices=PLANS, default=QUICK if quick else FULL, help="default: %(default)s")
    parser.add_argument("--work", choices=SECTIONS, action="append", help="only this section; may be repeated")
    keys = [peer.key for peer in PEERS]
    parser.add_argument("--only", choices=keys, action="append", help="only this peer beside Lens; may be repeated")
    parser.add_argument("--expect", action="store_true", help="only say how long it will take")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the report from the raw figures")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the raw figures")
    parser.add_argument("--out", type=Path, default=DOCUMENT, help="the report")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder of its charts")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
