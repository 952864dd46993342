"""The registry over a real PostgreSQL, started for these tests where one is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from serving.errors import ServiceError
from serving.registry.database import Database, registry_url
from serving.registry.generation import PostgresGeneration
from serving.registry.records import ModelKey
from serving.registry.registry import Registry
from serving.registry.schema import metadata
from serving.traffic.body import parse_plan
from serving.traffic.running import Running
from tests.registry.registering import Worker, assert_whole, opened, processes, register
from tests.scripts.commands import Command

LISTENING = "datname = current_database() AND query = 'SELECT generation FROM state' AND state = 'idle'"


def _programs() -> Path:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server is installed here")
    return found[-1].parent


def _run(*command: object) -> None:
    # The server refuses to run as root.
    as_user = ["su", "postgres", "-s", "/bin/sh", "-c", 'exec "$0" "$@"', "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, *map(str, command)], check=True, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="lens-postgres-"))
    port = _free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    _run(programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "--no-sync")
    _run(programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-o", options, "-w", "start")
    yield f"postgresql://postgres@127.0.0.1:{port}"
    _run(programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """A fresh database on that server."""
    import psycopg

    name = f"t{abs(hash(request.node.name))}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def registry(url: str, tmp_path: Path) -> Iterator[Registry]:
    with opened(tmp_path, url) as registry:
        yield registry


def test_processes_that_start_at_once_migrate_once(url: str, tmp_path: Path) -> None:
    children = [processes.Process(target=_open, args=(tmp_path / str(number), url)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()

    assert [child.exitcode for child in children] == [0] * 3
    database = Database(registry_url(tmp_path, url))
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_processes_that_upload_one_name_keep_every_version(registry: Registry, url: str) -> None:
    children = [processes.Process(target=_register, args=(registry.home, url)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()

    assert [version.key.version for version in registry.versions()] == [f"v{number}" for number in range(1, 10)]
    assert_whole(registry, {})


def test_the_rules_are_those_of_sqlite(registry: Registry) -> None:
    v1, v2 = register(registry), register(registry)
    assert registry.make_live(v1, default=True, actor="tester") == 1
    assert (registry.resolve(None), registry.generation()) == (v1, 1)

    for call, code in (
        (lambda: registry.delete(v1), "conflict"),
        (lambda: register(registry, version="v2"), "version_exists"),
        (lambda: registry.make_live(ModelKey("iris", "v9"), default=True, actor="tester"), "model_not_found"),
    ):
        with pytest.raises(ServiceError) as caught:
            call()
        assert caught.value.code == code

    registry.delete(v2)
    assert registry.generation() == 2
    assert str(register(registry)) == "iris@v3"


def test_aliases_plans_rollbacks_and_the_history_are_those_of_sqlite(registry: Registry, url: str) -> None:
    v1, v2, v3 = (register(registry, bytes([number])) for number in range(3))
    for key in (v1, v2):
        registry.make_live(key, default=True, actor="tester")
    registry.set_alias("iris", "champion", "v1", actor="tester")
    plan = Running(parse_plan({"id": "iris", "weights": {"v2": 33.33, "v3": 66.67}, "guards": {"p99_ms": 9}}), 1000.5)
    generation = registry.set_traffic(plan, actor="tester", reason="because")
    with opened(registry.home, url) as other:
        routing = other.refresh()
        assert (routing.generation, routing.live, routing.default_id) == (generation, {"iris": "v2"}, "iris")
        assert (routing.aliases, routing.traffic) == ({"iris": {"champion": "v1"}}, {"iris": plan})
        first = other.page(None, after=None, limit=2)
        rest = other.page(None, after=first[-1].place, limit=2)
        assert [each.key for each in first + rest] == [v1, v2, v3]

    for key in (v1, v3):
        with pytest.raises(ServiceError, match=r"alias|plan"):
            registry.delete(key)
    registry.roll_back("iris", registry.before_now("iris"), actor="tester")
    assert (registry.resolve(None), registry.routing().traffic) == (v1, {})
    registry.delete(v3)
    kinds = [change.kind for _, change in registry.history("iris", limit=4)]
    assert kinds == ["delete", "traffic", "rollback", "traffic"]


def test_a_backup_with_a_dump_of_the_rows_restored_elsewhere_is_the_same_store(
    registry: Registry, server: str, url: str, tmp_path: Path
) -> None:
    key = register(registry, b"kept")
    registry.make_live(key, default=True, actor="tester")
    dump, archive, elsewhere = tmp_path / "rows.sql", tmp_path / "lens.tar", f"{url}_elsewhere"
    subprocess.run([_programs() / "pg_dump", "--file", dump, url], check=True)
    backup = Command(registry.home, LENS_DATABASE_URL=url)
    assert "pg_dump" in backup.says("backup", archive)
    assert backup.answers("backup", archive, "--force")["rows"] == "postgresql"

    subprocess.run(
        [_programs() / "createdb", "--maintenance-db", f"{server}/postgres", elsewhere.rsplit("/")[-1]], check=True
    )
    subprocess.run([_programs() / "psql", "--quiet", "--file", dump, elsewhere], check=True, stdout=subprocess.DEVNULL)
    restored = Command(tmp_path / "restored", LENS_DATABASE_URL=elsewhere)
    assert "pg_dump" in restored.says("restore", archive)
    with opened(tmp_path / "restored", elsewhere) as other:
        assert other.resolve(None) == key
        assert_whole(other, {key: registry.get(key).sha256})


def test_another_process_hears_of_a_change_by_notification(registry: Registry, url: str) -> None:
    key = register(registry)
    database = Database(registry_url(registry.home, url))
    generation = PostgresGeneration(database, poll=3600)
    try:
        assert generation.read() == 0
        while not _listens(database):
            pass

        registry.make_live(key, default=True, actor="tester")

        while generation.read() != 1:  # the test's own time limit ends this if it never comes
            threading.Event().wait(0.001)
    finally:
        generation.close()
        database.close()


def test_a_server_that_went_away_is_followed_again_when_it_is_back(registry: Registry, url: str) -> None:
    key = register(registry)
    database = Database(registry_url(registry.home, url))
    generation = PostgresGeneration(database, poll=0.05)
    try:
        while not _listens(database):
            pass
        with database.write() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {LISTENING}")
        registry.make_live(key, default=True, actor="tester")

        while generation.read() != 1:
            threading.Event().wait(0.001)
    finally:
        generation.close()
        database.close()


def test_an_activation_is_answered_when_every_worker_has_heard_of_it(registry: Registry, url: str) -> None:
    keys = [register(registry, bytes([number])) for number in range(2)]
    registry.make_live(keys[0], default=True, actor="tester")
    one, two = Worker(registry.home, url), Worker(registry.home, url)
    try:
        one.call("start")
        two.call("start")
        for key in (keys[1], keys[0], keys[1]):
            assert one.call("activate", key).live_on == "2/2"
            assert one.call("live") == (key, True)
            assert two.call("live") == (key, True)
    finally:
        one.stop()
        two.stop()


def _listens(database: Database) -> bool:
    with database.read() as connection:
        rows = connection.exec_driver_sql(f"SELECT pid FROM pg_stat_activity WHERE {LISTENING}").all()
    return len(rows) >= 2  # the registry's own, and the one that is tested


def _open(home: Path, url: str) -> None:
    with opened(home, url) as registry:
        assert registry.generation() == 0


def _register(home: Path, url: str) -> None:
    with opened(home, url) as registry:
        for number in range(3):
            register(registry, f"{os.getpid()}-{number}".encode())
