"""Lens behind nginx and behind Caddy, as docs/deploy.md says."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.graphs import mean_color_classifier
from tests.pictures import RED, picture
from tests.server import LensServer, lens_server
from tests.ship.proxies import Proxy, caddy, nginx, tls

pytestmark = pytest.mark.timeout(120)

KEY = {"Authorization": "Bearer proxy-key"}
MIB = 2**20
Start = Callable[[Path, Path, int], AbstractContextManager[Proxy]]


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server that believes the proxy."""
    settings = {
        "LENS_WORKERS": "2",
        "LENS_API_KEYS": "proxy-key",
        "LENS_TRUSTED_PROXIES": "127.0.0.1",
    }
    with lens_server(tmp_path_factory.mktemp("lens"), settings) as server:
        yield server


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, lens: LensServer, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """Each proxy in turn."""
    with request.param(root, tmp_path_factory.mktemp("proxy"), lens.port) as running:
        yield running


@pytest.fixture
def caller(proxy: Proxy) -> Iterator[requests.Session]:
    """A caller who trusts the certificate."""
    with trusting(proxy) as session:
        yield session


def trusting(proxy: Proxy) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a bundle named by the environment would win over ours
    session.verify = str(proxy.certificate)
    return session


def test_predictions_come_through_tls(proxy: Proxy, caller: requests.Session, root: Path) -> None:
    cat = {"file": ("cat.png", (root / "docs/pictures/chelsea.png").read_bytes())}
    answer = caller.post(f"{proxy.url}/predict", files=cat, timeout=30)
    assert (answer.status_code, answer.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
    assert answer.json()["predictions"]
    assert "X-Request-ID" in answer.headers


def test_nobody_behind_it_is_local_whatever_they_claim(proxy: Proxy, caller: requests.Session) -> None:
    claims = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "Host": "localhost"}
    body = {"id": "cifar10", "version": "v1"}
    claimed = caller.post(f"{proxy.url}/models/activate", json=body, headers=claims, timeout=30)
    keyed = caller.post(f"{proxy.url}/models/activate", json=body, headers=KEY, timeout=30)
    assert (claimed.status_code, keyed.status_code) == (401, 200)


def test_the_limit_of_bodies_is_that_of_lens_and_has_its_shape_just_above(proxy: Proxy, tmp_path: Path) -> None:
    status, body = curl(proxy, tmp_path, 32 * MIB + 1000)
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert curl(proxy, tmp_path, 40 * MIB)[0] == 413


def curl(proxy: Proxy, folder: Path, size: int) -> tuple[int, str]:
    """Status and body of a picture of ``size`` bytes; curl reads an answer that comes before all is sent."""
    (folder / "picture").write_bytes(bytes(size))
    command = ["curl", "--silent", "--cacert", str(proxy.certificate), "--write-out", "\n%{http_code}"]
    command += ["--form", f"file=@{folder}/picture", f"{proxy.url}/predict"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    body, _, status = said.rpartition("\n")
    return int(status), body


def test_a_model_larger_than_a_picture_may_be_comes_in(proxy: Proxy, caller: requests.Session) -> None:
    files = {"model": ("colors.onnx", mean_color_classifier()), "labels": ("l.json", b'["red","green","blue"]')}
    small = caller.post(f"{proxy.url}/upload", files=files, data={"preprocessing": "zero-one"}, headers=KEY, timeout=90)
    large = caller.post(
        f"{proxy.url}/upload", files={"model": ("large.onnx", bytes(40 * MIB))}, headers=KEY, timeout=90
    )
    assert small.status_code == 201, small.text
    assert (large.status_code, large.json()["code"]) == (400, "not_onnx")
    answer = caller.post(f"{proxy.url}/predict", files={"file": ("a.png", picture(RED))}, timeout=30).json()
    assert answer["predicted_label"] == "red"


def test_measurements_are_not_for_everybody(proxy: Proxy, caller: requests.Session) -> None:
    assert caller.get(f"{proxy.url}/metrics", timeout=30).status_code == 404
    assert caller.get(f"{proxy.url}/readyz", timeout=30).status_code == 200


def test_a_caller_who_takes_its_time_is_cut_off_and_delays_nobody(proxy: Proxy, caller: requests.Session) -> None:
    with closing(tls(proxy)) as slow:
        slow.settimeout(20)
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        quick = caller.get(f"{proxy.url}/readyz", timeout=5)
        assert quick.status_code == 200
        try:
            said = slow.recv(1000)
        except (ConnectionError, OSError) as error:
            assert not isinstance(error, TimeoutError), "it was still waited for after 20 s"
            said = b""
    assert said == b"" or b" 408 " in said.split(b"\r\n")[0] or b" 400 " in said.split(b"\r\n")[0]


class Events(BaseHTTPRequestHandler):
    """Sends one event, and the second only once the first has arrived at the caller."""

    first_arrived = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: 1\n\n")
        self.wfile.flush()
        Events.first_arrived.wait(20)
        self.wfile.write(b"data: 2\n\n")

    def log_message(self, *_args: object) -> None:
        """The test looks at what arrives."""


@pytest.mark.parametrize("start", [nginx, caddy], ids=["nginx", "caddy"])
def test_events_come_as_they_are_sent(start: Start, root: Path, tmp_path: Path) -> None:
    Events.first_arrived.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Events) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        with start(root, tmp_path, upstream.server_address[1]) as proxy, trusting(proxy) as session:
            lines = session.get(f"{proxy.url}/jobs/events?id=1", stream=True, timeout=10).iter_lines()
            assert next(lines) == b"data: 1"  # a proxy that buffers would time out here
            Events.first_arrived.set()
            assert b"data: 2" in list(lines)
        upstream.shutdown()
