"""Versions swapped in a row under traffic at four fifths of the top rate: nobody fails, nobody hears an old version."""

from __future__ import annotations

import asyncio
import json
import math
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.open_loop import Outcome
from benchmarks.pictures import jpeg
from chaos.calls import Done, ask
from chaos.findings import Findings, table
from chaos.liveness import Heard, Swap, faults
from chaos.models import CLASSES, picture_model
from chaos.plan import Plan
from chaos.progress import say
from chaos.service import Service, Unwell, running
from chaos.traffic import CONNECTIONS, Traffic, outcome

TITLE = "Swaps under load"
SHARE = 0.8
"""Of the top rate."""
LESS = 0.9
"""Times the share where twice it was more than the machine bore."""
VERSIONS = 4
"""As many as it takes for a replaced version to be gone before its turn comes again."""
P99_GOAL, MEMORY_GOAL = 3.0, 1.1
_ID = "swapped"
_SETTLE_S = 20
TOO_MUCH = 0.9
"""Of the top rate: a machine that becomes so much slower meanwhile was near its top rate, not at the share of it."""
_ATTEMPTS, _TRIALS = 4, 3
_REST = 0.1
"""Of a core: less than this and the service is at rest."""
_HEAD = (
    *("workers", "round", "top rate /s", "offered /s", "share", "top rate after /s", "swaps", "slowest s", "requests"),
    *("wrong or failed", "p99 quiet ms", "p99 swapping ms", "ratio", "MB before", "MB after"),
)
_PREPROCESSING = json.dumps({"preset": "imagenet"})


@dataclass(frozen=True)
class Round:
    """Swaps in a row: rates, the quiet traffic before and after them, that during them, faults, and memory in MB.

    ``top_rate`` was measured right before the quiet traffic, ``top_after`` after it all.
    """

    top_rate: float
    top_after: float
    quiet: Outcome
    swapping: Outcome
    swaps: int
    slowest_swap: float
    faults: Counter[str]
    before_mb: float
    after_mb: float

    @property
    def share(self) -> float:
        """Of the top rate, what was offered."""
        return self.swapping.offered / self.top_rate

    @property
    def unsteady(self) -> str:
        """Why the traffic was not at its share of what the machine can do all along; empty where it was."""
        if not is_sustained(self.top_rate, self.quiet):
            return f"{self.share:.0%} of the top rate was more than was borne"
        if self.swapping.offered >= TOO_MUCH * self.top_after:
            return f"the machine became slower, to {self.top_after:.0f} /s"
        if self.share < SHARE - 0.005:
            return f"offered {self.share:.0%} of the top rate, not {SHARE:.0%}"
        return ""

    @property
    def p99_ratio(self) -> float:
        """p99 during swaps over the quiet one; infinite where one of them has no answers."""
        if self.swapping.p99_ms is None or self.quiet.p99_ms is None:
            return math.inf
        return self.swapping.p99_ms / self.quiet.p99_ms


@dataclass(frozen=True)
class Measured:
    """The rounds on one number of workers, one service for all of them."""

    workers: int
    rounds: tuple[Round, ...]

    @property
    def steady(self) -> list[Round]:
        """The rounds whose traffic was what it should be."""
        return [each for each in self.rounds if not each.unsteady]

    @property
    def p99_ratio(self) -> float:
        """The median of the steady rounds; of all where none is."""
        return statistics.median(each.p99_ratio for each in self.steady or self.rounds)

    @property
    def memory_ratio(self) -> float:
        """Memory after the last round over before the first."""
        return self.rounds[-1].after_mb / self.rounds[0].before_mb


def beat(plan: Plan, folder: Path) -> Findings:
    """Swap on each number of workers."""
    measured, losses = [], []
    for workers in plan.workers:
        try:
            measured.append(_measure(plan, folder / str(workers), workers))
        except Unwell as error:
            losses.append(f"{workers} workers: {error}")
        else:
            losses += loss_lines(measured[-1])
    missed = [line for each in measured for line in missed_lines(each)]
    return Findings(TITLE, report(plan, measured), tuple(losses), tuple(missed))


