"""What a loaded model can do, whichever sessions it is made of."""

from __future__ import annotations

from typing import Protocol

from runners.rows import Answer, Feed


class Model(Protocol):
    """A model in memory; safe to run from several threads."""

    def rows(self, inputs: Feed) -> int:
        """Check ``inputs`` and count their rows (1 for a model without a batch axis); raises InferenceFailed."""

    def run(self, inputs: Feed, *, deadline: float | None = None) -> Answer:
        """Compute the outputs by name, until ``deadline`` (``time.monotonic()``); raises RunnerError."""

    def close(self) -> None:
        """Let go of it; its memory is free once the last run has ended."""
