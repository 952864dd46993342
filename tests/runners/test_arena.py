from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest

from runners.arena import ARENA

MB = 1_000_000

# In a process of its own: the arena of this one holds what other tests took.
_BURSTS = """
import json, sys, time
from pathlib import Path
import numpy as np
import psutil
from runners.session import OnnxSession
from tests.runners.onnx_files import CPU, doubling, one_tensor_spec

used = lambda: psutil.Process().memory_info().rss
spec = one_tensor_spec(("N", 250_000), ("N", 250_000))
path = doubling(Path(sys.argv[1]), ("N", 250_000))
sessions = [OnnxSession(path, spec, threads=1, providers=CPU) for _ in range(3)]
one, many = (np.zeros((rows, 250_000), np.float32) for rows in (1, 100))
many[:] = 1
for session in sessions:
    session.run({"x": one})
seen = [used()]
for session in sessions:
    session.run({"x": many})
seen.append(used())
ends = time.monotonic() + 20
while used() > seen[0] + 10_000_000 and time.monotonic() < ends:
    time.sleep(0.05)
seen.append(used())
answers = [float(session.run({"x": many})["y"].sum()) for session in sessions]
print(json.dumps([seen, answers]))
"""


@pytest.fixture(scope="module")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[int], list[float]]:
    """Memory before, at the end of and after a burst of 100 MB on each of three sessions, and answers after that."""
    path = tmp_path_factory.mktemp("arena") / "m.onnx"
    done = subprocess.run([sys.executable, "-c", _BURSTS, path], check=True, capture_output=True, timeout=60)
    seen, answers = json.loads(done.stdout)
    return seen, answers


def test_sessions_share_what_a_burst_takes(bursts: tuple[list[int], list[float]]) -> None:
    before, full, _ = bursts[0]
    assert 90 * MB < full - before < 200 * MB


def test_what_a_burst_took_is_given_back_at_rest(bursts: tuple[list[int], list[float]]) -> None:
    before, _, after = bursts[0]
    assert after < before + 10 * MB


def test_sessions_answer_as_before_once_it_was_given_back(bursts: tuple[list[int], list[float]]) -> None:
    assert bursts[1] == [2.0 * 100 * 250_000] * 3


def test_freed_memory_goes_back_to_the_system() -> None:
    process = psutil.Process()
    # Small pieces lie in the heap and not in mappings of their own; the last one holds the heap's end in place.
    pieces = [bytes(2000) for _ in range(100_000)]
    last = bytes(2000)
    full = process.memory_info().rss
    del pieces

    ARENA.give_back()

    assert process.memory_info().rss < full - 150_000_000
    del last
