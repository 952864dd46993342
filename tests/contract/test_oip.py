"""The Open Inference Protocol on sockets, asked by Triton's own clients; with ``triton``, over HTTP and over gRPC."""

from __future__ import annotations

import asyncio
import queue
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import onnxruntime
import psutil
import pytest
import requests
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from serving.start_check import checked_settings
from tests.contract.conftest import upload_colors
from tests.graphs import mean_color_classifier, model_bytes
from tests.runners.onnx_files import counting
from tests.server import LensServer, free_port, lens_server

GRPC = "/inference.GRPCInferenceService"
PICTURES = np.random.default_rng(11).random((5, 3, 32, 32), dtype=np.float32)
EVERYTHING: dict[str, tuple[int, np.ndarray]] = {
    "BOOL": (TensorProto.BOOL, np.array([[True, False]])),
    "UINT8": (TensorProto.UINT8, np.array([[0, 255]], np.uint8)),
    "UINT16": (TensorProto.UINT16, np.array([[0, 2**16 - 1]], np.uint16)),
    "UINT32": (TensorProto.UINT32, np.array([[0, 2**32 - 1]], np.uint32)),
    "UINT64": (TensorProto.UINT64, np.array([[0, 2**64 - 1]], np.uint64)),
    "INT8": (TensorProto.INT8, np.array([[-128, 127]], np.int8)),
    "INT16": (TensorProto.INT16, np.array([[-(2**15), 2**15 - 1]], np.int16)),
    "INT32": (TensorProto.INT32, np.array([[-(2**31), 2**31 - 1]], np.int32)),
    "INT64": (TensorProto.INT64, np.array([[-(2**63), 2**63 - 1]], np.int64)),
    "FP16": (TensorProto.FLOAT16, np.array([[0.5, -65504]], np.float16)),
    "FP32": (TensorProto.FLOAT, np.array([[0.1, -1e30]], np.float32)),
    "FP64": (TensorProto.DOUBLE, np.array([[0.1, 1e300]], np.float64)),
    "BYTES": (TensorProto.STRING, np.array([["", "Zürich"]], object)),
}
"""Datatype of the protocol -> ONNX's number of it, and a row of it."""


def every_datatype() -> bytes:
    """A model that says back what it is told, in every datatype."""
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in EVERYTHING]
    tensors = [
        [helper.make_tensor_value_info(f"{way}_{name}", number, ["N", 2]) for name, (number, _) in EVERYTHING.items()]
        for way in ("in", "out")
    ]
    return model_bytes(nodes, *tensors)


def register(lens: LensServer, name: str, model: bytes) -> None:
    """Make ``model`` known as the first version of ``name``."""
    fields = {"id": name, "name": name, "version": "v1"}
    answer = requests.post(f"{lens.url}/models/upload", files={"file": ("m.onnx", model)}, data=fields, timeout=60)
    assert answer.status_code == 201, answer.text


class Triton:
    """Triton's client of one protocol, and what differs between them."""

    def __init__(self, module: ModuleType, address: str) -> None:
        self.module = module
        self.client = module.InferenceServerClient(address)
        self.is_http = module is tritonclient.http

    def inputs(self, arrays: Mapping[str, np.ndarray]) -> list[Any]:
        """``arrays`` as the client wants them."""
        inputs = []
        for name, array in arrays.items():
            each = self.module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            each.set_data_from_numpy(array)
            inputs.append(each)
        return inputs

    def infer(self, model: str, arrays: Mapping[str, np.ndarray], **options: Any) -> Any:
        """The client's result."""
        return self.client.infer(model, self.inputs(arrays), **options)

    def answer(self, result: Any) -> dict[str, Any]:
        """The answer as the protocol's JSON has it."""
        return dict(result.get_response() if self.is_http else result.get_response(as_json=True))

    def told(self, what: str, *arguments: str) -> Any:
        """The answer of a ``get_...`` method as plain values."""
        call = getattr(self.client, f"get_{what}")
        return call(*arguments) if self.is_http else call(*arguments, as_json=True)

    def refused(self, status: int, code: str) -> str:
        """What the client calls a status."""
        return str(status) if self.is_http else f"StatusCode.{code}"


@pytest.fixture(scope="module")
def grpc_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory, grpc_port: int) -> Iterator[LensServer]:
    """Two workers that speak both protocols; without a key only this machine may manage."""
    folder = tmp_path_factory.mktemp("oip")
    settings = {
        "LENS_WORKERS": "2",
        "LENS_GRPC_PORT": str(grpc_port),
        "LENS_API_KEYS": "root-key,ask-key:predict",
        "LENS_MAX_BODY_MB": "4",
    }
    with lens_server(folder, settings) as server:
        upload_colors(server)
        register(server, "everything", every_datatype())
        register(server, "counting", counting(folder / "counting.onnx").read_bytes())
        yield server


