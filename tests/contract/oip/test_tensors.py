"""Tensors over the Open Inference Protocol: in every datatype, packed or as JSON, answered as the file answers."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import requests
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.contract.oip.triton import EVERYTHING, PICTURES, Triton
from tests.graphs import mean_color_classifier
from tests.server import LensServer


def test_server_and_models_are_live_ready_and_described(triton: Triton) -> None:
    client = triton.client
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("pictures") and client.is_model_ready("pictures", "v1")
    server, model = triton.told("server_metadata"), triton.told("model_metadata", "pictures")
    assert server["name"] == "lens"
    assert {"binary_tensor_data", "classification", "model_repository"} <= set(server["extensions"])
    assert (model["name"], model["versions"], model["platform"]) == ("pictures", ["v1"], "onnxruntime_onnx")
    assert [(each["name"], each["datatype"]) for each in model["inputs"]] == [("image", "FP32")]
    assert [list(map(int, each["shape"])) for each in model["inputs"]] == [[-1, 3, 32, 32]]
    config = triton.told("model_config", "pictures")
    config = config if triton.is_http else config["config"]
    assert (config["max_batch_size"], list(map(int, config["input"][0]["dims"]))) == (8, [3, 32, 32])


def test_a_picture_models_tensors_are_answered_as_its_file_would(triton: Triton) -> None:
    expected = onnxruntime.InferenceSession(mean_color_classifier()).run(None, {"image": PICTURES})[0]
    result = triton.infer("pictures", {"image": PICTURES}, request_id="one-of-many")
    np.testing.assert_allclose(result.as_numpy("logits"), expected, rtol=1e-5)
    answer = triton.answer(result)
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("pictures", "v1", "one-of-many")


def test_every_datatype_comes_back_as_it_went(triton: Triton) -> None:
    result = triton.infer("everything", {f"in_{name}": array for name, (_, array) in EVERYTHING.items()})
    back = {name: result.as_numpy(f"out_{name}") for name in EVERYTHING}
    assert back.pop("BYTES").tolist() == [[b"", "Zürich".encode()]]
    for name, array in back.items():
        sent = EVERYTHING[name][1]
        assert (name, array.dtype) == (name, sent.dtype)
        np.testing.assert_array_equal(array, sent)


def test_only_what_is_asked_for_is_answered_and_as_classes_where_that_is_asked(triton: Triton) -> None:
    arrays = {f"in_{name}": array for name, (_, array) in EVERYTHING.items()}
    outputs = [triton.module.InferRequestedOutput(f"out_{name}") for name in ("INT8", "BOOL")]
    answer = triton.answer(triton.infer("everything", arrays, outputs=outputs))
    assert [output["name"] for output in answer["outputs"]] == ["out_INT8", "out_BOOL"]

    classes = [triton.module.InferRequestedOutput("logits", class_count=2)]
    red = np.zeros((2, 3, 32, 32), np.float32)
    red[:, 0] = [[[0.5]], [[1.0]]]
    red[:, 2] = 0.25
    told = triton.infer("pictures", {"image": red}, outputs=classes).as_numpy("logits")
    assert told.tolist() == [[b"5.000000:0:red", b"2.500000:2:blue"], [b"10.000000:0:red", b"2.500000:2:blue"]]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_unpacked_within_the_body_limit(triton: Triton, algorithm: str) -> None:
    name = "request_compression_algorithm" if triton.is_http else "compression_algorithm"
    plain = triton.infer("pictures", {"image": PICTURES}).as_numpy("logits")
    packed = triton.infer("pictures", {"image": PICTURES}, **{name: algorithm}).as_numpy("logits")
    np.testing.assert_array_equal(packed, plain)
    huge = {"image": np.zeros((2800, 3, 32, 32), np.float32)}  # 32.8 MiB, of which a few KiB travel
    with pytest.raises(InferenceServerException) as refusal:
        triton.infer("pictures", huge, **{name: algorithm})
    assert refusal.value.status() == triton.refused(413, "RESOURCE_EXHAUSTED")


def test_http_takes_json_for_tensors_and_answers_in_it(tensors: LensServer) -> None:
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{tensors.port}")
    tensor = tritonclient.http.InferInput("image", list(PICTURES.shape), "FP32")
    tensor.set_data_from_numpy(PICTURES, binary_data=False)
    outputs = [tritonclient.http.InferRequestedOutput("logits", binary_data=False)]
    result = client.infer("pictures", [tensor], outputs=outputs)
    client.close()
    nested = {"inputs": [{"name": "image", "datatype": "FP32", "shape": PICTURES.shape, "data": PICTURES.tolist()}]}
    plain = requests.post(f"{tensors.url}/v2/models/pictures/infer", json=nested, timeout=20)
    assert plain.headers["Content-Type"] == "application/json"
    assert plain.json()["outputs"][0]["data"] == result.get_response()["outputs"][0]["data"]
