"""A loaded model, tried out on tensors that are made for it.

Only the sandbox's child runs this: a stranger's model may do anything here.
"""

from __future__ import annotations

import time
from pathlib import Path

from preprocessing.spec import ModelSpec, TensorInfo
from runners.errors import InferenceFailed
from runners.rows import Answer, Feed
from runners.session import OnnxSession

PATIENCE_S = 6.0
"""Runs that only refine the spec are left out where they would bring the whole probe above this many seconds of
processor time: a model uploaded to a busy server is judged as on an idle one.
"""

TRIALS = 3
"""Different inputs that are tried, and rows of the batch that they are compared with."""

CPU = ("CPUExecutionProvider",)


class Probe:
    """One session on tensors that are made for it, with an account of the time that it takes.

    Raises:
        LoadFailed: ONNX Runtime refuses the file.
    """

    def __init__(self, path: Path, inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...]) -> None:
        self._started = time.process_time()
        self._fastest = float("inf")
        loose = ModelSpec(inputs=inputs, outputs=outputs, batch="none")
        self._session = OnnxSession(path, loose, threads=1, providers=CPU)
        self.load_seconds = time.process_time() - self._started
        self.failure = "it accepted none of the inputs that were made up for it"

    def attempt(self, feed: Feed) -> Answer | None:
        """The answer, or None where the model fails on ``feed``; ``failure`` then says why."""
        began = time.process_time()
        try:
            answer = self._session.run(feed)
        except InferenceFailed as error:
            self.failure = str(error)
            return None
        self._fastest = min(self._fastest, time.process_time() - began)
        return answer

    def affords(self, runs: int) -> bool:
        """Whether so many more runs are worth their time."""
        return time.process_time() - self._started + runs * self._fastest <= PATIENCE_S

    def close(self) -> None:
        """Let go of the session's memory."""
        self._session.close()
