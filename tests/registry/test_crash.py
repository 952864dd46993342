from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from serving.registry.records import ModelKey
from serving.registry.registry import Registry
from tests.registry.registering import assert_whole, die_at_touch, opened, processes, register, register_many

TOUCHES = range(1, 39)
"""A registration touches the file system 38 times; a deletion about as often."""


def survives_touch(number: int, home: Path, work: Callable[[Registry], object]) -> bool:
    """Whether ``work`` was done before its ``number``-th touch of the file system would have killed it."""
    child = processes.Process(target=die_at_touch, args=(number, home, work))
    child.start()
    child.join()
    return child.exitcode == 0


def test_a_registration_killed_at_any_touch_of_the_disk_is_there_or_never_was(tmp_path: Path) -> None:
    kills = 0
    with opened(tmp_path) as registry:
        before = register(registry, b"before")
        acknowledged = {before: registry.get(before).sha256}
        for touch in TOUCHES[::2]:
            killed = not survives_touch(touch, tmp_path, partial(register, content=b"killed"))
            kills += killed
            assert_whole(registry, acknowledged)

    assert kills >= 18


def test_registrations_killed_at_random_moments_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: dict[ModelKey, str] = {}
    chance = random.Random(7)
    with opened(tmp_path) as registry:
        for _ in range(8):
            ours, theirs = processes.Pipe(duplex=False)
            child = processes.Process(target=register_many, args=(tmp_path, 1000, theirs))
            child.start()
            theirs.close()
            acknowledged.update([ours.recv()])
            threading.Event().wait(chance.uniform(0, 0.1))
            child.kill()
            child.join()
            while ours.poll():
                try:
                    acknowledged.update([ours.recv()])
                except EOFError:
                    break
            assert_whole(registry, acknowledged)

    assert len(acknowledged) >= 8


def test_a_deletion_killed_at_any_touch_of_the_disk_is_done_or_undone(tmp_path: Path) -> None:
    doomed = ModelKey("iris", "doomed")
    with opened(tmp_path) as registry:
        register(registry, version="kept")
        for touch in TOUCHES[::4]:
            if not registry.has(doomed):
                register(registry, version="doomed")
            survives_touch(touch, tmp_path, partial(Registry.delete, key=doomed))
            assert_whole(registry, {})


def test_a_version_whose_upload_was_killed_can_be_uploaded_again_without_a_restart(tmp_path: Path) -> None:
    v1 = ModelKey("iris", "v1")
    with opened(tmp_path) as registry:
        for touch in TOUCHES[24::2]:
            survives_touch(touch, tmp_path, partial(register, content=b"killed", version="v1"))
            if not registry.has(v1):
                assert register(registry, version="v1") == v1
            registry.delete(v1)
        assert_whole(registry, {})
