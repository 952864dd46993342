from __future__ import annotations

from serving.observability.metrics import Metrics
from serving.watch.counters import Counters, counters


def test_nothing_has_happened_yet() -> None:
    found = counters(Metrics().render().decode())
    assert (found.responses, found.rows, found.queued) == ({}, 0, 0)


async def test_what_happened_is_counted_as_the_metrics_say_it() -> None:
    metrics = Metrics()
    for status, route in ((200, "/predict"), (200, "/infer"), (404, "/predict"), (503, "/v2/models/{model}/infer")):
        metrics.request_started(route)
        metrics.request_finished("POST", route, status, 0.01)
    metrics.request_finished("GET", "/models", 500, 0.01)
    metrics.request_started("/predict")
    metrics.request_started("/stats")
    for rows in (1, 1, 2, 3, 200):
        metrics.batch_ran(rows)
    metrics.cache_looked_up(hit=True)
    metrics.cache_looked_up(hit=False)
    metrics.cache_looked_up(hit=False)
    metrics.gauge_now(models_loaded=2, queue_depth=7)
    found = counters(metrics.render().decode())
    assert found.responses == {"2xx": 2, "4xx": 1, "5xx": 1}
    assert {bound: count for bound, count in found.batches.items() if count} == {"1": 2, "2": 1, "4": 1, "+Inf": 1}
    assert (found.rows, found.cache_hits, found.cache_misses) == (207, 1, 2)
    assert (found.queued, found.loaded) == (7, 2)
    assert found.in_progress == 1, "whoever looks is no prediction"


def test_what_is_not_there_is_zero() -> None:
    assert counters("") == Counters()
