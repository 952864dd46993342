"""What becomes of each prediction, told to the record and to the metrics."""

from __future__ import annotations

from serving.observability.metrics import Metrics
from serving.records.prediction import Prediction, Promise
from serving.records.recorder import Recorder, RecorderStats


class Ledger:
    """The record (None: none is kept) and the metrics of arms."""

    def __init__(self, recorder: Recorder | None, metrics: Metrics) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._told = RecorderStats(0, 0, 0)

    def promise(self) -> Promise | None:
        """One prediction ended, and is added when its answer is on its way."""
        return None if self._recorder is None else self._recorder.promise()

    def add(self, prediction: Prediction, promise: Promise | None = None) -> None:
        """One prediction ended, the one that was promised or another."""
        if self._recorder is not None:
            self._recorder.add(prediction, promise)
        if prediction.split is not None:
            self._count(prediction, prediction.split)

    def copy_dropped(self, split: str) -> None:
        """A copy for the shadow of that plan was not run."""
        self._metrics.copied(split, "dropped")

    def tell(self) -> None:
        """Tell the metrics how the record fares; to be called now and then."""
        if self._recorder is None:
            return
        before, self._told = self._told, self._recorder.stats()
        self._metrics.recorded(written=self._told.written - before.written, dropped=self._told.dropped - before.dropped)

    def _count(self, prediction: Prediction, split: str) -> None:
        self._metrics.arm_answered(
            split,
            prediction.model_id,
            prediction.version,
            shadow=prediction.shadow,
            ok=prediction.error is None,
            seconds=prediction.latency_ms / 1000,
        )
        if prediction.shadow:
            self._metrics.copied(split, _copy_outcome(prediction))


def _copy_outcome(copy: Prediction) -> str:
    if copy.error is not None:
        return "failed"
    if copy.agreed is None:
        return "no_label"
    return "agreed" if copy.agreed else "differed"
