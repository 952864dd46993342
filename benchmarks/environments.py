"""The environments of the benchmark: one virtual environment a peer, in ``.bench/``, made from its pinned requirements.

``python -m benchmarks.environments [NAME ...]`` makes what is missing or was pinned otherwise, and leaves the rest.
A peer that cannot be installed stays absent, with its reason, and every report says so.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".bench"
_BENCHMARKS = ROOT / "benchmarks"
_STAMP, _REASON = "installed", "reason"
STANDS = "stands"
_REASON_CHARACTERS = 300


def requirements() -> dict[str, Path]:
    """The pinned requirements of each environment, by name."""
    peers = {path.stem: path for path in sorted((_BENCHMARKS / "peers" / "requirements").glob("*.txt"))}
    return {**peers, "locust": _BENCHMARKS / "requirements-locust.txt"}


def pins(name: str) -> list[str]:
    """What the environment ``name`` is pinned to, as ``package==version``."""
    return [line for line in requirements()[name].read_text().splitlines() if line and not line.startswith("#")]


def python_of(name: str) -> Path:
    """The interpreter of the environment ``name``."""
    return FOLDER / name / "bin" / "python"


def why_absent(name: str) -> str | None:
    """Why the environment ``name`` cannot be used; None where it can."""
    if _installed(name):
        return None
    reason = FOLDER / name / _REASON
    return reason.read_text() if reason.is_file() else f"not installed; python -m benchmarks.environments {name}"


def make(name: str) -> None:
    """Make the environment ``name`` anew from its requirements.

    Raises:
        RuntimeError: pip could not install them; its last words are kept for ``why_absent``.
    """
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    command = [str(python_of(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    finished = subprocess.run([*command, str(requirements()[name])], capture_output=True, text=True, check=False)
    if finished.returncode:
        reason = _last_error(finished.stderr)
        (folder / _REASON).write_text(reason)
        raise RuntimeError(reason)
    (folder / _STAMP).write_text(_digest(name))


def make_where_needed(name: str) -> str:
    """Make the environment ``name`` unless it stands as pinned; answers what came of it."""
    if _installed(name):
        return STANDS
    print(f"{name}: installing {requirements()[name].relative_to(ROOT)} ...", file=sys.stderr, flush=True)
    try:
        make(name)
    except RuntimeError as error:
        return f"absent: {error}"
    return "installed"


def main() -> None:
    """Make the environments that are asked for, and say what was done with each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(requirements())}; default: all")
    names = parser.parse_args().names or list(requirements())
    if unknown := set(names) - set(requirements()):
        parser.error(f"no environment is called {', '.join(sorted(unknown))}")
    for name in names:
        print(f"{name}: {make_where_needed(name)}", flush=True)


def _installed(name: str) -> bool:
    stamp = FOLDER / name / _STAMP
    return stamp.is_file() and stamp.read_text() == _digest(name)


def _digest(name: str) -> str:
    return hashlib.sha256(requirements()[name].read_bytes()).hexdigest()


def _last_error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("ERROR")] or text.splitlines()[-1:] or ["pip failed"]
    return " ".join(lines).replace(str(ROOT), ".")[-_REASON_CHARACTERS:]


if __name__ == "__main__":
    main()
