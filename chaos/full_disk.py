"""A disk that fills up: what does not fit is refused and leaves nothing, everything else goes on, deleting makes room.

``python -m chaos.full_disk FOLDER STEPS`` is the part that runs where FOLDER is a small disk.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.book import Activate, Delete, Name, Operation, Register, Seen, Shelf, after, judge
from chaos.calls import Done, Refused, Reply, perform, status_of
from chaos.findings import Findings, table
from chaos.look import Silent, look, store_losses
from chaos.plan import Plan
from chaos.service import ROOT, Service, Unwell, running

TITLE = "A full disk"
DISK_MB, MODEL_MB = 48, 2
MOST_SECONDS = 300
STEP_KB = 16
"""Free space, KiB, between two of the amounts that are tried."""
_ID = "full"
_STATUSES = (503, 507)


def beat(plan: Plan, folder: Path) -> Findings:
    """Run the service with its state on a small disk of its own, where this system lets us have one."""
    disk = folder / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size={DISK_MB}m tmpfs "{disk}" && exec "$@"'
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if not shutil.which("unshare") or subprocess.run([*own_mounts, "true"], capture_output=True).returncode:
        return Findings(TITLE, skipped="this system does not let a command mount a small disk of its own")
    command = [*own_mounts, sys.executable, "-m", "chaos.full_disk", str(disk), str(plan.ballast_steps)]
    trial = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        answer, _ = trial.communicate(timeout=MOST_SECONDS)
    except BaseException as error:
        trial.terminate()  # and not kill: it has a service to end
        trial.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return Findings(TITLE, losses=(f"it took more than {MOST_SECONDS} s",))
    if trial.returncode:
        return Findings(TITLE, losses=(f"the run itself ended with {trial.returncode}",))
    told = json.loads(answer)
    return Findings(TITLE, told["body"], tuple(told["losses"]))


@dataclass
class _Trial:
    """The service on the small disk, and what has to be there."""

    service: Service
    shelf: Shelf = field(default_factory=Shelf)
    made: int = 0
    fitted: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)

    def make(self, operation: Operation, *, size_bytes: int = 0) -> Reply:
        """Ask for a change; a refusal has to be for want of space."""
        reply = perform(self.service.url, _ID, operation, size_bytes=size_bytes)
        if isinstance(reply, Done):
            self.shelf = after(self.shelf, operation)
        elif isinstance(reply, Refused) and reply.code == "storage_full" and reply.status in _STATUSES:
            self.refusals[type(operation).__name__.lower()] += 1
        else:
            self.losses.append(f"{type(operation).__name__} on a full disk: {reply}")
        return reply

    def next_version(self) -> Register:
        """A version that is not there yet."""
        self.made += 1
        return Register(f"v{self.made}", self.made)

    def look(self, when: str) -> None:
        """Everything that was acknowledged answers, and nothing else is there."""
        view = look(self.service.url, _ID)
        verdict = judge(self.shelf, None, view.ids.get(_ID, Seen()))
        self.losses += [f"{when}: {loss}" for loss in (*verdict.losses, *view.contradictions)]
        self.shelf = verdict.shelf

    def look_at_pages(self, when: str) -> None:
        """What a person looks at still answers."""
        for path in ("/livez", "/health", "/", "/models", "/metrics"):
            if (status := status_of(self.service.url + path)) != 200:
                self.losses.append(f"{when}: GET {path}: {status}")


def _fill(trial: _Trial) -> None:
    """Upload until nothing more fits."""
    for trial.fitted in range(2 * DISK_MB // MODEL_MB):
        if not isinstance(trial.make(trial.next_version(), size_bytes=MODEL_MB << 20), Done):
            return
    trial.losses.append("the disk never filled")


def _make_room(trial: _Trial) -> None:
    for _ in range(2):
        _delete(trial)
    if not isinstance(trial.make(trial.next_version(), size_bytes=MODEL_MB << 20), Done):
        trial.losses.append("two versions were deleted, and one of the same size does not fit")


def _delete(trial: _Trial) -> None:
    """Remove a version, which has to work however little space there is."""
    reply = trial.make(Delete(trial.shelf.spare[0]))
    if not isinstance(reply, Done):
        trial.losses.append(f"a deletion, which would make room, was refused: {reply}")


def _squeeze(trial: _Trial, disk: Path, free_kb: int) -> None:
    """Leave so much space and no more, and try every kind of change."""
    ballast = disk / "ballast"
    space = os.statvfs(disk)
    with suppress(OSError):  # the service may have taken some of it since
        ballast.write_bytes(bytes(max(0, space.f_bavail * space.f_frsize - free_kb * 1024)))
    newest = list(trial.shelf.tokens)[-1]
    trial.make(trial.next_version())
    trial.make(Activate(newest))
    trial.make(Name("champion", newest))
    if trial.shelf.spare:
        _delete(trial)
    trial.look(f"with {free_kb} KiB free")
    trial.look_at_pages(f"with {free_kb} KiB free")
    ballast.unlink()


def _run(disk: Path, steps: int) -> dict[str, object]:
    home = disk / "lens"
    with running(home, disk.parent, workers=2) as service:
        trial = _Trial(service)
        try:
            _fill(trial)
            trial.look("full of models")
            trial.look_at_pages("full of models")
            _make_room(trial)
            trial.look("after deletions")
            for step in range(steps):
                _squeeze(trial, disk, step * STEP_KB)
            service.kill()
            service.launch()
            service.wait_until_ready()
            trial.look("after a kill and a restart")
            trial.losses += store_losses(home, swept=True)
        except (Unwell, Silent) as error:
            trial.losses.append(f"the service did not come back: {error}")
    return {"body": _report(steps, trial), "losses": trial.losses}


def _report(steps: int, trial: _Trial) -> str:
    rows = sorted(trial.refusals.items())
    return (
        f"`LENS_HOME`, with SQLite and store, on a disk of {DISK_MB} MB: {trial.fitted} models of {MODEL_MB} MB "
        "fitted, the next was refused with `storage_full`; everything stored went on answering, and two deletions "
        f"made room. Then with 0 to {(steps - 1) * STEP_KB} KiB free, {steps} amounts, each kind of change was made or "
        "refused, as a whole, deletions always made, and after a kill and a restart the store held what was "
        "acknowledged and nothing else.\n\n"
        f"{table(['refused for want of space', 'times'], rows)}"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(json.dumps(_run(Path(sys.argv[1]), int(sys.argv[2]))))
