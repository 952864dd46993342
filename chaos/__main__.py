"""Lens beaten on purpose, end to end; exit code 1 where anything was lost.

``python -m chaos`` takes about half an hour, ``--quick`` two minutes on a machine that does nothing else;
``--only`` does one section.  A run of all sections writes docs/chaos.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.results import circumstances
from chaos import full_disk, kills, pair, swaps
from chaos.findings import Findings
from chaos.page import render, verdict
from chaos.plan import FULL, QUICK, Plan
from chaos.progress import say
from chaos.service import ROOT

PAGE = ROOT / "docs" / "chaos.md"
SECTIONS: dict[str, Callable[[Plan, Path], Findings]] = {
    "swaps": swaps.beat,
    "kills": kills.beat,
    "disk": full_disk.beat,
    "pair": pair.beat,
}
TITLES = [each.TITLE for each in (swaps, kills, full_disk, pair)]


def main() -> None:
    """Run what is asked for, say what was found, write the page."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # services are ended however this ends
    arguments = _arguments()
    plan = _plan(arguments)
    facts = circumstances(ROOT)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        found = [_run(name, plan, Path(folder) / name) for name in arguments.only or SECTIONS]
    print(render("", plan.scope, facts, found, TITLES))
    before = arguments.out.read_text(encoding="utf-8") if arguments.out.is_file() else ""
    arguments.out.write_text(render(before, plan.scope, facts, found, TITLES), encoding="utf-8")
    say(f"wrote {arguments.out.name}")
    say(verdict(found))
    sys.exit(any(each.losses for each in found))


def _run(name: str, plan: Plan, folder: Path) -> Findings:
    folder.mkdir()
    say(f"== {name}")
    began = time.monotonic()
    findings = SECTIONS[name](plan, folder)
    for loss in findings.losses:
        say(f"{name}: LOSS: {loss}")
    say(f"== {name}: {findings.skipped or f'{len(findings.losses)} losses'}, {time.monotonic() - began:.0f} s")
    return findings


def _plan(arguments: argparse.Namespace) -> Plan:
    quick = arguments.quick or os.environ.get("QUICK", "0") not in ("", "0")
    plan = QUICK if quick else FULL
    changes = {name: getattr(arguments, name) for name in ("kills", "seed") if getattr(arguments, name) is not None}
    if arguments.workers:
        changes["workers"] = tuple(arguments.workers)
    # What was asked for otherwise is no full run, and leaves the page's sections of one alone.
    return replace(plan, **changes, scope="partial" if changes and not quick else plan.scope)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="about two minutes (QUICK=1 means the same)")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="only this section; may be repeated")
    parser.add_argument("--workers", type=int, action="append", help="swaps on this many workers; may be repeated")
    parser.add_argument("--kills", type=int, help="at most so many kills")
    parser.add_argument("--seed", type=int, help="of everything that chance decides")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
