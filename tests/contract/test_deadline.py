"""A request that takes too long is told so, and the server goes on."""

from __future__ import annotations

import socket

import pytest
import requests

from tests.server import lens_server


def test_a_body_that_never_ends_is_504_at_the_deadline(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"LENS_WORKERS": "1", "LENS_DEADLINE_S": "0.5"}
    with lens_server(tmp_path_factory.mktemp("deadline"), settings) as lens:
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{lens.port}\r\nContent-Length: 9\r\n\r\n"
        with socket.create_connection(("127.0.0.1", lens.port), timeout=10) as connection:
            connection.sendall(head.encode())
            answer = connection.recv(65536).decode()
        assert answer.startswith("HTTP/1.1 504")
        assert '"code":"deadline_exceeded"' in answer
        assert requests.get(f"{lens.url}/readyz", timeout=10).status_code == 200