@pytest.fixture(params=["http", "grpc"])
def triton(request: pytest.FixtureRequest, lens: LensServer, grpc_port: int) -> Iterator[Triton]:
    """The client of one protocol, then of the other."""
    http = request.param == "http"
    module = tritonclient.http if http else tritonclient.grpc
    triton = Triton(module, f"127.0.0.1:{lens.port if http else grpc_port}")
    yield triton
    triton.client.close()


def test_server_and_models_are_live_ready_and_described(triton: Triton) -> None:
    client = triton.client
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("colors") and client.is_model_ready("colors", "v1")
    server, model = triton.told("server_metadata"), triton.told("model_metadata", "colors")
    assert server["name"] == "lens"
    assert {"binary_tensor_data", "classification", "model_repository"} <= set(server["extensions"])
    assert (model["name"], model["versions"], model["platform"]) == ("colors", ["v1"], "onnxruntime_onnx")
    assert [(each["name"], each["datatype"]) for each in model["inputs"]] == [("image", "FP32")]
    assert [list(map(int, each["shape"])) for each in model["inputs"]] == [[-1, 3, 32, 32]]
    config = triton.told("model_config", "colors")
    config = config if triton.is_http else config["config"]
    assert (config["max_batch_size"], list(map(int, config["input"][0]["dims"]))) == (8, [3, 32, 32])


def test_a_picture_models_tensors_are_answered_as_its_file_would(triton: Triton) -> None:
    expected = onnxruntime.InferenceSession(mean_color_classifier()).run(None, {"image": PICTURES})[0]
    result = triton.infer("colors", {"image": PICTURES}, request_id="one-of-many")
    np.testing.assert_allclose(result.as_numpy("logits"), expected, rtol=1e-5)
    answer = triton.answer(result)
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("colors", "v1", "one-of-many")


def test_every_datatype_comes_back_as_it_went(triton: Triton) -> None:
    result = triton.infer("everything", {f"in_{name}": array for name, (_, array) in EVERYTHING.items()})
    for name, (_, array) in EVERYTHING.items():
        back = result.as_numpy(f"out_{name}")
        assert back.tolist() == [[text.encode() for text in array[0]]] if name == "BYTES" else back.dtype == array.dtype
        assert name == "BYTES" or np.array_equal(back, array)


def test_only_what_is_asked_for_is_answered_and_as_classes_where_that_is_asked(triton: Triton) -> None:
    arrays = {f"in_{name}": array for name, (_, array) in EVERYTHING.items()}
    outputs = [triton.module.InferRequestedOutput(f"out_{name}") for name in ("INT8", "BOOL")]
    answer = triton.answer(triton.infer("everything", arrays, outputs=outputs))
    assert [output["name"] for output in answer["outputs"]] == ["out_INT8", "out_BOOL"]

    classes = [triton.module.InferRequestedOutput("logits", class_count=2)]
    red = np.zeros((2, 3, 32, 32), np.float32)
    red[:, 0] = [[[0.5]], [[1.0]]]
    red[:, 2] = 0.25
    told = triton.infer("colors", {"image": red}, outputs=classes).as_numpy("logits")
    assert told.tolist() == [[b"5.000000:0:red", b"2.500000:2:blue"], [b"10.000000:0:red", b"2.500000:2:blue"]]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_unpacked_within_the_body_limit(triton: Triton, algorithm: str) -> None:
    name = "request_compression_algorithm" if triton.is_http else "compression_algorithm"
    plain = triton.infer("colors", {"image": PICTURES}).as_numpy("logits")
    packed = triton.infer("colors", {"image": PICTURES}, **{name: algorithm}).as_numpy("logits")
    np.testing.assert_array_equal(packed, plain)
    huge = {"image": np.zeros((400, 3, 32, 32), np.float32)}  # 4.7 MiB, of which a few KiB travel
    with pytest.raises(InferenceServerException) as refusal:
        triton.infer("colors", huge, **{name: algorithm})
    assert refusal.value.status() == triton.refused(413, "RESOURCE_EXHAUSTED")


