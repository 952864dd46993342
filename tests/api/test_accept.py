from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from serving.api.accept import install_fair_accept
from serving.api.connection_counts import ConnectionCounts

WORKER = Path(__file__).with_name("accepting_worker.py")
LONG, SHORT = 60.0, 0.05
"""Patience: with the long one a test passes only where workers wake each other."""


class Server:
    """Worker processes on one listening socket, and connections to it that stay open."""

    def __init__(
        self, root: Path, folder: Path, workers: int, loop: str, patience: float, certificate: Path | None
    ) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        descriptor = self.socket.fileno()
        command = [sys.executable, WORKER, str(descriptor), folder, loop, str(patience), *filter(None, [certificate])]
        self.processes = [
            subprocess.Popen(
                command,
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root)},
                pass_fds=[descriptor],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(workers)
        ]
        self.tls = ssl.create_default_context(cafile=certificate) if certificate else None
        self.connections: list[HTTPConnection] = []
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def connect(self, number: int) -> list[HTTPConnection]:
        """New connections, all made before the first is used."""
        port = self.socket.getsockname()[1]
        made: list[HTTPConnection] = [
            HTTPSConnection("localhost", port, timeout=20, context=self.tls)
            if self.tls
            else HTTPConnection("127.0.0.1", port, timeout=20)
            for _ in range(number)
        ]
        for connection in made:
            connection.connect()
        self.connections += made
        return made

    def shares(self, connections: list[HTTPConnection]) -> list[int]:
        """How many of these connections each worker holds, in order of the workers."""
        answers = Counter(ask(connection)["pid"] for connection in connections)
        return [answers[process.pid] for process in self.processes]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        for process in self.processes:
            process.kill()
            process.communicate()
        self.socket.close()


def ask(connection: HTTPConnection, path: str = "/", **headers: str) -> dict[str, int]:
    connection.request("GET", path, headers=headers)
    answer: dict[str, int] = json.loads(connection.getresponse().read())
    return answer


def until_answered_by(server: Server, pid: int) -> None:
    deadline = time.monotonic() + 10
    while ask(server.connect(1)[0])["pid"] != pid:
        assert time.monotonic() < deadline


StartServer = Callable[..., Server]


@pytest.fixture
def start(root: Path, tmp_path: Path) -> Iterator[StartServer]:
    servers: list[Server] = []

    def start_server(
        workers: int = 2, loop: str = "uvloop", patience: float = LONG, certificate: Path | None = None
    ) -> Server:
        servers.append(Server(root, tmp_path / "run", workers, loop, patience, certificate))
        return servers[-1]

    yield start_server
    for server in servers:
        server.close()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_two_workers_hold_equally_many_connections_at_every_load(start: StartServer, loop: str) -> None:
    server = start(loop=loop)
    held = server.connect(2)
    assert server.shares(held) == [1, 1]
    held += server.connect(6)
    assert server.shares(held) == [4, 4]
    held += server.connect(56)
    assert server.shares(held) == [32, 32]
    assert all(ask(connection)["no_delay"] for connection in held)


def test_a_worker_knows_how_many_connections_it_holds(start: StartServer) -> None:
    server = start(workers=1)
    (first,) = server.connect(1)
    assert ask(first)["held"] == 1

    others = server.connect(2)
    assert [ask(connection)["held"] for connection in others] == [3, 3]
    for connection in others:
        ask(connection, Connection="close")
    assert ask(first)["held"] == 1


