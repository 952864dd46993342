from __future__ import annotations

import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from benchmarks.workload import features
from benchmarks.wrk import Load, load


class Answering(BaseHTTPRequestHandler):
    """Takes iris features on /predict, and nothing else."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        right = self.path == "/predict" and b"iris" in body and self.headers["Content-Type"] == "application/json"
        self.wfile.write(b"HTTP/1.1 %d Answer\r\nContent-Length: 2\r\n\r\n{}" % (200 if right else 503))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # wrk hangs up on its last requests
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_good_answers_are_counted_after_the_ramp_and_bad_ones_have_failed(url: str) -> None:
    good = load(url, features(), 2, 1)
    assert good.failed == 0
    assert good.steady is not None and 0 < good.steady <= good.requests
    bad = load(url + "/elsewhere", features(), 2, 1)
    assert bad.failed == bad.requests > 0
    assert bad.rate == 0


def test_the_rate_leaves_the_ramp_out() -> None:
    assert Load(100, 4.0, 4).rate == 24
    assert Load(100, 4.0, 4, ramp=1.0, steady=90).rate == 30
