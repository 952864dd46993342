"""Lens and its peers on the same work, side by side.

``python -m benchmarks`` measures everything (about 50 minutes on two cores), ``QUICK=1`` the headline rows; ``--work``
and ``--only`` narrow it.  Each section leaves a file in ``benchmarks/results``; ``docs/performance.md`` and its charts
are made anew from the newest files at the end, or with ``--report`` alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.catalogue import PEERS
from benchmarks.page import summary, write_page
from benchmarks.plan import PLANS, Plan
from benchmarks.results import FULL, NARROWED, QUICK, Record, newest, write
from benchmarks.sections import SECTIONS, tuning
from benchmarks.servers import ROOT
from benchmarks.wrk import require_wrk

RESULTS = ROOT / "benchmarks" / "results"
DOCUMENT, PICTURES = ROOT / "docs" / "performance.md", ROOT / "docs" / "pictures"


def main() -> None:
    """Measure what is asked for, keep the raw figures, write the report."""
    arguments = _arguments()
    if not arguments.report:
        require_wrk()
        records = _measure(_plan(arguments), arguments.results)
        print(summary(records))
    if arguments.out:
        write_page(newest(arguments.results, SECTIONS), arguments.out, arguments.pictures)
        _say(f"wrote {arguments.out.name}")


def _measure(plan: Plan, results: Path) -> dict[str, Record]:
    records: dict[str, Record] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(plan, Path(folder), results)
        for name in plan.sections:
            section = SECTIONS[name]
            if not section.possible(name):
                _say(f"{name}: its model is not here")
                continue
            if name != "tune" and (tuned := newest(results, ["tune"]).get("tune")):
                bench.chosen = tuning.chosen(tuned)
            began = time.monotonic()
            _say(f"{name}: measuring")
            record = section.measure(bench, name)
            records[name] = record
            path = write(record, results)
            for who, why in record.absent.items():
                _say(f"{name}: absent: {who}: {why}")
            _say(f"{name}: {time.monotonic() - began:.0f} s, {path.name}")
    return records


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = PLANS[arguments.plan]
    if arguments.work:
        plan = replace(plan, sections=tuple(name for name in SECTIONS if name in arguments.work))
    if arguments.only:
        plan = replace(plan, peers=tuple(arguments.only), scope=NARROWED)
    return plan


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    parser.add_argument("--plan", choices=PLANS, default=QUICK if quick else FULL, help="default: %(default)s")
    parser.add_argument("--work", choices=SECTIONS, action="append", help="only this section; may be repeated")
    keys = [peer.key for peer in PEERS]
    parser.add_argument("--only", choices=keys, action="append", help="only this peer beside Lens; may be repeated")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the report from the raw figures")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the raw figures")
    parser.add_argument("--out", type=Path, default=DOCUMENT, help="the report")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder of its charts")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
