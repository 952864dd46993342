"""Load from wrk: one thread that keeps a number of connections busy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from benchmarks.workload import Work

SCRIPT = Path(__file__).with_name("wrk.lua")
RAMP_SHARE = 0.25
"""Of a run: how much of it is ramp."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw, or a loop without HTTP.

    Attributes:
        failed: connections, sends, reads and timeouts, and statuses from 400.
        ramp: seconds from the start whose answers the rate leaves out: all connections begin at once, and a server
            that does the first steps of all of them before the last step of one has no answer for a while.
        steady: good answers after the ramp; None where nothing was left out.
    """

    requests: int
    seconds: float
    failed: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    ramp: float = 0.0
    steady: int | None = None

    @property
    def rate(self) -> float:
        """Good answers a second, once they flow."""
        good = max(0, self.requests - self.failed) if self.steady is None else self.steady
        return good / (self.seconds - self.ramp)


def require_wrk() -> None:
    """End the command with the remedy where wrk is not installed."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; on Debian: apt-get install wrk")


def load(url: str, work: Work, connections: int, seconds: int) -> Load:
    """Send ``work`` to the server at ``url`` over ``connections`` connections for ``seconds`` whole seconds."""
    ramp = RAMP_SHARE * seconds
    with tempfile.NamedTemporaryFile() as body:
        body.write(work.body)
        body.flush()
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
        finished = subprocess.run(
            ["wrk", *options, url + work.path, "--", body.name, str(ramp), *chain.from_iterable(work.headers.items())],
            check=True,
            capture_output=True,
            text=True,
        )
    seen = Load(**json.loads(finished.stdout.splitlines()[-1]), ramp=ramp)
    return seen if seen.requests else replace(seen, p50_ms=None, p99_ms=None, max_ms=None)
