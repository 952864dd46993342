"""The process of ``LENS_RUNNER=service``: the models' own, on a device that API workers share."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from runners.errors import RunnerError
from runners.runner import Run
from serving.errors import ServiceError
from serving.gauges import keep_gauges
from serving.observability.logging import configure_logging
from serving.observability.metrics import Metrics
from serving.parts import build_follower, build_runner, open_registry
from serving.remote_runner import Answer, answer
from serving.settings import Settings


class RunnerProcess:
    """Follows the registry and runs what the API workers send."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log_level)
        self._settings = settings
        self._metrics = Metrics()

    async def start(self) -> None:
        """Load what is live."""
        self._registry = await asyncio.to_thread(open_registry, self._settings)
        self._runner = build_runner(self._settings, self._metrics)
        self._follower = build_follower(self._settings, self._registry, self._runner, sharing=1)
        await asyncio.to_thread(self._follower.start)
        self._gauges = asyncio.create_task(keep_gauges(self._runner, self._metrics))

    async def stop(self) -> None:
        """Close what ``start`` opened."""
        self._gauges.cancel()
        for part in (self._follower, self._runner, self._registry):
            await asyncio.to_thread(part.close)

    async def run(self, key: str, inputs: dict[str, Any], rows: int, seconds: float) -> Answer:
        """See ``remote_runner.Transport``."""
        return await answer(self._run(key, inputs, rows, time.monotonic() + seconds))

    async def _run(self, key: str, inputs: dict[str, Any], rows: int, deadline: float) -> Run:
        await self._follower.ensure(self._registry.find(key))
        return await self._runner.run(key, inputs, rows=rows, deadline=deadline)

    async def prove(self, key: str) -> str:
        """See ``remote_runner.Transport``."""
        try:
            await self._follower.ensure(self._registry.find(key))
            await asyncio.to_thread(self._runner.prove, key)
        except (RunnerError, ServiceError) as error:
            return str(error)
        return ""
