from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.prediction_cache import RECENT_S, PredictionCache, Seen
from tests.clock import FakeClock

SPAWN = multiprocessing.get_context("spawn")
CAT = {"predicted_label": "cat", "probabilities": [0.1 + 0.2, 1 / 3], "non_finite": None, "label": "Кот"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def opened(folder: Path, clock: FakeClock, *, max_bytes: int = 1_000_000, ttl: float = 100) -> PredictionCache:
    return PredictionCache(folder, max_bytes=max_bytes, ttl=ttl, url_ttl=60, clock=clock)


@pytest.fixture
def cache(tmp_path: Path, clock: FakeClock) -> Iterator[PredictionCache]:
    cache = opened(tmp_path, clock)
    yield cache
    cache.close()


@pytest.fixture
def other(tmp_path: Path, clock: FakeClock) -> Iterator[PredictionCache]:
    """Another worker's cache over the same folder."""
    cache = opened(tmp_path, clock)
    yield cache
    cache.close()


async def answer() -> dict[str, object]:
    return dict(CAT)


# Answers


def test_an_answer_comes_back_as_it_was(cache: PredictionCache, other: PredictionCache) -> None:
    cache.put("key", CAT)

    assert cache.get("key") == CAT
    assert other.get("key") == CAT
    assert other.get("other") is None


def test_changing_what_was_got_or_put_changes_nothing_kept(cache: PredictionCache) -> None:
    mine = dict(CAT)
    cache.put("key", mine)
    mine["predicted_label"] = "dog"
    found = cache.get("key")
    assert found is not None
    found["request_id"] = "mine"

    assert cache.get("key") == CAT


@pytest.mark.parametrize("ttl", [5, RECENT_S, 100])
def test_no_level_serves_an_answer_past_its_time(tmp_path: Path, clock: FakeClock, ttl: float) -> None:
    cache = opened(tmp_path, clock, ttl=ttl)
    cache.put("key", CAT)
    clock.now += ttl - 1
    assert cache.get("key") == CAT
    clock.now += 1
    assert cache.get("key") is None
    cache.close()


def test_reading_late_does_not_lengthen_a_life(
    cache: PredictionCache, other: PredictionCache, clock: FakeClock
) -> None:
    cache.put("key", CAT)
    clock.now += 99
    assert other.get("key") == CAT
    clock.now += 1

    assert other.get("key") is None


def test_a_value_that_is_no_json_is_told(cache: PredictionCache) -> None:
    with pytest.raises(TypeError):
        cache.put("key", {"picture": object()})


def test_an_answer_too_large_for_the_cache_is_not_kept(cache: PredictionCache) -> None:
    cache.put("large", {"text": "x" * 500_000})

    assert cache.get("large") is None


def test_the_cache_stays_under_its_bound(tmp_path: Path, clock: FakeClock) -> None:
    cache = opened(tmp_path, clock, max_bytes=200_000)
    for number in range(1000):
        cache.put(f"{number}", {"text": "x" * 1000})

    assert cache.stats().size_bytes <= 200_000
    assert cache.get("999") is not None
    assert cache.get("0") is None
    cache.close()


def test_hits_and_misses_are_counted(cache: PredictionCache) -> None:
    cache.get("key")
    cache.put("key", CAT)
    cache.get("key")
    cache.get("key")
    stats = cache.stats()

    assert (stats.hits, stats.misses, stats.errors, stats.max_bytes) == (2, 1, 0, 1_000_000)
    assert stats.size_bytes > 0


async def test_a_cache_of_no_bytes_finds_and_writes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    cache = opened(tmp_path / "home", clock, max_bytes=0)
    cache.put("key", CAT)
    cache.remember("http://host/", "digest", etag=None, last_modified=None, max_age=None)

    assert await cache.compute_once("key", answer) == CAT
    assert cache.get("key") is None
    assert cache.seen("http://host/") is None
    assert cache.stats().size_bytes == 0
    assert not (tmp_path / "home").exists()


async def test_a_broken_store_fails_no_request(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = opened(tmp_path / "file", clock)
    cache.remember("http://host/", "digest", etag=None, last_modified=None, max_age=None)

    assert await cache.compute_once("key", answer) == CAT
    assert cache.get("key") == CAT  # this process's own level
    assert cache.seen("http://host/") is None
    assert cache.stats().errors > 0


async def test_answers_asked_for_together_are_computed_once(cache: PredictionCache, other: PredictionCache) -> None:
    computed = 0
    gate = asyncio.Event()

    async def compute() -> dict[str, object]:
        nonlocal computed
        computed += 1
        await gate.wait()
        return dict(CAT)

    tasks = [asyncio.create_task(cache.compute_once("key", compute)) for _ in range(4)]
    await asyncio.sleep(0)
    gate.set()
    first, second, *_ = await asyncio.gather(*tasks)

    assert computed == 1
    assert first == second == other.get("key") == CAT
    assert first is not second


async def test_a_failed_computation_is_not_kept(cache: PredictionCache) -> None:
    async def fail() -> dict[str, object]:
        raise LookupError("no model")

    with pytest.raises(LookupError):
        await cache.compute_once("key", fail)
    assert cache.get("key") is None
    assert await cache.compute_once("key", answer) == CAT


def put_in_another_process(folder: Path) -> None:
    cache = PredictionCache(folder, max_bytes=1_000_000, ttl=100)
    cache.put("key", CAT)
    cache.remember("http://host/", "digest", etag='"v1"', last_modified=None, max_age=50)
    cache.close()


def test_what_one_process_keeps_another_has_at_once(tmp_path: Path) -> None:
    ours = PredictionCache(tmp_path, max_bytes=1_000_000, ttl=100)
    assert ours.get("key") is None
    process = SPAWN.Process(target=put_in_another_process, args=(tmp_path,))
    process.start()
    process.join(30)

    assert ours.get("key") == CAT
    assert ours.seen("http://host/") == Seen("digest", '"v1"', None, fresh=True)
    ours.close()


# URLs


def test_an_unknown_url_was_not_seen(cache: PredictionCache) -> None:
    assert cache.seen("http://host/cat.jpg") is None


@pytest.mark.parametrize(("max_age", "fresh_for"), [(10, 10), (None, 60), (0, 0), (1e9, 100), (float("inf"), 100)])
def test_a_url_is_fresh_for_its_max_age_and_known_for_the_ttl(
    cache: PredictionCache, other: PredictionCache, clock: FakeClock, max_age: float | None, fresh_for: float
) -> None:
    cache.remember("http://host/", "digest", etag='"v1"', last_modified="yesterday", max_age=max_age)
    known = Seen("digest", '"v1"', "yesterday", fresh=True)
    stale = Seen("digest", '"v1"', "yesterday", fresh=False)

    assert other.seen("http://host/") == (known if fresh_for else stale)
    clock.now += fresh_for - 0.5 if fresh_for else 0
    assert other.seen("http://host/") == (known if fresh_for else stale)
    clock.now += 0.5
    assert other.seen("http://host/") == (stale if fresh_for < 100 else None)
    clock.now = 1100
    assert other.seen("http://host/") is None


def test_what_is_remembered_later_counts(cache: PredictionCache, other: PredictionCache) -> None:
    cache.remember("http://host/", "old", etag='"v1"', last_modified=None, max_age=10)
    assert other.seen("http://host/") is not None
    cache.remember("http://host/", "new", etag=None, last_modified=None, max_age=0)

    assert other.seen("http://host/") == Seen("new", None, None, fresh=False)


def test_a_url_is_stored_only_as_a_digest(tmp_path: Path, cache: PredictionCache) -> None:
    cache.remember("http://host/?token=secret", "digest", etag=None, last_modified=None, max_age=None)
    cache.close()

    assert all(b"secret" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_url_and_an_answer_of_one_name_do_not_meet(cache: PredictionCache) -> None:
    cache.remember("key", "digest", etag=None, last_modified=None, max_age=None)
    cache.put("key", CAT)

    assert cache.get("key") == CAT
    assert cache.seen("key") == Seen("digest", None, None, fresh=True)


@pytest.mark.parametrize("url", ["", "http://host/\ud800", "http://host/\0", "x" * 100_000])
def test_any_text_may_be_a_url(cache: PredictionCache, url: str) -> None:
    assert cache.seen(url) is None
    cache.remember(url, "digest", etag=None, last_modified=None, max_age=None)
    assert cache.seen(url) is not None
