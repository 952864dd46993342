from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

from sqlalchemy import update

from serving.registry.bell import Bell
from serving.registry.registry import Registry
from serving.registry.schema import state
from tests.registry.registering import opened, processes, register


def test_what_one_process_rings_another_hears(tmp_path: Path) -> None:
    here, there = Bell(tmp_path / "bell"), Bell(tmp_path / "bell")

    here.ring(2**40)
    heard = there.number()
    there.silence()

    assert (heard, here.number()) == (2**40, 0)
    here.close()
    there.close()


def test_while_a_change_is_written_the_row_is_asked_and_after_it_the_bell_rings_again(tmp_path: Path) -> None:
    with opened(tmp_path) as writer, opened(tmp_path) as reader:
        writer.make_live(register(writer), default=True, actor="tester")
        bell = Bell(tmp_path / "lens.db-generation")
        assert reader.generation() == 1

        with writer._database.write() as connection:
            connection.execute(update(state).values(generation=2))
            writer._generation.moved(connection, 2)
            assert (bell.number(), reader.generation(), bell.number()) == (0, 1, 0)

        assert (bell.number(), reader.generation(), bell.number()) == (0, 2, 2)
        bell.close()


def test_a_change_that_is_rolled_back_leaves_the_number_that_was(tmp_path: Path) -> None:
    with opened(tmp_path) as registry:
        key = register(registry)
        registry.make_live(key, default=True, actor="tester")
        try:
            with registry._database.write() as connection:
                registry._generation.moved(connection, 2)
                raise LookupError
        except LookupError:
            pass

        assert registry.generation() == 1
        assert registry.find(None).key == key


def test_a_process_that_dies_before_or_after_its_commit_is_not_believed_blindly(tmp_path: Path) -> None:
    with opened(tmp_path) as registry:
        registry.make_live(register(registry), default=True, actor="tester")
        for commits, expected in ((False, 1), (True, 2)):
            child = processes.Process(target=_die_in_a_change, args=(tmp_path, commits))
            child.start()
            child.join()

            assert child.exitcode == -signal.SIGKILL
            assert registry.generation() == expected


def test_a_database_that_was_exchanged_while_nothing_ran_is_believed_and_not_the_bell(tmp_path: Path) -> None:
    with opened(tmp_path) as registry:
        registry.make_live(register(registry), default=True, actor="tester")
        assert registry.generation() == 1
    with sqlite3.connect(tmp_path / "lens.db") as connection:
        connection.execute("UPDATE state SET generation = 7")
    connection.close()

    with opened(tmp_path) as registry:
        assert registry.generation() == 7


def _die_in_a_change(home: Path, commits: bool) -> None:
    registry = Registry.open(home)
    with registry._database.write() as connection:
        connection.execute(update(state).values(generation=2))
        registry._generation.moved(connection, 2)
        if not commits:
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
