"""One answer for a full disk, wherever it was met: in a file, in SQLite, or on the PostgreSQL server."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from serving.errors import ServiceError

# A limit on the size of files is met like a limit on the disk: the model does not fit.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_POSTGRES_DISK_FULL = "53100"


@contextmanager
def reporting_full_disk() -> Iterator[None]:
    """Turn every way of running out of space into the error ``storage_full`` (503)."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        raise ServiceError("storage_full", "There is no space left to store this; nothing of it was kept.") from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    # SQLAlchemy keeps the driver's error; importing its class would cost every process that learns a quarter second.
    original = getattr(error, "orig", error)
    return (
        getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        or getattr(original, "sqlstate", None) == _POSTGRES_DISK_FULL
    )
