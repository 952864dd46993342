"""Gauges of one process, told once a second: they are shared through files, which only that process may write."""

from __future__ import annotations

import asyncio
from typing import Protocol

from serving.observability.metrics import Metrics


class Runner(Protocol):
    """Holds models."""

    def keys(self) -> tuple[str, ...]:
        """Those that can be run."""

    def queue_depth(self) -> int:
        """Items that wait for one."""


class Ledger(Protocol):
    """Writes predictions down."""

    def tell(self) -> None:
        """Count what was written since the last call."""


async def keep_gauges(runner: Runner, metrics: Metrics, ledger: Ledger | None = None) -> None:
    """Tell ``metrics`` what this process holds, until cancelled."""
    while True:
        if ledger is not None:
            ledger.tell()
        metrics.gauge_now(models_loaded=len(runner.keys()), queue_depth=runner.queue_depth())
        await asyncio.sleep(1)
