"""The memory that models compute in: one arena for all sessions of a process, and at rest the system has it back.

By itself every session of ONNX Runtime has an arena of its own, which keeps for ever what its largest batch took.
"""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

_HEAPS = {-3: 32 << 20, -1: 16 << 20, -8: 2}
"""``M_MMAP_THRESHOLD`` and ``M_TRIM_THRESHOLD`` of glibc's ``mallopt``, in bytes, and ``M_ARENA_MAX``.

Every thread would have a heap, up to eight a core, and each load has a new thread: with two heaps for all, two workers
had 1.00 to 1.04 times the memory of before after 24 swaps under load, where it was 1.06 to 1.12.
``malloc_trim`` leaves the ends of all heaps but the first alone: after 20 swaps four workers had 1.3 to 1.5 times the
memory of before, and 0.95 to 0.99 times with the thresholds.  By itself the second grows with the first, to twice it.
The second is over what a picture of a few megapixels takes: with 2 MiB its pages went back to the system and came again
for each picture, 3.5 of 16 ms for one of two megapixels.
"""

REST_S = 2.0
"""Seconds without any run, and without an unload, after which a burst is over: who takes memory again at once should
not have to fetch it from the system, nor wait while it goes back.
"""

PATIENCE_S = 30.0
"""Seconds without a run of several rows, and without an unload, after which it is over though single rows still run:
their callers then fetch from the system what they need, which is felt for 0.2 s.
"""

_SHARED = (
    ("session.use_env_allocators", "1"),
    # Weights among what comes and goes would hold whole regions of the arena in place.
    ("session.use_device_allocator_for_initializers", "1"),
)


class Arena:
    """Lends memory to sessions; a thread of its own gives it back when a burst is over, and sleeps until the next.

    What is lent at that moment stays.  Safe to use from several threads; one object a process, because ONNX Runtime
    has one such arena.
    """

    def __init__(
        self, rest: float = REST_S, patience: float = PATIENCE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rest = rest
        self._patience = patience
        self._clock = clock
        self._opening = threading.Lock()
        self._most: int | None = None
        self._nothing: Any = None
        self._ran_at = self._owed_at = -math.inf
        self._owes = threading.Event()

    def limit(self, most: int) -> None:
        """Let a run fail that would take more than ``most`` bytes, together with the others; before the first session.

        Where the size of a tensor follows from a caller's numbers, one call could else end the process.
        """
        self._most = most

    def lend(self, options: Any) -> None:
        """Have the session that is opened with ``options`` (ONNX Runtime's) compute in this arena."""
        for name, value in _SHARED:
            options.add_session_config_entry(name, value)
        with self._opening:
            if self._nothing is None:
                self._open()

    def ran(self, rows: int) -> None:
        """A run of so many rows has ended; only several leave something to give back.  Less than a microsecond."""
        self._ran_at = self._clock()
        if rows > 1:
            self.owe()

    def owe(self) -> None:
        """There is something to give back at the next rest.  Less than a microsecond."""
        self._owed_at = self._clock()
        if not self._owes.is_set():
            self._owes.set()

    def gives_back_at(self) -> float:
        """When what is owed is due, on the clock; every run may put that off."""
        return min(max(self._ran_at, self._owed_at) + self._rest, self._owed_at + self._patience)

    def give_back(self) -> None:
        """Give the system what no run has at this moment, and what the C library keeps of what was freed."""
        if self._nothing is not None:
            shrinking = ort.RunOptions()
            shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
            self._nothing.run(None, {"x": np.zeros(1, np.float32)}, shrinking)
        _tell_allocator("malloc_trim", 0)

    def _open(self) -> None:
        for parameter, size in _HEAPS.items():
            _tell_allocator("mallopt", parameter, size)
        place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
        limits = {} if self._most is None else {"max_mem": self._most}
        ort.create_and_register_allocator(place, ort.OrtArenaCfg(limits))
        self._nothing = _session_of_nothing()
        threading.Thread(target=self._keep, name="lens-arena", daemon=True).start()

    def _keep(self) -> None:
        while True:
            self._owes.wait()
            self._owes.clear()
            while (wait := self.gives_back_at() - self._clock()) > 0:
                time.sleep(wait)
            self.give_back()


def _tell_allocator(function: str, *arguments: int) -> None:
    with suppress(OSError, AttributeError):  # a C library that has no such function
        getattr(ctypes.CDLL(None), function)(*arguments)


def _session_of_nothing() -> Any:
    """An arena shrinks at the end of a run that asks for it: this one costs nothing."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "nothing", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    for name, value in _SHARED:
        options.add_session_config_entry(name, value)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


ARENA = Arena()
"""The process's own; its thread starts with the first session."""
