from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest

from benchmarks.open_loop import Answer, Client, offer, schedule, summary
from benchmarks.workload import raw


@contextmanager
def serving(*statuses: int, chunked: bool = False, hangs_up: bool = False) -> Iterator[str]:
    """A server that answers with these statuses in turn; ``hangs_up`` closes connections that it promised to keep."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(statuses[next(numbers) % len(statuses)])
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"2\r\n{}\r\n0\r\n\r\n")
            else:
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
            self.close_connection = hangs_up

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_arrivals_come_at_the_rate_and_at_the_same_times_every_time() -> None:
    times = schedule(100.0, 50.0)
    assert 4_700 < len(times) < 5_300
    assert times == sorted(times) == schedule(100.0, 50.0)
    assert times[0] > 0 and times[-1] < 50.0


@pytest.mark.parametrize("chunked", [False, True])
def test_every_arrival_is_answered(chunked: bool) -> None:
    with serving(200, chunked=chunked) as url:
        seen = offer(url, raw("picture", [b"x" * 100_000]), 100.0, 0.3)
    assert seen.sent == len(schedule(100.0, 0.3))
    assert (seen.answered, seen.refused, seen.failed) == (seen.sent, 0, 0)


async def test_a_connection_that_was_closed_while_it_was_idle_is_not_used_again() -> None:
    with serving(200, hangs_up=True) as url:
        client = Client(url, raw("picture", [b"x"]), time.perf_counter())
        assert (await client.ask(0.0)).status == 200
        while client.idle:
            await asyncio.sleep(0)
        assert (await client.ask(0.0)).status == 200
        client.close()


def test_a_refusal_is_no_failure_and_no_answer() -> None:
    with serving(503) as url:
        seen = offer(url, raw("picture", [b"x"]), 50.0, 0.2)
    assert (seen.answered, seen.refused, seen.failed) == (0, seen.sent, 0)
    assert seen.p99_ms is None


def test_an_error_and_a_closed_port_are_failures() -> None:
    with serving(500) as url:
        assert (seen := offer(url, raw("picture", [b"x"]), 50.0, 0.2)).failed == seen.sent
    assert (seen := offer(url, raw("picture", [b"x"]), 50.0, 0.2)).failed == seen.sent


def test_latency_counts_from_the_scheduled_time_and_goodput_over_all_the_time_it_took() -> None:
    seen = summary(10.0, 2.0, [Answer(200, 4.0, 3.0, 2.9), Answer(503, 1.0, 0.1, 0.0), Answer(0, 1.0, 0.1, 0.0)])
    assert (seen.p99_ms, seen.late_p99_ms) == (3000.0, 2900.0)
    assert seen.goodput == 1 / 4.0
