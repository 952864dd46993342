"""What can go wrong while a model runs.

    RunnerError
    ├── ModelNotLoaded     nothing is loaded under that key                   (model_not_loaded)
    ├── LoadFailed         the file cannot be made into a session, or its warm-up failed (model_load_failed)
    ├── Overloaded         the queue is full                                  (overloaded)
    │   └── NoMemory       it does not fit beside the models that must stay   (no_memory)
    ├── DeadlineExceeded   the deadline passed before or during the run       (deadline_exceeded)
    └── InferenceFailed    the model refused these inputs                     (inference_failed)

Messages are safe to show: ONNX Runtime's own words pass through ``runners.session.plain_reason`` first.
"""

from __future__ import annotations


class RunnerError(Exception):
    """Base of the runner's errors; ``code`` is snake_case and stable."""

    code = "runner_error"


class ModelNotLoaded(RunnerError):
    """Nothing is loaded under the key that was asked for."""

    code = "model_not_loaded"


class LoadFailed(RunnerError):
    """The file could not be made into a session, or its warm-up failed."""

    code = "model_load_failed"


class Overloaded(RunnerError):
    """The model's queue is full; the caller may come back after ``retry_after`` seconds."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoMemory(Overloaded):
    """The model does not fit beside those that must stay; the caller may come back later."""

    code = "no_memory"


class DeadlineExceeded(RunnerError):
    """The item's deadline passed while it waited or ran."""

    code = "deadline_exceeded"


class InferenceFailed(RunnerError):
    """The model refused these inputs; another item of the same batch is not touched by it."""

    code = "inference_failed"
