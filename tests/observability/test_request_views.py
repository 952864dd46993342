from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from serving.observability.metrics import Metrics
from serving.observability.request_views import REQUEST_LABELS, REQUESTS, RequestViews


def told(*observed: tuple[str, str, str, float]) -> str:
    """The exposition after these requests: method, endpoint, status, seconds."""
    source = CollectorRegistry()
    histogram = Histogram(REQUESTS, "Time.", REQUEST_LABELS, buckets=(0.1, 1.0), registry=source)
    for method, endpoint, status, seconds in observed:
        histogram.labels(method, endpoint, status).observe(seconds)
    return generate_latest(RequestViews(source, ("Lens", "lens", "1"))).decode()


def test_one_measurement_is_told_under_four_names() -> None:
    text = told(("POST", "/predict", "200", 0.05), ("POST", "/predict", "200", 0.5), ("POST", "/predict", "400", 0.01))
    framework = 'runner_name="Lens",service_name="lens",service_version="1"'
    assert 'http_requests_total{endpoint="/predict",method="POST",status="200"} 2.0' in text
    assert 'http_requests_total{endpoint="/predict",method="POST",status="400"} 1.0' in text
    assert 'http_request_duration_seconds_bucket{endpoint="/predict",le="0.1",method="POST"} 2.0' in text
    assert 'http_request_duration_seconds_count{endpoint="/predict",method="POST"} 3.0' in text
    assert f'bentoml_service_request_total{{endpoint="/predict",http_response_code="200",{framework}}} 2.0' in text
    assert (
        'bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="400",le="0.1"' in text
    )
    assert REQUESTS not in text


def test_methods_are_kept_apart_where_the_name_has_them_and_added_where_it_has_not() -> None:
    text = told(("GET", "/", "200", 0.05), ("HEAD", "/", "200", 0.05))
    assert 'http_requests_total{endpoint="/",method="GET",status="200"} 1.0' in text
    assert 'bentoml_service_request_total{endpoint="/",http_response_code="200"' in text
    assert text.count("bentoml_service_request_total{") == 1


async def test_a_method_that_a_caller_made_up_is_no_label_of_its_own() -> None:
    metrics = Metrics()
    for number in range(5):
        metrics.request_started("/predict")
        metrics.request_finished(f"VERB{number}", "/predict", 405, 0.01)
    text = metrics.render().decode()
    assert "VERB" not in text
    assert 'http_requests_total{endpoint="/predict",method="OTHER",status="405"} 5.0' in text
