"""The few metrics that a watcher looks at, read from the exposition that all workers share."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

_PREDICTING = ("/predict", "/infer")


@dataclass(slots=True)
class Counters:
    """Since the server started: ``responses`` to predictions by class of status ("2xx"), ``batches`` by the size up to
    which they went ("+Inf" for larger ones) and the ``rows`` in them, look-ups of the cache.  And at this moment:
    ``queued`` items, predictions ``in_progress``, versions ``loaded``.
    """

    responses: dict[str, int] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    queued: int = 0
    in_progress: int = 0
    loaded: int = 0


def counters(exposition: str) -> Counters:
    """What ``exposition``, the text of ``/metrics``, says."""
    found = Counters()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            _note(found, sample.name, sample.labels, int(sample.value))
    found.batches = _separate(found.batches)
    return found


def _note(found: Counters, name: str, labels: dict[str, str], value: int) -> None:
    if name == "http_requests_total" and labels["endpoint"].endswith(_PREDICTING):
        kind = f"{labels['status'][:1]}xx"
        found.responses[kind] = found.responses.get(kind, 0) + value
    elif name == "bentoml_service_adaptive_batch_size_bucket":
        found.batches[labels["le"]] = found.batches.get(labels["le"], 0) + value
    elif name == "bentoml_service_adaptive_batch_size_sum":
        found.rows += value
    elif name == "lens_cache_lookups_total":
        if labels["result"] == "hit":
            found.cache_hits += value
        else:
            found.cache_misses += value
    elif name == "lens_queue_depth":
        found.queued += value
    elif name == "bentoml_service_request_in_progress" and labels["endpoint"].endswith(_PREDICTING):
        found.in_progress += value
    elif name == "models_loaded":
        found.loaded = max(found.loaded, value)


def _separate(upward: dict[str, int]) -> dict[str, int]:
    """Each bucket's own count, where each counted all below it too; bounds are written as whole numbers."""
    counts, below = {}, 0
    for bound, count in sorted(upward.items(), key=lambda item: float(item[0])):
        counts[bound.removesuffix(".0")] = count - below
        below = count
    return counts
