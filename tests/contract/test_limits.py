"""Who is too slow or asks too much is told so, and the server goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.server import LensServer, lens_server


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server that gives every caller half a second, and one request a second."""
    settings = {"LENS_WORKERS": "1", "LENS_DEADLINE_S": "0.5", "LENS_RATE_LIMIT": "1"}
    with lens_server(tmp_path_factory.mktemp("strict"), settings) as lens:
        yield lens


def test_a_body_that_never_ends_is_504_at_the_deadline(strict: LensServer) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 504")
    assert '"code":"deadline_exceeded"' in answer
    assert requests.get(f"{strict.url}/readyz", timeout=10).status_code == 200


def test_too_many_requests_are_told_when_to_come_back(strict: LensServer) -> None:
    answers = [requests.post(f"{strict.url}/predict", json={}, timeout=20) for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "rate_limited"
    assert int(refused[0].headers["Retry-After"]) >= 1