def is_sustained(top_rate: float, quiet: Outcome) -> bool:
    """Whether the machine bore the quiet traffic: most waited less than at the top rate, where ``CONNECTIONS`` wait at
    a time, hardly anybody three times as long, nobody was refused, and the client itself was not late.
    """
    if quiet.p50_ms is None or quiet.p99_ms is None or quiet.late_p99_ms is None or quiet.answered < quiet.sent:
        return False
    wait = 1000 * CONNECTIONS / top_rate
    return quiet.p50_ms < wait and quiet.p99_ms < 3 * wait and quiet.late_p99_ms < wait


def loss_lines(measured: Measured) -> list[str]:
    """What must not have happened, in any round."""
    asked = sum(each.swapping.sent + each.quiet.sent for each in measured.rounds)
    faults = sum((each.faults for each in measured.rounds), Counter[str]())
    return [f"{measured.workers} workers: {count} of {asked} were {fault}" for fault, count in faults.items()]


def missed_lines(measured: Measured) -> list[str]:
    """The goals of speed and memory that were missed."""
    lines = []
    if not measured.steady:
        lines += [f"round {number}: {each.unsteady}" for number, each in enumerate(measured.rounds, 1)]
    if measured.p99_ratio >= P99_GOAL:
        lines.append(f"p99 during swaps {measured.p99_ratio:.1f} times the quiet one")
    if measured.memory_ratio > MEMORY_GOAL:
        lines.append(f"memory afterwards {measured.memory_ratio:.2f} times that before")
    return [f"{measured.workers} workers: {line}" for line in lines]


def report(plan: Plan, measured: list[Measured]) -> str:
    """The figures in Markdown."""
    rows = [_row(each.workers, number, one) for each in measured for number, one in enumerate(each.rounds, 1)]
    return (
        f"SqueezeNet graphs of 5 MB and a 640x480 JPEG; {VERSIONS} versions take turns, each activation "
        f"{plan.swap_pause:g} s after the answer to the last, under an open loop at {SHARE:.0%} of the top rate: the "
        f"median of {_TRIALS} trials right before. The same traffic comes without swaps for {plan.quiet_seconds:g} s "
        f"before and after them; it has to be borne, else the top rate is measured again, then the share lowered to "
        f"{LESS:g} times. The client runs on the same cores. Refused is failed. "
        "An answer is wrong when its version was at no time live between its "
        "request and itself, or when its scores are another version's. "
        f"A round in which what was offered came to over {TOO_MUCH:.0%} of the top rate after it, or was more than was "
        "borne, tells of the machine: its faults count, its ratio does not.\n\n"
        f"{table(_HEAD, rows)}\n\n{''.join(map(_summary, measured))}"
        f"Goals: nothing wrong or failed, p99 under {P99_GOAL:g} times the quiet one, memory within "
        f"{MEMORY_GOAL - 1:.0%}."
    )


def _summary(measured: Measured) -> str:
    return (
        f"{measured.workers} workers: p99 {measured.p99_ratio:.2f} times the quiet one in the median of "
        f"{len(measured.steady)} steady rounds, memory after the last round {measured.memory_ratio:.2f} times that "
        "before the first. "
    )


def _measure(plan: Plan, folder: Path, workers: int) -> Measured:
    settings = {"LENS_CACHE_MB": "0"}  # the same picture comes every time and is to be classified every time
    with running(folder / "lens", folder, workers=workers, settings=settings) as service:
        for number in range(1, VERSIONS + 1):
            _upload(service.url, number)
        rounds, live = [], "v1"
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            for number in range(1, plan.swap_rounds + 1):
                rounds.append(runner.run(_swap_under_load(plan, service, live)))
                live = _version(plan.swaps)
                say(f"{workers} workers, round {number}: {rounds[-1]}")
    return Measured(workers, tuple(rounds))


def _upload(url: str, number: int) -> None:
    """Version ``v<number>``, which always answers ``class <number>``; the first is live, and the default."""
    fields = {"id": _ID, "name": _ID, "version": f"v{number}", "preprocessing": _PREPROCESSING}
    labels = json.dumps([_label(each) for each in range(CLASSES)])
    part, path = ("model", "/upload") if number == 1 else ("file", "/models/upload")
    files = {part: ("model.onnx", picture_model(number)), "labels": ("labels.json", labels)}
    reply = ask("POST", url + path, data=fields, files=files)
    if not isinstance(reply, Done):
        raise Unwell(f"{path} of {_ID}@v{number}: {reply}")


