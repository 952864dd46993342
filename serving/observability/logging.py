"""Structured logs: one JSON object a line, on standard error.

Every line has ``time``, ``level`` and ``msg``; lines written while a request is served also carry its ``request_id``.
Lines of the libraries (uvicorn, BentoML, SQLAlchemy) go through the same renderer.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from serving.observability.pace import Pace
from serving.observability.request_context import _current
from serving.observability.timestamps import timestamp

Event = MutableMapping[str, Any]


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send our own and the libraries' log records to ``stream`` (standard error) as JSON lines."""
    out = stream or sys.stderr
    shared: list[Any] = [_add_request, structlog.processors.add_log_level, _add_time]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("msg"),
            structlog.processors.JSONRenderer(serializer=_dump),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _route_stdlib(level, out, shared)


class AccessLog:
    """Writes one line a request.  Past structlog: its processors cost more than a small model's run."""

    def __init__(self, level: str, stream: TextIO | None = None) -> None:
        self._on = logging.getLevelName(level) <= logging.INFO
        self._stream = stream or sys.stderr
        self._lines: list[bytes] = []
        self._pace = Pace(self.flush)

    def write(self, line: dict[str, Any]) -> None:
        """Write ``line`` with the time, as every other line has it, now or soon; to be called on the event loop."""
        if self._on:
            whole = {"time": timestamp(), "level": "info", "msg": "request", **line}
            self._lines.append(orjson.dumps(whole, default=str, option=orjson.OPT_APPEND_NEWLINE))
            self._pace.touch()

    def flush(self) -> None:
        """Write the lines that still wait."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._stream.write(b"".join(lines).decode())


def _route_stdlib(level: str, out: TextIO, shared: list[Any]) -> None:
    """The libraries keep their own loggers; only the handler at the root changes."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("msg"),
            structlog.processors.JSONRenderer(serializer=_dump),
        ],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("bentoml", "uvicorn", "uvicorn.error", "uvicorn.access", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # Without a handler the server does not even begin to make its access lines: ours stand in their place.
    logging.getLogger("uvicorn.access").propagate = False


def _add_time(_logger: Any, _method: str, event: Event) -> Event:
    event["time"] = timestamp()
    return event


def _add_request(_logger: Any, _method: str, event: Event) -> Event:
    context = _current.get(None)
    if context is not None:
        event.setdefault("request_id", context.request_id)
    return event


def _dump(value: Any, **_options: Any) -> str:
    return orjson.dumps(value, default=str).decode()
