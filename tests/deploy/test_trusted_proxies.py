"""LENS_TRUSTED_PROXIES: whose word about callers counts; and that it never makes anybody local."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.server import LensServer, lens_server


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server that believes the proxy on loopback, and lets each caller come once a second."""
    settings = {"LENS_WORKERS": "1", "LENS_TRUSTED_PROXIES": "127.0.0.1", "LENS_RATE_LIMIT": "1"}
    with lens_server(tmp_path_factory.mktemp("behind"), settings) as server:
        yield server


def ask(lens: LensServer, caller: str) -> int:
    headers = {"X-Forwarded-For": caller, "X-Forwarded-Proto": "https"}
    return requests.get(f"{lens.url}/models", headers=headers, timeout=20).status_code


def test_callers_behind_a_believed_proxy_have_rates_of_their_own(behind_proxy: LensServer) -> None:
    first = [ask(behind_proxy, "198.51.100.7") for _ in range(4)]
    assert 429 in first
    assert ask(behind_proxy, "198.51.100.8") == 200


def test_nobody_becomes_local_by_what_a_proxy_passes_on(behind_proxy: LensServer) -> None:
    headers = {"X-Forwarded-For": "127.0.0.1"}
    body = {"id": "cifar10", "version": "v1"}
    answer = requests.post(f"{behind_proxy.url}/models/activate", json=body, headers=headers, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
