from __future__ import annotations

import psutil

from runners import heap


def test_freed_memory_goes_back_to_the_system() -> None:
    process = psutil.Process()
    # Small pieces lie in the heap and not in mappings of their own; the last one holds the heap's end in place.
    pieces = [bytes(2000) for _ in range(100_000)]
    last = bytes(2000)
    full = process.memory_info().rss
    del pieces

    heap.trim()

    assert process.memory_info().rss < full - 150_000_000
    del last
