"""What is too slow ends, who asks too much is told so, each caller by himself, and the server goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.contract.optimizing import upload
from tests.server import LensServer, lens_server


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server that gives every caller one second and one request a second, and believes a proxy on loopback;
    every other mode of execution half a second."""
    settings = {
        "LENS_WORKERS": "1",
        "LENS_DEADLINE_S": "1",
        "LENS_RATE_LIMIT": "1",
        "LENS_TRUSTED_PROXIES": "127.0.0.1",
        "LENS_OPTIMIZE_S": "0.5",
    }
    with lens_server(tmp_path_factory.mktemp("strict"), settings) as lens:
        yield lens


def ask(lens: LensServer, caller: str) -> requests.Response:
    """What the proxy is answered that passes on a request of ``caller``; a caller of its own for each test."""
    headers = {"X-Forwarded-For": caller, "X-Forwarded-Proto": "https"}
    return requests.get(f"{lens.url}/models", headers=headers, timeout=20)


def test_a_mode_that_takes_too_long_is_discarded_and_the_upload_succeeds_as_it_is(strict: LensServer) -> None:
    made = upload(strict, "slow", optimize="auto")
    assert (made["live"], made["mode"]) == (True, "fp32")
    assert "did not finish" in made["optimization"]["candidates"][0]["reason"]


def test_a_body_that_never_ends_is_504_at_the_deadline(strict: LensServer) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 504")
    assert '"code":"deadline_exceeded"' in answer
    assert requests.get(f"{strict.url}/readyz", timeout=10).status_code == 200


def test_too_many_requests_are_told_when_to_come_back(strict: LensServer) -> None:
    answers = [ask(strict, "198.51.100.9") for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "rate_limited"
    assert int(refused[0].headers["Retry-After"]) >= 1


def test_callers_behind_a_believed_proxy_have_rates_of_their_own(strict: LensServer) -> None:
    assert 429 in [ask(strict, "198.51.100.7").status_code for _ in range(4)]
    assert ask(strict, "198.51.100.8").status_code == 200


def test_nobody_becomes_local_by_what_a_proxy_passes_on(strict: LensServer) -> None:
    headers = {"X-Forwarded-For": "127.0.0.9"}  # of loopback, and a caller that has asked nothing yet
    body = {"id": "cifar10", "version": "v1"}
    answer = requests.post(f"{strict.url}/models/activate", json=body, headers=headers, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
