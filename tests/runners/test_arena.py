from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from runners.arena import ARENA, Arena
from tests.clock import FakeClock

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


_GREEDY = """
import json, sys
from pathlib import Path
import numpy as np
import psutil
from runners.arena import ARENA, Arena
from tests.clock import FakeClock
from runners.errors import InferenceFailed
from runners.session import OnnxSession
from tests.runners.onnx_files import CPU, INT64, one_tensor_spec, zeros

ARENA.limit(64 << 20)
session = OnnxSession(zeros(Path(sys.argv[1])), one_tensor_spec((1,), dtype=INT64), threads=1, providers=CPU)
count = lambda n: session.run({"x": np.array([n], np.int64)})["y"].item()
answers = [count(1000)]
try:
    count(1 << 29)
except InferenceFailed as error:
    answers.append(str(error))
answers.append(count(1000))
print(json.dumps([answers, psutil.Process().memory_info().rss]))
"""


def test_a_run_whose_numbers_ask_for_more_than_the_limit_fails_and_the_others_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _GREEDY, tmp_path / "m.onnx"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)

    (few, refusal, again), used = json.loads(done.stdout)
    assert few == again == 0
    assert refusal.startswith("The model could not run on these inputs: ")
    assert "/" not in refusal and ".cc" not in refusal
    assert used < 400 * MB


def test_single_runs_put_off_what_a_burst_is_owed_but_not_for_ever() -> None:
    clock = FakeClock(0.0)
    arena = Arena(rest=2.0, patience=30.0, clock=clock)

    arena.ran(8)
    assert arena.gives_back_at() == 2.0
    clock.now = 1.5
    arena.ran(1)
    assert arena.gives_back_at() == 3.5
    clock.now = 29.0
    arena.ran(1)
    assert arena.gives_back_at() == 30.0
    arena.owe()
    assert arena.gives_back_at() == 31.0