def test_where_connections_are_not_counted_they_are_taken_for_many(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    try:
        assert install_fair_accept(loop, tmp_path, keep_alive=75).held() > 2
    finally:
        loop.close()


def test_connections_made_one_after_the_other_are_shared_too(start: StartServer) -> None:
    server = start(workers=3)
    held = [connection for _ in range(9) for connection in server.connect(1) if ask(connection)]
    assert server.shares(held) == [3, 3, 3]


def test_a_closed_connection_makes_room_for_the_next_one_on_the_same_worker(start: StartServer) -> None:
    server = start()
    held = server.connect(8)
    leaving = [connection for connection in held if ask(connection)["pid"] == server.processes[0].pid]
    for connection in leaving:
        ask(connection, Connection="close")
    assert server.shares(server.connect(4)) == [4, 0]


def test_the_peers_of_a_killed_worker_take_all_connections(start: StartServer) -> None:
    server = start()
    server.shares(server.connect(4))
    server.processes[0].kill()
    server.processes[0].wait()
    assert server.shares(server.connect(20)) == [0, 20]


def test_a_frozen_worker_is_passed_over_until_it_moves_again(start: StartServer) -> None:
    server = start(patience=SHORT)
    os.kill(server.processes[0].pid, signal.SIGSTOP)
    began = time.monotonic()
    assert server.shares(server.connect(20)) == [0, 20]
    assert time.monotonic() - began < 1
    os.kill(server.processes[0].pid, signal.SIGCONT)
    until_answered_by(server, server.processes[0].pid)
    assert server.shares(server.connect(10)) == [10, 0]


def test_a_worker_that_waits_for_a_peer_goes_on_when_its_own_count_falls_to_the_peers(start: StartServer) -> None:
    server = start()
    ours, theirs = (process.pid for process in server.processes)
    holder = {ask(connection)["pid"]: connection for connection in server.connect(4)}
    ask(holder[theirs], Connection="close")
    os.kill(theirs, signal.SIGSTOP)
    waiting = server.connect(1)[0]
    ask(holder[ours], Connection="close")
    assert ask(waiting)["pid"] == ours


def test_a_worker_that_steps_back_leaves_connections_to_its_peer_until_that_steps_back_too(start: StartServer) -> None:
    server = start()
    pair = server.connect(2)
    first = ask(pair[0], "/step-back")["pid"]
    answers = [ask(connection)["pid"] for connection in server.connect(6)]
    assert first not in answers
    ask(pair[1], "/step-back")
    answers = [ask(connection)["pid"] for connection in server.connect(6)]
    assert answers.count(first) == 6


def test_a_worker_without_descriptors_leaves_connections_to_its_peer_and_recovers(start: StartServer) -> None:
    server = start(patience=SHORT)
    pair = server.connect(2)
    starved = ask(pair[0], "/starve")["pid"]
    answers = [ask(connection)["pid"] for connection in server.connect(8)]
    assert starved not in answers
    ask(pair[0], "/feed")
    until_answered_by(server, starved)


def test_a_peer_that_cannot_be_rung_is_left_to_its_patience(start: StartServer, tmp_path: Path) -> None:
    server = start(workers=1)
    counts = ConnectionCounts(tmp_path / "run", server.socket)
    (held,) = server.connect(1)
    ask(held)
    server.connect(1)
    for _ in range(2):  # the second answer comes after the worker has met the connection, and waits for us to take it
        ask(held)
    first_bell = tmp_path / "run" / "accept.0"
    first_bell.unlink()
    first_bell.mkdir()
    counts.add(1)
    assert counts.mine == 1
    counts.leave()


def test_tls_connections_are_shared_out_alike(start: StartServer, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    certificate = tmp_path / "certificate.pem"
    request = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout {certificate} -out {tmp_path}/public.pem"
    subprocess.run([openssl, *request.split()], check=True, capture_output=True)
    with certificate.open("a") as file:
        file.write((tmp_path / "public.pem").read_text())
    server = start(certificate=certificate)
    assert server.shares(server.connect(4)) == [2, 2]


def test_workers_of_another_server_in_the_same_folder_do_not_count(start: StartServer, tmp_path: Path) -> None:
    server = start(workers=1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        counts = ConnectionCounts(tmp_path / "run", other)
        counts.add(1)
        assert counts.peers_with_fewer() == {}
        counts.leave()
    counts = ConnectionCounts(tmp_path / "run", server.socket)
    counts.add(1)
    assert len(counts.peers_with_fewer()) == 1
    counts.leave()


async def test_a_socket_that_is_not_inherited_is_served_as_before(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    install_fair_accept(loop, tmp_path / "run", keep_alive=75)
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    assert isinstance(server, asyncio.Server)
    server.close()
    await server.wait_closed()
    assert not (tmp_path / "run").exists()


async def test_a_folder_that_cannot_be_shared_is_said_and_served_as_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("in the way")
    loop = asyncio.get_running_loop()
    install_fair_accept(loop, tmp_path / "run", keep_alive=75)
    with socket.create_server(("127.0.0.1", 0)) as listener, caplog.at_level(logging.WARNING):
        server = await loop.create_server(asyncio.Protocol, sock=listener)
        assert isinstance(server, asyncio.Server)
        server.close()
    assert "do not share connections evenly" in caplog.text
    assert str(tmp_path) not in caplog.text
