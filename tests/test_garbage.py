from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

from serving import garbage


class Ring:
    def __init__(self) -> None:
        self.itself = self


def test_what_stands_is_not_looked_at_again_and_what_comes_later_is_collected() -> None:
    garbage.pause()
    try:
        before, paused = weakref.ref(Ring()), not gc.isenabled()
        garbage.resume()
        after = weakref.ref(Ring())
        gc.collect()
        assert paused and gc.isenabled()
        assert before() is not None and after() is None
    finally:
        gc.unfreeze()
        gc.enable()


def test_a_worker_collects_nothing_until_it_has_started(root: Path, tmp_path: Path) -> None:
    settings = {"LENS_HOME": str(tmp_path), "BENTOML_HOME": str(tmp_path), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.started_worker"]
    done = subprocess.run(
        command, cwd=root, env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1] if done.stdout else "{}")
    assert found["paused"] and found["collects"]
    assert found["kept"] > 50_000
