from __future__ import annotations

import asyncio
import threading

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serving.observability.tally import Tally

BOUNDS = (0.1, 0.5, 1)


def histogram() -> Histogram:
    return Histogram("seconds", "Seconds.", registry=CollectorRegistry(), buckets=BOUNDS)


def samples(metric: Counter | Gauge | Histogram) -> dict[tuple[str, str], float]:
    found = [sample for family in metric.collect() for sample in family.samples]
    return {(each.name, each.labels.get("le", "")): each.value for each in found if "created" not in each.name}


def test_what_is_written_in_bulk_reads_like_what_is_observed_one_by_one() -> None:
    bulk, single, tally = histogram(), histogram(), Tally()
    for value in (0.0, 0.1, 0.1000001, 0.3, 0.5, 1, 7, float("inf")):
        tally.add(bulk, value)
        single.observe(value)

    tally.flush()

    assert samples(bulk) == samples(single)


async def test_the_first_event_after_a_pause_is_written_at_once_and_those_after_it_soon() -> None:
    counter, tally = Counter("events", "Events.", registry=CollectorRegistry()), Tally()
    written = [0.0]
    for _ in range(3):
        tally.add(counter)
        tally.settle()
        written.append(samples(counter)["events_total", ""])

    async with asyncio.timeout(5):
        while samples(counter)["events_total", ""] < 3:
            await asyncio.sleep(0)

    assert written == [0, 1, 1, 1]


def test_nothing_is_lost_between_threads() -> None:
    counter, tally = Counter("events", "Events.", registry=CollectorRegistry()), Tally()

    def work() -> None:
        for number in range(2000):
            tally.add(counter)
            if number % 50 == 0:
                tally.flush()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.flush()

    assert samples(counter)["events_total", ""] == 8000


def test_a_gauge_ends_where_its_ups_and_downs_lead() -> None:
    gauge, tally = Gauge("busy", "Busy.", registry=CollectorRegistry()), Tally()
    for step in (1, 1, -1):
        tally.add(gauge, step)

    tally.flush()

    assert samples(gauge)["busy", ""] == 1
