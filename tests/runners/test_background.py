from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from runners.background import NICER, in_background
from runners.runner import OnnxRunner
from runners.warmup import warm_up
from tests.runners.onnx_files import CPU, doubling, one_tensor_spec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")


def nice(thread: int | None) -> int:
    assert thread is not None
    return os.getpriority(os.PRIO_PROCESS, thread)


def mine() -> int:
    return nice(threading.get_native_id())


@contextmanager
def warming_at() -> Iterator[list[int]]:
    """The nice values of the new threads that warm models up meanwhile."""
    found: list[int] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is warm_up.__code__:
            found.append(mine())

    threading.setprofile(note)
    try:
        yield found
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]  # as its documentation says


def test_work_is_done_at_lower_priority_and_its_caller_keeps_his_own() -> None:
    before = mine()

    assert in_background(mine) == min(19, before + NICER)
    assert mine() == before


def test_what_work_raises_is_its_caller_s() -> None:
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0)


def test_a_model_is_warmed_at_lower_priority_and_the_thread_that_ends_runs_keeps_the_usual_one(tmp_path: Path) -> None:
    runner = OnnxRunner(threads=1, providers=CPU, max_batch=8, max_queue=8)

    with warming_at() as found:
        runner.load("m", doubling(tmp_path / "m.onnx"), one_tensor_spec())

    assert found == [min(19, mine() + NICER)]
    watchdogs = [thread for thread in threading.enumerate() if thread.name == "lens-watchdog"]
    assert [nice(each.native_id) for each in watchdogs] == [mine() for _ in watchdogs]
    assert watchdogs
    runner.close()


def test_a_model_whose_own_threads_compute_is_warmed_at_the_usual_priority(tmp_path: Path) -> None:
    """They would keep the low one."""
    runner = OnnxRunner(threads=2, providers=CPU, max_batch=8, max_queue=8)

    with warming_at() as found:
        runner.load("m", doubling(tmp_path / "m.onnx"), one_tensor_spec())

    assert found == []
    runner.close()
