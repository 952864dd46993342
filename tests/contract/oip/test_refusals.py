"""What is refused over the Open Inference Protocol: in the clients' own words, counted, and logged."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import requests
from tritonclient.utils import InferenceServerException

from tests.contract.oip.triton import GRPC, PICTURES, Triton
from tests.server import LensServer


@pytest.mark.parametrize(
    ("model", "arrays", "status", "code", "word"),
    [
        ("nobody", {"image": PICTURES}, 404, "NOT_FOUND", "no model 'nobody'"),
        ("pictures", {"picture": PICTURES}, 400, "INVALID_ARGUMENT", "The model's inputs are: 'image'"),
        ("pictures", {"image": PICTURES[:, :1]}, 400, "INVALID_ARGUMENT", "shape"),
        ("pictures", {"image": PICTURES.astype(np.float64)}, 400, "INVALID_ARGUMENT", "the model takes FP32"),
    ],
    ids=["model", "name", "shape", "datatype"],
)
def test_a_refusal_says_what_is_wrong_in_the_clients_own_words(
    triton: Triton, model: str, arrays: dict[str, np.ndarray], status: int, code: str, word: str
) -> None:
    with pytest.raises(InferenceServerException) as refusal:
        triton.infer(model, arrays)
    assert refusal.value.status() == triton.refused(status, code)
    assert word in refusal.value.message()


def test_an_error_over_http_has_the_shape_of_both_contracts(tensors: LensServer) -> None:
    tensor = {"name": "image", "datatype": "BF16", "shape": [1], "data": [1]}
    for path, body in (
        ("models/pictures/infer", {"inputs": [tensor]}),
        ("models/nobody", None),
        ("no/such/path", None),
    ):
        call = requests.get if body is None else requests.post
        answer = call(f"{tensors.url}/v2/{path}", json=body, timeout=20)
        told = answer.json()
        assert told.keys() == {"error", "detail", "code", "request_id"}
        assert told["error"] == told["detail"]
        assert told["request_id"] == answer.headers["X-Request-ID"]
    assert "error" not in requests.get(f"{tensors.url}/no/such/path", timeout=20).json()


def test_a_run_ends_at_the_callers_own_deadline(triton: Triton) -> None:
    with pytest.raises(InferenceServerException) as refusal:
        triton.infer("counting", {"x": np.full((1, 1), 1e18, np.float32)}, timeout=200_000)
    assert refusal.value.status() == triton.refused(504, "DEADLINE_EXCEEDED")
    assert triton.infer("counting", {"x": np.full((1, 1), 3, np.float32)}).as_numpy("y").tolist() == [3]


def test_requests_are_counted_and_logged_by_template_and_probes_only_counted(
    tensors: LensServer, triton: Triton
) -> None:
    request_id = f"made-up-{triton.protocol}"
    for number in range(5):
        with pytest.raises(InferenceServerException):
            triton.infer(f"made-up-{number}", {"image": PICTURES}, headers={"x-request-id": request_id})
    triton.client.is_server_live()
    infer, live = (
        ("/v2/models/{model}/infer", "/v2/health/live")
        if triton.is_http
        else (f"{GRPC}/ModelInfer", f"{GRPC}/ServerLive")
    )
    text = requests.get(f"{tensors.url}/metrics", timeout=10).text
    assert f'endpoint="{infer}"' in text and f'endpoint="{live}"' in text
    assert "made-up" not in text
    lines = tensors.lines_of(request_id)
    assert {(line["route"], line["code"]) for line in lines} == {(infer, "model_not_found")}
    assert f'"route":"{live}"' not in tensors.logged()


def test_bytes_that_are_no_message_are_refused_counted_and_logged(tensors: LensServer, grpc_port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        call = channel.unary_unary(f"{GRPC}/ModelMetadata")
        with pytest.raises(grpc.RpcError) as refusal:
            call(b"\xff\xff\xff", metadata=[("x-request-id", "no-message-at-all")])
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert dict(refusal.value.trailing_metadata())["lens-code"] == "bad_request"
    assert [line["status"] for line in tensors.lines_of("no-message-at-all")] == [400]
    counted = f'endpoint="{GRPC}/ModelMetadata"'
    lines = requests.get(f"{tensors.url}/metrics", timeout=10).text.splitlines()
    assert [line for line in lines if counted in line and 'status="400"' in line]
