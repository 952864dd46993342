from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.registry.memory import machine_memory

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(("limit", "expected"), [("1048576\n", 1048576), ("max\n", MACHINE), (None, MACHINE)])
def test_a_containers_limit_counts_where_it_is_lower(tmp_path: Path, limit: str | None, expected: int) -> None:
    path = tmp_path / "memory.max"
    if limit is not None:
        path.write_text(limit)

    assert machine_memory([path]) == expected
