"""Which version answers over the Open Inference Protocol: by name, by alias, by plan, and after a swap."""

from __future__ import annotations

import numpy as np
import pytest
import requests
from tritonclient.utils import InferenceServerException

from tests.contract.conftest import register_colors
from tests.contract.oip.triton import BLACK, PICTURES, Triton, over_grpc, over_http
from tests.server import LensServer


def test_versions_and_aliases_answer_by_name_and_a_swap_is_everywhere_at_once(
    tensors: LensServer, grpc_port: int, triton: Triton
) -> None:
    name = f"swapped-{triton.protocol}"
    register_colors(tensors, name, "v1", bias=(10.0, 0.0, 0.0))
    register_colors(tensors, name, "v2", bias=(0.0, 10.0, 0.0), activate="true")
    champion = {"id": name, "alias": "champion", "version": "v1"}
    assert requests.put(f"{tensors.url}/models/alias", json=champion, timeout=20).status_code == 200

    def best(model: str, version: str = "") -> int:
        return int(triton.infer(model, BLACK, model_version=version).as_numpy("logits").argmax())

    assert [best(name), best(name, "v1"), best(name, "champion"), best(f"{name}@champion")] == [1, 0, 0, 0]
    assert triton.answer(triton.infer(f"{name}@champion", BLACK))["model_version"] == "v1"
    assert triton.told("model_metadata", name)["versions"] == ["v1", "v2"]
    body = {"id": name, "version": "v1"}
    assert requests.post(f"{tensors.url}/models/activate", json=body, timeout=30).json()["live_on"] == "2/2"
    for _ in range(10):  # each on a connection of its own, so that both workers are asked
        fresh = over_http(tensors.port) if triton.is_http else over_grpc(grpc_port)
        assert int(fresh.infer(name, BLACK).as_numpy("logits").argmax()) == 0
        fresh.client.close()


def test_a_plan_splits_tensors_too_and_a_sticky_key_keeps_its_version(tensors: LensServer, triton: Triton) -> None:
    name = f"tensors-split-{triton.protocol}"
    for version in ("v1", "v2"):
        register_colors(tensors, name, version)
    plan = {"id": name, "weights": {"v1": 50, "v2": 50}}
    put = requests.put(f"{tensors.url}/traffic", json=plan, timeout=30)
    assert put.status_code == 200, put.text

    def version(number: int, **headers: str) -> str:
        image = np.full((1, 3, 32, 32), number / 64, np.float32)
        return str(triton.answer(triton.infer(name, {"image": image}, headers=headers))["model_version"])

    assert {version(number) for number in range(40)} == {"v1", "v2"}
    by_key = [{version(number, **{"x-sticky-key": key}) for number in range(3)} for key in "abcdefghijklmnopqrst"]
    assert sorted(map(len, by_key)) == [1] * 20
    assert set.union(*by_key) == {"v1", "v2"}
    assert version(1) == version(1)
    assert requests.delete(f"{tensors.url}/traffic", params={"id": name}, timeout=20).status_code == 200


def test_the_repository_lists_loads_and_unloads_and_changes_no_version(tensors: LensServer, triton: Triton) -> None:
    name = f"shelf-{triton.protocol}"
    register_colors(tensors, name, "v1")
    register_colors(tensors, name, "v2", activate="true")
    index = triton.told("model_repository_index")
    entries = index if triton.is_http else index["models"]
    assert {each["version"]: each["state"] for each in entries if each["name"] == name}["v2"] == "READY"
    client = triton.client
    client.load_model(f"{name}@v1")
    client.unload_model(f"{name}@v1")
    assert client.is_model_ready(name, "v1")
    assert not client.is_model_ready(name, "v9") and not client.is_model_ready("nobody")
    assert triton.infer(f"{name}@v1", {"image": PICTURES}).as_numpy("logits").shape == (5, 3)
    for refused in (
        lambda: client.unload_model(name),
        lambda: client.load_model(name, config="{}"),
        lambda: client.load_model("nobody"),
    ):
        with pytest.raises(InferenceServerException):
            refused()
    assert triton.answer(triton.infer(name, BLACK))["model_version"] == "v2"
