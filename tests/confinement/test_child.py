"""Whatever a child does, its parent gets an answer or one clear reason, in time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from serving.confinement.child import ChildFailed, Limits, ask_child
from tests.confined import gave_up_rights
from tests.waiting import until

BRIEF = Limits(seconds=20, memory_mb=256)


def ask(habit: str, limits: Limits = BRIEF, *, scratch: Path | None = None, **more: Any) -> dict[str, Any]:
    request = {"habit": habit, **more}
    return ask_child("tests.confinement.misbehaving", request, limits, task="its test", scratch=scratch)


def refusal(habit: str, limits: Limits = BRIEF, **more: Any) -> ChildFailed:
    with pytest.raises(ChildFailed) as failed:
        ask(habit, limits, **more)
    return failed.value


def test_a_good_child_answers() -> None:
    assert ask("good", text="grüß dich") == {"echo": "grüß dich"}


def test_the_parts_that_a_child_tells_are_heard_in_their_order_before_its_answer() -> None:
    heard, parts = list[str](), ["reading", "grüße", "x" * 100_000]
    answer = ask_child("tests.confinement.telling", {"parts": parts}, BRIEF, task="its test", hear=heard.append)
    assert (heard, answer) == (parts, {"told": 3})


def test_what_a_child_prints_is_no_part_of_its_answer() -> None:
    assert ask("chatty") == {}


@pytest.mark.parametrize(
    ("habit", "reason"),
    [
        ("crash", "crashed the process of its test (SIGSEGV)"),
        ("leave", "ended the process of its test"),
        ("fail", "could not be examined (RuntimeError)"),
    ],
)
def test_how_a_child_died_is_told_without_where(habit: str, reason: str) -> None:
    failure = refusal(habit)
    assert reason in str(failure) and "misbehaving.py" not in str(failure)


def test_a_refusal_keeps_its_code_and_its_reason() -> None:
    failure = refusal("refuse")
    assert (failure.code, str(failure)) == ("invalid_model", "It is not wanted.")


@pytest.mark.parametrize("habit", ["hang", "spin"])
def test_a_child_that_does_not_return_is_ended_in_time(habit: str) -> None:
    began = time.monotonic()
    assert "within 2 seconds" in str(refusal(habit, Limits(seconds=2, memory_mb=256)))
    assert time.monotonic() - began < 5


def test_memory_ends_where_it_was_said_to() -> None:
    assert "more than the 256 MiB" in str(refusal("eat", bytes=1 << 30))
    assert ask("eat", Limits(seconds=20, memory_mb=None), bytes=1 << 29) == {"bytes": 1 << 29}


def test_a_child_writes_nothing_unless_it_may_and_then_only_so_much(tmp_path: Path) -> None:
    refusal("write", scratch=tmp_path, bytes=1)
    assert list(tmp_path.iterdir()) == []
    roomy = Limits(seconds=20, memory_mb=256, file_mb=1)
    assert ask("write", roomy, scratch=tmp_path, bytes=1 << 19) == {"folder": str(tmp_path)}
    refusal("write", roomy, scratch=tmp_path, bytes=1 << 21)
    assert (tmp_path / "large").stat().st_size <= 1 << 20


ASKING = """
from serving.confinement.child import Limits, ask_child
ask_child("tests.confinement.misbehaving", {"habit": "hang"}, Limits(60, 256), task="its test")
"""


def test_a_child_ends_with_its_parent_even_where_that_is_killed(root: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ASKING], cwd=root) as parent:
        child = limited_child(psutil.Process(parent.pid))
        parent.kill()
    assert psutil.wait_procs([child], timeout=10) == ([child], [])


def limited_child(parent: psutil.Process) -> psutil.Process:
    """The child of ``parent``, once it has given up its rights."""
    return until(lambda: [child for child in parent.children() if gave_up_rights(child)])[0]
