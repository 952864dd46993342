"""Every metric as a row, and one verb for each thing that happens.

Values live in files that all workers of one server share (prometheus_client's multiprocess mode), so any worker can
answer ``/metrics`` for all.  Label values come from closed sets: route templates, methods, statuses, and the ids of
registered models; nothing that a caller makes up becomes a series.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.observability.pace import EVERY
from serving.observability.request_views import REQUEST_LABELS, REQUESTS, RequestViews
from serving.observability.tally import Tally

HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
MODEL_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 100)
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
JOB_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_SERVICE = ("runner_name", "service_name", "service_version")


class Metrics:
    """All metrics of one worker; ``service`` is the framework's (runner_name, service_name, service_version)."""

    def __init__(self, service: tuple[str, str, str] = ("Lens", "Lens", "not available")) -> None:
        own = CollectorRegistry()  # of this object alone: a second one in the same process does not collide

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=own)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=own)

        def gauge(name: str, text: str, mode: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, multiprocess_mode=mode, registry=own)  # type: ignore[arg-type]

        self.registry = own
        self._service = service
        self._tally = Tally()
        self._last_request_at = 0.0
        self.requests = histogram(REQUESTS, "Time from first byte to answer.", HTTP_BUCKETS, *REQUEST_LABELS)
        self.in_progress = gauge(
            "bentoml_service_request_in_progress", "Requests being served.", "livesum", "endpoint", *_SERVICE
        )
        self.last_request = gauge(
            "bentoml_service_last_request_timestamp_seconds", "When the last request came.", "max", *_SERVICE
        )
        self.batch_sizes = histogram(
            "bentoml_service_adaptive_batch_size",
            "Rows run at once.",
            BATCH_BUCKETS,
            "method_name",
            "worker_index",
            *_SERVICE,
        )
        self.predictions = counter(
            "model_predictions_total", "Predictions by outcome.", "model_id", "version", "status"
        )
        self.inference_seconds = histogram(
            "model_inference_duration_seconds", "Time inside the model.", MODEL_BUCKETS, "model_id", "version"
        )
        self.arm_predictions = counter(
            "lens_arm_predictions_total", "Predictions of the arms of traffic plans.", "id", "arm", "role", "status"
        )
        self.arm_seconds = histogram(
            "lens_arm_duration_seconds", "Time that they took.", HTTP_BUCKETS, "id", "arm", "role"
        )
        self.shadow_copies = counter(
            "lens_shadow_copies_total", "Copies of requests for a shadow, by what came of them.", "id", "outcome"
        )
        self.feedback = counter(
            "lens_feedback_total", "Feedback by whether the answer was right.", "model_id", "version", "outcome"
        )
        self.records = counter("lens_records_total", "Predictions put on record, or dropped unwritten.", "outcome")
        self.jobs = counter("lens_retraining_jobs_total", "Retraining jobs by the state that they ended in.", "state")
        self.job_seconds = histogram("lens_retraining_duration_seconds", "Time that they ran.", JOB_BUCKETS)
        self.jobs_running = gauge("lens_retraining_running", "Retraining jobs that run now.", "livesum")
        self.models_loaded = gauge("models_loaded", "Versions loaded and ready, in each worker alike.", "livemax")
        self.queue_depth = gauge("lens_queue_depth", "Items waiting for a model.", "livesum")
        self.cache_lookups = counter("lens_cache_lookups_total", "Prediction cache look-ups.", "result")

    def request_started(self, endpoint: str) -> None:
        """A request to the route ``endpoint`` (a template) began."""
        self._tally.add(self._in_progress(endpoint))
        self._tally.settle()

    def request_finished(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """It was answered with ``status`` after ``seconds``."""
        self._tally.add(self._request(method if method in METHODS else "OTHER", endpoint, status), seconds)
        self._tally.add(self._in_progress(endpoint), -1)
        self._tally.settle()
        self._last_request_at = time.time()

    @lru_cache(maxsize=256)  # noqa: B019 - as below
    def _in_progress(self, endpoint: str) -> Gauge:
        return self.in_progress.labels(endpoint, *self._service)

    @lru_cache(maxsize=1024)  # noqa: B019 - one Metrics object lives as long as its process
    def _request(self, method: str, endpoint: str, status: int) -> Histogram:
        return self.requests.labels(method, endpoint, str(status))

    def predicted(self, model_id: str, version: str, *, ok: bool, seconds: float | None = None) -> None:
        """One prediction ended; ``seconds`` is the time inside the model, None where it did not run."""
        self._tally.add(self._outcome(model_id, version, "success" if ok else "error"))
        if seconds is not None:
            self._tally.add(self._inference(model_id, version), seconds)

    @lru_cache(maxsize=4096)  # noqa: B019 - as above
    def _outcome(self, model_id: str, version: str, status: str) -> Counter:
        return self.predictions.labels(model_id, version, status)

    @lru_cache(maxsize=4096)  # noqa: B019 - as above
    def _inference(self, model_id: str, version: str) -> Histogram:
        return self.inference_seconds.labels(model_id, version)

    def batch_ran(self, rows: int) -> None:
        """The model ran ``rows`` rows at once; from any thread."""
        self._tally.add(self._batch(), rows)

    @lru_cache(maxsize=1)  # noqa: B019 - as above
    def _batch(self) -> Histogram:
        return self.batch_sizes.labels("predict", "0", *self._service)

    def arm_answered(self, split: str, model_id: str, version: str, *, shadow: bool, ok: bool, seconds: float) -> None:
        """That version, an arm of the plan of ``split`` or its ``shadow``, ended a prediction."""
        outcome, duration = self._arm(split, model_id, version, shadow, ok)
        self._tally.add(outcome)
        self._tally.add(duration, seconds)

    @lru_cache(maxsize=4096)  # noqa: B019 - as above
    def _arm(self, split: str, model_id: str, version: str, shadow: bool, ok: bool) -> tuple[Counter, Histogram]:
        arm = split, f"{model_id}@{version}", "shadow" if shadow else "answer"
        return self.arm_predictions.labels(*arm, "success" if ok else "error"), self.arm_seconds.labels(*arm)

    def copied(self, split: str, outcome: str) -> None:
        """A copy "agreed", "differed", "failed", had "no_label", or was "dropped"."""
        self._tally.add(self.shadow_copies.labels(split, outcome))

    def judged(self, model_id: str, version: str, outcome: str) -> None:
        """Feedback says that an answer of that version was "right" or "wrong"; "no_label" where it had named none."""
        self.feedback.labels(model_id, version, outcome).inc()

    def recorded(self, *, written: int, dropped: int) -> None:
        """So many predictions more were written down, or dropped."""
        self.records.labels("written").inc(written)
        self.records.labels("dropped").inc(dropped)

    def job_began(self) -> None:
        """A retraining job runs in this process now."""
        self.jobs_running.set(1)

    def job_ended(self, outcome: str, seconds: float) -> None:
        """It ended in the state ``outcome``."""
        self.jobs_running.set(0)
        self.jobs.labels(outcome).inc()
        self.job_seconds.observe(seconds)

    def gauge_now(self, *, models_loaded: int, queue_depth: int) -> None:
        """What this worker holds at the moment; to be told about once a second."""
        self._tally.flush()
        self.models_loaded.set(models_loaded)
        self.queue_depth.set(queue_depth)
        if self._last_request_at:
            self.last_request.labels(*self._service).set(self._last_request_at)

    def cache_looked_up(self, *, hit: bool) -> None:
        """The prediction cache was asked."""
        self._tally.add(self._lookup("hit" if hit else "miss"))

    @lru_cache(maxsize=2)  # noqa: B019 - as above
    def _lookup(self, result: str) -> Counter:
        return self.cache_lookups.labels(result)

    def render(self) -> bytes:
        """The text exposition for all workers; files of dead workers stop counting as live first.

        It blocks: what any worker answered before the call is in it.
        """
        self._tally.flush()
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        registry = self.registry
        if folder:
            time.sleep(2 * EVERY)  # for the other workers' tallies
            _bury_the_dead(Path(folder))
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        return generate_latest(RequestViews(registry, self._service))

    def families(self) -> list[Metric]:
        """Every metric as ``render`` names it."""
        return list(RequestViews(self.registry, self._service).collect())


def _bury_the_dead(folder: Path) -> None:
    """A killed worker cannot remove its live gauges, and nobody else does: its requests would stay in progress."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rsplit("_", 1)[-1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]