def test_versions_and_aliases_answer_by_name_and_a_swap_is_everywhere_at_once(
    lens: LensServer, grpc_port: int, triton: Triton
) -> None:
    name = f"swapped-{'http' if triton.is_http else 'grpc'}"
    for bias in ((10.0, 0.0, 0.0), (0.0, 10.0, 0.0)):
        upload_colors(lens, name=name, bias=bias)
    champion = {"id": name, "alias": "champion", "version": "v1"}
    assert requests.put(f"{lens.url}/models/alias", json=champion, timeout=20).status_code == 200
    black = {"image": np.zeros((1, 3, 32, 32), np.float32)}

    def best(model: str, version: str = "") -> int:
        return int(triton.infer(model, black, model_version=version).as_numpy("logits").argmax())

    assert [best(name), best(name, "v1"), best(name, "champion"), best(f"{name}@champion")] == [1, 0, 0, 0]
    assert triton.answer(triton.infer(f"{name}@champion", black))["model_version"] == "v1"
    assert triton.told("model_metadata", name)["versions"] == ["v1", "v2"]
    body = {"id": name, "version": "v1"}
    assert requests.post(f"{lens.url}/models/activate", json=body, timeout=30).json()["live_on"] == "2/2"
    for _ in range(10):  # each on a connection of its own, so that both workers are asked
        fresh = Triton(triton.module, f"127.0.0.1:{lens.port}") if triton.is_http else _on_its_own(grpc_port)
        assert int(fresh.infer(name, black).as_numpy("logits").argmax()) == 0
        fresh.client.close()


def test_a_plan_splits_tensors_too_and_a_sticky_key_keeps_its_version(lens: LensServer, triton: Triton) -> None:
    name = f"split-{'http' if triton.is_http else 'grpc'}"
    for _ in range(2):
        upload_colors(lens, name=name)
    plan = requests.put(f"{lens.url}/traffic", json={"id": name, "weights": {"v1": 50, "v2": 50}}, timeout=30)
    assert plan.status_code == 200, plan.text

    def version(number: int, **headers: str) -> str:
        image = np.full((1, 3, 32, 32), number / 64, np.float32)
        return str(triton.answer(triton.infer(name, {"image": image}, headers=headers))["model_version"])

    assert {version(number) for number in range(40)} == {"v1", "v2"}
    by_key = [{version(number, **{"x-sticky-key": key}) for number in range(3)} for key in "abcdefghijklmnopqrst"]
    assert sorted(map(len, by_key)) == [1] * 20
    assert set.union(*by_key) == {"v1", "v2"}
    assert version(1) == version(1)


def _on_its_own(port: int) -> Triton:
    """A gRPC client that shares its connection with no other."""
    triton = Triton(tritonclient.grpc, f"127.0.0.1:{port}")
    triton.client.close()
    alone = [("grpc.use_local_subchannel_pool", 1)]
    triton.client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{port}", channel_args=alone)
    return triton


