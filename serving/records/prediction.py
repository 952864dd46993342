"""One prediction, as it is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Promise = float
"""The moment (``time.monotonic()``) from which a prediction is on its way to the record."""


class Prediction(NamedTuple):
    """What a version made of one request.  A tuple, because one is made for every request.

    ``at`` is the wall clock in seconds.  ``model_id`` and ``version`` are what answered.  ``split`` is the id whose
    traffic plan chose that version, None where the caller named it or there is no plan; within a split the version is
    the arm.  A ``shadow`` answered nobody; ``agreed`` says whether its label was the one that was answered.
    ``label`` is the best class, None where the model has none or failed; ``error`` is then the error's code.
    ``confidence`` and ``probabilities`` are 0..1.  ``digest`` is that of the input, where a shadow got a copy of it or
    pictures are kept, else None.
    """

    request_id: str
    at: float
    model_id: str
    version: str
    latency_ms: float
    label: str | None = None
    confidence: float | None = None
    probabilities: Sequence[float] | None = None
    cached: bool = False
    split: str | None = None
    shadow: bool = False
    agreed: bool | None = None
    digest: str | None = None
    error: str | None = None
