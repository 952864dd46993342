"""Load from wrk: one thread that keeps a number of connections busy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks.workload import Work

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw.  ``failed`` are connections, sends, reads and timeouts, and statuses from 400."""

    requests: int
    seconds: float
    failed: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return max(0, self.requests - self.failed) / self.seconds


def require_wrk() -> None:
    """End the command with the remedy where wrk is not installed."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; on Debian: apt-get install wrk")


def load(url: str, work: Work, connections: int, seconds: int) -> Load:
    """Send ``work`` to the server at ``url`` over ``connections`` connections for ``seconds`` whole seconds."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(work.body)
        body.flush()
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
        finished = subprocess.run(
            ["wrk", *options, url + work.path, "--", body.name, *chain.from_iterable(work.headers.items())],
            check=True,
            capture_output=True,
            text=True,
        )
    return Load(**json.loads(finished.stdout.splitlines()[-1]))
