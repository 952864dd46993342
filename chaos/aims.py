"""When to strike: at any moment, or at the instant that a certain trace of work appears in ``LENS_HOME``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from chaos.service import Role

POLL_S = 0.0002
"""A file that has been copied is a version some milliseconds later: the look has to be quicker."""


@dataclass(frozen=True)
class Aim:
    """A moment, and who may die at it; ``trace`` makes the question whether it has come, None means any moment."""

    name: str
    victims: tuple[Role, ...]
    trace: Callable[[Path], Callable[[], bool]] | None = None


def _received(home: Path) -> Callable[[], bool]:
    return lambda: any((folder / "upload-0").exists() for folder in _works(home))


def _copied(home: Path) -> Callable[[], bool]:
    return lambda: any((folder / "saved_model.onnx").exists() for folder in _works(home))


def _placed(home: Path) -> Callable[[], bool]:
    before = set(_entries(home))
    return lambda: any(entry not in before for entry in _entries(home))


def _taken_out(home: Path) -> Callable[[], bool]:
    return lambda: any(part.is_dir() for folder in _works(home) for part in _inside(folder))


def _proposed(home: Path) -> Callable[[], bool]:
    return (home / "run" / "proposal.json").exists


SERVERS: tuple[Role, ...] = ("worker", "parent")
AIMS = (
    Aim("any moment", SERVERS),
    Aim("an upload has been received", SERVERS, _received),
    Aim("a file is being copied to the store", SERVERS, _copied),
    Aim("the entry is in place, its row is not", SERVERS, _placed),
    Aim("a version is proposed to the workers", SERVERS, _proposed),
    Aim("a row is gone, its files are going", SERVERS, _taken_out),
    Aim("a model is being proved", ("sandbox",)),
)
STARTING = "the service is starting"


def wait_for(has_come: Callable[[], bool], seconds: float) -> bool:
    """Whether it came within ``seconds``; returns at once when it does."""
    ends = time.monotonic() + seconds
    while not (came := has_come()) and time.monotonic() < ends:
        time.sleep(POLL_S)
    return came


def _works(home: Path) -> Iterator[Path]:
    return (path for path in _inside(home / "staging") if not path.suffix)


def _entries(home: Path) -> Iterator[Path]:
    return chain.from_iterable(_inside(folder) for folder in _inside(home / "bentoml" / "models"))


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # gone meanwhile, or a file
        return []
