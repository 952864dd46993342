"""A file from the web, known by its SHA-256: what broke off is gone on with, and nothing else is let in."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from model_store_scripts.report import Advance, CommandFailed

CONNECT_S, STALL_S = 10.0, 60.0
"""Seconds to connect, and to wait for the next bytes."""

IDLE_TRIES = 3
"""Tries in a row that bring nothing, before it is given up."""

_CHUNK = 1 << 16
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched: its address, its digest, and the most bytes it may have."""

    url: str
    sha256: str
    max_bytes: int


def fetch(wanted: Wanted, folder: Path, advance: Advance, *, pause: Callable[[float], object] = time.sleep) -> Path:
    """The file ``wanted``, in ``folder`` under its digest; fetched only where it is not there yet.

    What has come so far stays in a ``.part`` file when it breaks off, and the next call goes on from there.

    Raises:
        CommandFailed: it cannot be had, is too large, or is another file: an HTML page, a Git LFS pointer.
        requests.RequestException: the address makes no sense.
    """
    target = folder / f"{wanted.sha256}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    if target.is_file() and _digest(target) == wanted.sha256:
        return target
    part = target.with_suffix(".part")
    resumed = part.exists()
    _complete(wanted, part, advance, pause)
    if resumed and _digest(part) != wanted.sha256:
        # The beginning was another file's, or came from another day: once more, from the start.
        part.unlink()
        _complete(wanted, part, advance, pause)
    _check(wanted, part)
    return part.rename(target)


def _complete(wanted: Wanted, part: Path, advance: Advance, pause: Callable[[float], object]) -> None:
    """Fetch until the server says that this was all."""
    idle = 0
    advance(_size(part))
    while True:
        before = _size(part)
        try:
            return _fetch_rest(wanted, part, advance)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            idle = 0 if _size(part) > before else idle + 1
            if idle >= IDLE_TRIES:
                raise _unreachable(wanted, "cannot be reached, or broke off; try again") from None
            pause(idle)


def _fetch_rest(wanted: Wanted, part: Path, advance: Advance) -> None:
    have = _size(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(wanted.url, headers=headers, stream=True, timeout=(CONNECT_S, STALL_S)) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # all of it is there; if not, its digest tells
        if not response.ok:
            raise _unreachable(wanted, f"answers with HTTP {response.status_code}")
        start = _start(response)
        if start != have:
            advance(start - have)
        _append(response, part, start, wanted, advance)


def _start(response: requests.Response) -> int:
    """The byte of the file that the answer begins with: servers may ignore what they were asked for."""
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(match[1]) if response.status_code == requests.codes.partial_content and match else 0


def _append(response: requests.Response, part: Path, start: int, wanted: Wanted, advance: Advance) -> None:
    size = start
    with part.open("r+b" if part.exists() else "w+b") as file:
        file.truncate(start)
        file.seek(start)
        for chunk in response.iter_content(_CHUNK):
            size += len(chunk)
            if size > wanted.max_bytes:
                file.truncate(0)
                raise CommandFailed(f"{wanted.url} is larger than the {wanted.max_bytes} bytes allowed.", "too_large")
            file.write(chunk)
            advance(len(chunk))


def _check(wanted: Wanted, part: Path) -> None:
    digest = _digest(part)
    if digest == wanted.sha256:
        return
    with part.open("rb") as file:
        reason = _other_kind(file.read(1024))
    part.unlink()
    told = reason or f"has the SHA-256 {digest} and not {wanted.sha256}: it is another file, or damaged"
    raise CommandFailed(f"What {wanted.url} answered {told}. It was thrown away.", "wrong_file")


def _other_kind(beginning: bytes) -> str | None:
    """What the file is in truth, where that is easily told."""
    if beginning.startswith(_POINTER):
        return "is a Git LFS pointer and not the file: use the address at media.githubusercontent.com"
    if re.match(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head)\b", beginning, re.IGNORECASE | re.DOTALL):
        return "is an HTML page: the address needs a login, or there is nothing behind it"
    return None


def _unreachable(wanted: Wanted, reason: str) -> CommandFailed:
    return CommandFailed(f"{wanted.url} {reason}.", "unreachable")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
