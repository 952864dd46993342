from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chaos.book import ABSENT, BROKEN, SURE, THERE, Seen
from chaos.clients import Client
from chaos.look import View
from chaos.models import token_digest

FIRST = 100_001
"""The token of what client 1 uploads first."""


@contextmanager
def answering(status: int, code: str = "") -> Iterator[str]:
    """A service that answers everything alike; with status 0 it hangs up instead."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if not status:
                self.close_connection = True
                return
            body = json.dumps({"code": code}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_DELETE = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class After(threading.Event):
    """An event that is set once it has been asked for a number of times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


def view(seen: Seen) -> View:
    digests = {("beaten-1", version): token_digest(token or 0) for version, token in seen.tokens.items()}
    return View({"beaten-1": seen}, digests, default=None)


def test_what_was_acknowledged_has_to_be_there() -> None:
    client = Client(1, seed=1)
    with answering(201) as url:
        client.work(url, After(1))

    assert client.acknowledged.total() == 1
    assert client.compare(view(Seen({"v1": FIRST}, "v1"))).fate == SURE
    gone = client.compare(view(Seen()))
    assert gone.fate == BROKEN
    assert "beaten-1: v1 was acknowledged and is gone" in gone.losses


def test_what_was_not_answered_is_in_doubt_and_ends_the_work() -> None:
    for seen, fate in ((Seen(), ABSENT), (Seen({"v1": FIRST}, "v1"), THERE)):
        client = Client(1, seed=1)
        with answering(0) as url:
            client.work(url, threading.Event())
        assert client.in_doubt is not None
        verdict = client.compare(view(seen))
        assert (verdict.fate, verdict.losses, client.in_doubt) == (fate, (), None)


def test_a_refusal_for_later_changes_nothing_and_any_other_is_a_loss() -> None:
    client = Client(1, seed=1)
    with answering(503, "overloaded") as url:
        client.work(url, After(2))
    assert (client.refused, client.compare(view(Seen())).losses) == ({"overloaded": 2}, ())

    with answering(500, "internal_error") as url:
        client.work(url, After(1))
    (loss,) = client.compare(view(Seen())).losses
    assert "was answered 500 internal_error" in loss


def test_a_version_that_is_listed_with_another_digest_is_a_loss() -> None:
    client = Client(1, seed=1)
    with answering(201) as url:
        client.work(url, After(1))
    wrong = View({"beaten-1": Seen({"v1": FIRST}, "v1")}, {("beaten-1", "v1"): "0" * 64}, default=None)
    assert client.compare(wrong).losses == ("beaten-1@v1 is listed with another digest",)
