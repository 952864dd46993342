"""One measurement a request, told under the four names that dashboards know.

A request is observed once, in a histogram by method, endpoint and status.  When someone asks for the metrics, that one
histogram becomes ``http_requests_total``, ``http_request_duration_seconds`` and the framework's own
``bentoml_service_request_total`` and ``bentoml_service_request_duration_seconds``: writing all four on every request
cost as much as running a small model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import Metric

REQUESTS = "lens_request_seconds"
REQUEST_LABELS = ("method", "endpoint", "status")

Labels = dict[str, str]


class Collector(Protocol):
    """What can be asked for metrics."""

    def collect(self) -> Iterable[Metric]:
        """Every metric with its samples."""


class RequestViews:
    """A collector that passes everything on, and the request histogram under its public names.

    ``service`` is the framework's (runner_name, service_name, service_version).
    """

    def __init__(self, source: Collector, service: tuple[str, str, str]) -> None:
        self._source = source
        names = ("runner_name", "service_name", "service_version")
        self._service = dict(zip(names, service, strict=True))

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples."""
        for metric in self._source.collect():
            if metric.name == REQUESTS:
                yield from self._views(metric)
            else:
                yield metric

    def _views(self, requests: Metric) -> Iterator[Metric]:
        counted, timed = "Requests answered.", requests.documentation
        yield _count(requests, "http_requests", counted, _by_method_and_status)
        yield _histogram(requests, "http_request_duration_seconds", timed, _by_method)
        yield _count(requests, "bentoml_service_request", counted, self._by_code)
        yield _histogram(requests, "bentoml_service_request_duration_seconds", timed, self._by_code)

    def _by_code(self, labels: Labels) -> Labels:
        return {"endpoint": labels["endpoint"], "http_response_code": labels["status"], **self._service}


def _by_method_and_status(labels: Labels) -> Labels:
    return {name: labels[name] for name in ("method", "endpoint", "status")}


def _by_method(labels: Labels) -> Labels:
    return {name: labels[name] for name in ("method", "endpoint")}


def _count(source: Metric, name: str, text: str, relabel: Callable[[Labels], Labels]) -> Metric:
    metric = Metric(name, text, "counter")
    for (_, labels), value in _summed(source, relabel, {"_count"}).items():
        metric.add_sample(f"{name}_total", dict(labels), value)
    return metric


def _histogram(source: Metric, name: str, text: str, relabel: Callable[[Labels], Labels]) -> Metric:
    metric = Metric(name, text, "histogram")
    for (suffix, labels), value in _summed(source, relabel, {"_bucket", "_count", "_sum"}).items():
        metric.add_sample(name + suffix, dict(labels), value)
    return metric


def _summed(
    source: Metric, relabel: Callable[[Labels], Labels], suffixes: set[str]
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The samples with ``suffixes``, added up where relabelling makes their labels alike."""
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(float)
    for sample in source.samples:
        suffix = sample.name.removeprefix(source.name)
        if suffix in suffixes:
            bound = {"le": sample.labels["le"]} if "le" in sample.labels else {}
            sums[suffix, tuple({**relabel(sample.labels), **bound}.items())] += sample.value
    return sums