def _row(workers: int, number: int, each: Round) -> list[object]:
    return [
        workers,
        number if not each.unsteady else f"{number}, unsteady",
        f"{each.top_rate:.0f}",
        f"{each.swapping.offered:.0f}",
        f"{each.share:.0%}",
        f"{each.top_after:.0f}",
        each.swaps,
        f"{each.slowest_swap:.2f}",
        each.swapping.sent,
        sum(each.faults.values()),
        f"{each.quiet.p99_ms or 0:.0f}",
        f"{each.swapping.p99_ms or 0:.0f}",
        f"{each.p99_ratio:.2f}",
        f"{each.before_mb:.0f}",
        f"{each.after_mb:.0f}",
    ]


async def _swap_under_load(plan: Plan, service: Service, live: str) -> Round:
    connections = aiohttp.TCPConnector(limit=0)
    patience = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connections, timeout=patience) as session:
        traffic = Traffic(session, service.url, jpeg())
        top, rate, quiet = await _quiet(traffic, plan)
        before = await asyncio.to_thread(_memory_at_rest, service, 0.0)
        stop = asyncio.Event()
        asked = asyncio.create_task(traffic.offer_until(rate, stop))
        try:
            swaps = await _swap(session, service.url, plan)
        finally:
            stop.set()
            heard = await asked
        quiet += await traffic.offer(rate, plan.quiet_seconds)
        after = await asyncio.to_thread(_memory_at_rest, service, before * MEMORY_GOAL)
        top_after = await _top_rate(traffic, plan)
    first = Swap(live, float("-inf"), float("-inf"))
    labels = {f"v{number}": _label(number) for number in range(1, VERSIONS + 1)}
    return Round(
        top_rate=top,
        top_after=top_after,
        quiet=outcome(rate, quiet),
        swapping=outcome(rate, [each for each in heard if each.sent >= swaps[0].asked]),
        swaps=len(swaps),
        slowest_swap=max(swap.answered - swap.asked for swap in swaps),
        faults=faults([*quiet, *heard], [first, *swaps], labels),
        before_mb=before,
        after_mb=after,
    )


async def _quiet(traffic: Traffic, plan: Plan) -> tuple[float, float, list[Heard]]:
    """The top rate, the rate that was offered while nothing was swapped, and what was heard.

    All are measured again where the machine has meanwhile become slower and did not bear the rate, and from the second
    time on less is offered.
    """
    await traffic.top_rate(plan.top_seconds / _TRIALS)
    share = SHARE
    for attempt in range(_ATTEMPTS):
        share *= LESS if attempt > 1 else 1.0
        top = await _top_rate(traffic, plan)
        heard = await traffic.offer(share * top, plan.quiet_seconds)
        if is_sustained(top, outcome(share * top, heard)):
            break
        say(f"{share:.0%} of {top:.0f} requests a second were too many meanwhile")
    return top, share * top, heard


async def _top_rate(traffic: Traffic, plan: Plan) -> float:
    """The median of some trials: what else the machine does for a second decides nothing."""
    return statistics.median([await traffic.top_rate(plan.top_seconds / _TRIALS) for _ in range(_TRIALS)])


async def _swap(session: aiohttp.ClientSession, url: str, plan: Plan) -> list[Swap]:
    """Activate one version after the other.

    Raises:
        Unwell: one could not be activated.
    """
    swaps = []
    for number in range(1, plan.swaps + 1):
        await asyncio.sleep(plan.swap_pause)
        version, asked = _version(number), time.perf_counter()
        async with session.post(f"{url}/models/activate", json={"id": _ID, "version": version}) as response:
            answer = await response.text()
        if response.status != 200:
            raise Unwell(f"activating {version}: {response.status} {answer}")
        swaps.append(Swap(version, asked, time.perf_counter()))
    return swaps


def _memory_at_rest(service: Service, wanted_mb: float) -> float:
    """The memory once nothing is going on, and what was replaced has left; waits a while for it to be ``wanted_mb``."""
    ends = time.monotonic() + _SETTLE_S
    while time.monotonic() < ends:
        used, began = service.cpu_seconds(), time.monotonic()
        time.sleep(1)
        rests = (service.cpu_seconds() - used) / (time.monotonic() - began) < _REST
        if rests and (wanted_mb == 0 or service.memory_mb() <= wanted_mb):
            break
    return service.memory_mb()


def _version(swap: int) -> str:
    """What is live after so many swaps."""
    return f"v{swap % VERSIONS + 1}"


def _label(number: int) -> str:
    return f"class {number}"
