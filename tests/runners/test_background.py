from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from runners.background import NICER, in_background
from runners.fusion import fuse
from runners.runner import OnnxRunner
from runners.warmup import warm_up
from tests.graphs import mean_color_classifier
from tests.runners.onnx_files import CPU, FUSED, doubling, one_tensor_spec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")


def nice(thread: int | None) -> int:
    assert thread is not None
    return os.getpriority(os.PRIO_PROCESS, thread)


def mine() -> int:
    return nice(threading.get_native_id())


@contextmanager
def called_at(function: Callable[..., object]) -> Iterator[list[int]]:
    """The nice values of the new threads that call ``function`` meanwhile."""
    found: list[int] = []
    code = function.__code__

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is code:
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

    with called_at(warm_up) as found:
        runner.load("m", doubling(tmp_path / "m.onnx"), one_tensor_spec())

    assert found == [min(19, mine() + NICER)]
    watchdogs = [thread for thread in threading.enumerate() if thread.name == "lens-watchdog"]
    assert [nice(each.native_id) for each in watchdogs] == [mine() for _ in watchdogs]
    assert watchdogs
    runner.close()


def test_a_model_whose_own_threads_compute_is_warmed_at_the_usual_priority(tmp_path: Path) -> None:
    """They would keep the low one."""
    runner = OnnxRunner(threads=2, providers=CPU, max_batch=8, max_queue=8)

    with called_at(warm_up) as found:
        runner.load("m", doubling(tmp_path / "m.onnx"), one_tensor_spec())

    assert found == []
    runner.close()


def test_the_part_that_holds_the_interpreter_is_not_done_at_low_priority(tmp_path: Path) -> None:
    """Whoever holds it and waits for a core keeps the event loop waiting as well."""
    runner = OnnxRunner(threads=1, providers=CPU, max_batch=8, max_queue=8)
    (tmp_path / "m.onnx").write_bytes(mean_color_classifier())

    with called_at(fuse) as fused, ThreadPoolExecutor(1) as pool:
        pool.submit(runner.load, "m", tmp_path / "m.onnx", FUSED).result()

    assert fused == [mine()]
    runner.close()