@pytest.mark.parametrize(
    ("model", "arrays", "status", "code", "word"),
    [
        ("nobody", {"image": PICTURES}, 404, "NOT_FOUND", "no model 'nobody'"),
        ("colors", {"picture": PICTURES}, 400, "INVALID_ARGUMENT", "The model's inputs are: 'image'"),
        ("colors", {"image": PICTURES[:, :1]}, 400, "INVALID_ARGUMENT", "shape"),
        ("colors", {"image": PICTURES.astype(np.float64)}, 400, "INVALID_ARGUMENT", "the model takes FP32"),
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


def test_the_repository_lists_loads_and_unloads_and_changes_no_version(lens: LensServer, triton: Triton) -> None:
    upload_colors(lens, name="shelf")
    upload_colors(lens, name="shelf")
    index = triton.told("model_repository_index")
    entries = index if triton.is_http else index["models"]
    shelf = {each["version"]: each["state"] for each in entries if each["name"] == "shelf"}
    assert shelf and set(shelf.values()) == {"READY"}
    client = triton.client
    client.load_model("shelf@v1")
    client.unload_model("shelf@v1")
    assert client.is_model_ready("shelf", "v1")
    assert triton.infer("shelf@v1", {"image": PICTURES}).as_numpy("logits").shape == (5, 3)
    for refused in (
        lambda: client.unload_model("shelf"),
        lambda: client.load_model("shelf", config="{}"),
        lambda: client.load_model("nobody"),
    ):
        with pytest.raises(InferenceServerException):
            refused()


def test_keys_and_scopes_are_those_of_every_other_path(triton: Triton) -> None:
    def from_outside(key: str | None = None) -> dict[str, str]:
        authorization = {} if key is None else {"authorization": f"Bearer {key}"}
        return {"x-forwarded-for": "198.51.100.7", **authorization}

    load = triton.client.load_model
    with pytest.raises(InferenceServerException) as refusal:
        load("colors", headers=from_outside())
    assert refusal.value.status() == triton.refused(401, "UNAUTHENTICATED")
    with pytest.raises(InferenceServerException) as refusal:
        load("colors", headers=from_outside("ask-key"))
    assert refusal.value.status() == triton.refused(403, "PERMISSION_DENIED")
    load("colors", headers=from_outside("root-key"))
    assert triton.infer("colors", {"image": PICTURES}, headers=from_outside()).as_numpy("logits").shape == (5, 3)


def test_a_run_ends_at_the_callers_own_deadline(triton: Triton) -> None:
    with pytest.raises(InferenceServerException) as refusal:
        triton.infer("counting", {"x": np.full((1, 1), 1e18, np.float32)}, timeout=200_000)
    assert refusal.value.status() == triton.refused(504, "DEADLINE_EXCEEDED")
    assert triton.infer("counting", {"x": np.full((1, 1), 3, np.float32)}).as_numpy("y").tolist() == [3]


def test_requests_are_counted_and_logged_by_template_and_probes_only_counted(lens: LensServer, triton: Triton) -> None:
    request_id = f"made-up-{'http' if triton.is_http else 'grpc'}"
    for number in range(5):
        with pytest.raises(InferenceServerException):
            triton.infer(f"made-up-{number}", {"image": PICTURES}, headers={"x-request-id": request_id})
    triton.client.is_server_live()
    infer, live = (
        ("/v2/models/{model}/infer", "/v2/health/live")
        if triton.is_http
        else (f"{GRPC}/ModelInfer", f"{GRPC}/ServerLive")
    )
    text = requests.get(f"{lens.url}/metrics", timeout=10).text
    assert f'endpoint="{infer}"' in text and f'endpoint="{live}"' in text
    assert "made-up" not in text
    lines = lens.lines_of(request_id)
    assert {(line["route"], line["code"]) for line in lines} == {(infer, "model_not_found")}
    assert f'"route":"{live}"' not in lens.logged()


def test_the_asynchronous_clients_work_too(lens: LensServer, grpc_port: int) -> None:
    async def ask(module: ModuleType, port: int) -> Any:
        async with module.InferenceServerClient(f"127.0.0.1:{port}") as client:
            tensor = module.InferInput("image", list(PICTURES.shape), "FP32")
            tensor.set_data_from_numpy(PICTURES)
            answers = await asyncio.gather(*(client.infer("colors", [tensor]) for _ in range(20)))
            return {answer.as_numpy("logits").tobytes() for answer in answers}

    over_http = asyncio.run(ask(tritonclient.http.aio, lens.port))
    over_grpc = asyncio.run(ask(tritonclient.grpc.aio, grpc_port))
    assert over_http == over_grpc
    assert len(over_http) == 1


def test_http_takes_json_for_tensors_and_answers_in_it(lens: LensServer) -> None:
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{lens.port}")
    tensor = tritonclient.http.InferInput("image", list(PICTURES.shape), "FP32")
    tensor.set_data_from_numpy(PICTURES, binary_data=False)
    outputs = [tritonclient.http.InferRequestedOutput("logits", binary_data=False)]
    result = client.infer("colors", [tensor], outputs=outputs)
    client.close()
    nested = {"inputs": [{"name": "image", "datatype": "FP32", "shape": PICTURES.shape, "data": PICTURES.tolist()}]}
    plain = requests.post(f"{lens.url}/v2/models/colors/infer", json=nested, timeout=20)
    assert plain.headers["Content-Type"] == "application/json"
    assert plain.json()["outputs"][0]["data"] == result.get_response()["outputs"][0]["data"]


def test_an_error_over_http_has_the_shape_of_both_contracts(lens: LensServer) -> None:
    tensor = {"name": "image", "datatype": "BF16", "shape": [1], "data": [1]}
    for path, body in (("models/colors/infer", {"inputs": [tensor]}), ("models/nobody", None), ("no/such/path", None)):
        call = requests.get if body is None else requests.post
        answer = call(f"{lens.url}/v2/{path}", json=body, timeout=20)
        told = answer.json()
        assert told.keys() == {"error", "detail", "code", "request_id"}
        assert told["error"] == told["detail"]
        assert told["request_id"] == answer.headers["X-Request-ID"]
    assert "error" not in requests.get(f"{lens.url}/no/such/path", timeout=20).json()


def test_a_stream_answers_in_order_and_outlives_a_failure(lens: LensServer, grpc_port: int) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    triton = Triton(tritonclient.grpc, f"127.0.0.1:{grpc_port}")
    triton.client.start_stream(lambda result, error: answers.put((result, error)))
    for number, model in enumerate(("colors", "nobody", "colors")):
        triton.client.async_stream_infer(model, triton.inputs({"image": PICTURES}), request_id=str(number))
    told = [answers.get(timeout=20) for _ in range(3)]
    triton.client.stop_stream()
    triton.client.close()
    assert [None if result is None else result.get_response().id for result, _ in told] == ["0", None, "2"]
    assert "no model 'nobody'" in told[1][1].message()


def test_bytes_that_are_no_message_are_refused_counted_and_logged(lens: LensServer, grpc_port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        call = channel.unary_unary(f"{GRPC}/ModelMetadata")
        with pytest.raises(grpc.RpcError) as refusal:
            call(b"\xff\xff\xff", metadata=[("x-request-id", "no-message-at-all")])
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert dict(refusal.value.trailing_metadata())["lens-code"] == "bad_request"
    assert [line["status"] for line in lens.lines_of("no-message-at-all")] == [400]


def test_grpc_connections_spread_over_both_workers(lens: LensServer, grpc_port: int) -> None:
    clients = [_on_its_own(grpc_port) for _ in range(40)]
    assert all(each.client.is_server_live() for each in clients)
    family = psutil.Process(lens.process.pid).children(recursive=True)
    held = Counter(
        child.pid
        for child in family
        for connection in child.net_connections()
        if connection.laddr.port == grpc_port and connection.status == psutil.CONN_ESTABLISHED
    )
    for each in clients:
        each.client.close()
    assert len(held) == 2, held


def test_the_programs_on_the_page_run_as_they_stand(root: Path, lens: LensServer, grpc_port: int) -> None:
    page = (root / "docs" / "open-inference-protocol.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    printed = []
    for program in programs:
        here = program.replace("127.0.0.1:3000", f"127.0.0.1:{lens.port}").replace(":8001", f":{grpc_port}")
        ran = subprocess.run([sys.executable, "-c", here], cwd=root, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        printed.append(ran.stdout)
    assert ":3:cat" in printed[0].split()[0], printed[0]
    assert 'name: "cifar10"' in printed[1]


def test_at_sigterm_a_call_finishes_or_is_cut_off_at_the_limit_and_a_later_one_is_refused(tmp_path: Path) -> None:
    port = free_port()
    with lens_server(tmp_path, {"LENS_WORKERS": "1", "LENS_GRPC_PORT": str(port), "LENS_DRAIN_S": "4"}) as lens:
        register(lens, "counting", counting(tmp_path / "counting.onnx").read_bytes())
        triton = Triton(tritonclient.grpc, f"127.0.0.1:{port}")
        answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
        for turns in (_turns_in_about_a_second(triton), 1e18):  # one after the other: the model has one session
            inputs = triton.inputs({"x": np.full((1, 1), turns, np.float32)})
            triton.client.async_infer("counting", inputs, lambda result, error: answers.put((result, error)))
        _wait_in_flight(lens, 2)
        lens.process.terminate()
        refusal = _first_refusal(triton)
        (finished, _), (_, cut_off) = answers.get(timeout=20), answers.get(timeout=20)
        assert lens.process.wait(20) == 0
        triton.client.close()
    assert finished is not None
    assert (refusal.status(), cut_off.status()) == ("StatusCode.UNAVAILABLE",) * 2
    assert refusal.message() == cut_off.message() == "The server is going down."


def _turns_in_about_a_second(triton: Triton) -> float:
    started = time.perf_counter()
    triton.infer("counting", {"x": np.full((1, 1), 1e5, np.float32)})
    return 1e5 / (time.perf_counter() - started)


def _wait_in_flight(lens: LensServer, calls: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for line in requests.get(f"{lens.url}/metrics", timeout=10).text.splitlines():
            if "in_progress" in line and f'"{GRPC}/ModelInfer"' in line and line.endswith(f" {calls}.0"):
                return
    raise AssertionError("the calls never came in flight")


def _first_refusal(triton: Triton) -> InferenceServerException:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            triton.client.get_server_metadata()
        except InferenceServerException as refusal:
            return refusal
    raise AssertionError("the server went on serving")


def test_a_grpc_port_in_use_ends_the_start_with_the_reason(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with lens_server(tmp_path, {"LENS_WORKERS": "1", "LENS_GRPC_PORT": str(port)}, wait=False) as lens:
            lens.process.wait(90)
            assert f"LENS_GRPC_PORT: 127.0.0.1:{port} cannot be bound" in lens.logged()


def test_a_grpc_port_without_grpcio_ends_the_start_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENS_GRPC_PORT", "9000")
    monkeypatch.setitem(sys.modules, "grpc", None)  # what an environment without it looks like
    with pytest.raises(SystemExit, match=r"requirements-grpc\.txt"):
        checked_settings()
