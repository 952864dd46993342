"""kill -9 of any process at any point, while clients change their models; then everything is held against their books.

A *point* is one kill.  Some come at random, others at the instant that a trace of work appears in the store: between
the copy of a file and its row, between a proposal and its commit, between a row and its files, in a proof, in a start.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from threading import Event

from chaos.aims import AIMS, STARTING, Aim, wait_for
from chaos.book import SURE, Move, possible_defaults
from chaos.clients import PREFIX, Client, kind
from chaos.findings import Findings, table
from chaos.look import Silent, look, store_losses
from chaos.plan import Plan
from chaos.progress import counting, say
from chaos.service import Role, Service, Unwell, kill

TITLE = "Kills"
_WARM_UP_S = 0.3
_ANY_MOMENT_S = 1.5
_AIM_SECONDS = 10
_FIRST, _FIRST_SECONDS = 3, 20
"""Changes that every client has made before the first kill, and how long that is waited for."""
_START_AGAIN = 0.25
"""Of the restarts, the share that is killed too."""
_TIMES: dict[Role, int] = {"worker": 2, "parent": 1, "sandbox": 3}
"""How often each victim comes for each of its moments: a restart takes longer than the rest."""
_NAMES: dict[Role, str] = {"worker": "a worker", "parent": "the whole service", "sandbox": "a sandbox child"}


@dataclass
class Tally:
    """What was counted: points by moment and victim, changes under way, their fates, and losses.

    ``ready_s`` is the longest that it took to answer again after the death of each victim.
    """

    points: Counter[tuple[str, str]] = field(default_factory=Counter)
    under_way: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    ready_s: defaultdict[Role, float] = field(default_factory=lambda: defaultdict(float))
    looks: int = 0


def beat(plan: Plan, folder: Path) -> Findings:
    """Kill, look, and kill again, as often and as long as the plan says."""
    beating = _Beating(plan, folder)
    began = time.monotonic()
    try:
        with counting("kills", plan.kills) as step:
            beating.begin()
            while sum(beating.tally.points.values()) < plan.kills and time.monotonic() < began + plan.kill_seconds:
                step(beating.round())
            beating.end()
    except (Unwell, Silent) as error:
        beating.tally.losses.append(f"the service did not come back: {error}")
    finally:
        beating.service.kill()
    points = sum(beating.tally.points.values())
    missed = (f"{points} points of {plan.kills} in {plan.kill_seconds:g} s",) if points < plan.kills else ()
    return Findings(TITLE, _report(beating.tally, beating.clients), tuple(beating.tally.losses), missed)


class _Beating:
    """The service, its clients, and what was counted so far."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.tally = Tally()
        self.clients = [Client(number, plan.seed) for number in range(1, plan.clients + 1)]
        self.service = Service(folder / "lens", folder, workers=plan.kill_workers)
        self._chance = random.Random(plan.seed)  # noqa: S311 - not for secrets
        self._default: list[Move] = []
        self._points: list[tuple[Aim, Role]] = []
        self._start_s = 0.0

    def begin(self) -> None:
        """Start the service, let every client make something that can be lost, and look once."""
        self.service.launch()
        self._start_s = self.service.wait_until_ready()
        with self._traffic():
            wait_for(lambda: all(client.acknowledged.total() > _FIRST for client in self.clients), _FIRST_SECONDS)
        self._look(swept=False)

    def round(self) -> str:
        """One kill, two where the restart is hit as well, and what came of it, in a line."""
        aim, victim = self._next_point()
        with self._traffic():
            came, under_way = self._strike(aim, victim)
        point = aim.name if came else AIMS[0].name
        self.tally.points[point, victim] += 1
        self.tally.under_way.update(under_way or ["nothing"])
        if victim == "parent":
            self._start_again()
        ready = self.service.wait_until_ready()
        self.tally.ready_s[victim] = max(self.tally.ready_s[victim], ready)
        fates = self._look(swept=victim == "parent")
        return f"{point}, {_NAMES[victim]}: {', '.join(under_way) or 'nothing'} under way; {fates}"

    def end(self) -> None:
        """A polite stop and a start after all the kills."""
        if status := self.service.stop():
            self.tally.losses.append(f"SIGTERM ended with {status}")
        self.service.launch()
        self.service.wait_until_ready()
        self._look(swept=True)

    def _next_point(self) -> tuple[Aim, Role]:
        """A moment and a victim: all of them by chance, and none again before each has had its turn.

        Deaths of workers come between others, which give the parent the time to replace them.
        """
        if not self._points:
            points = [(aim, victim) for aim in AIMS for victim in aim.victims for _ in range(_TIMES[victim])]
            self._chance.shuffle(points)
            workers = [point for point in points if point[1] == "worker"]
            others = [point for point in points if point[1] != "worker"]
            self._points = [point for both in zip_longest(workers, others) for point in both if point]
        return self._points.pop(0)

    @contextmanager
    def _traffic(self) -> Iterator[None]:
        """The clients work until the block ends; what they still wait for then is waited for."""
        stop = Event()
        with ThreadPoolExecutor(len(self.clients)) as pool:
            working = [pool.submit(client.work, self.service.url, stop) for client in self.clients]
            try:
                yield
            finally:
                stop.set()
                for each in working:
                    each.result()

    def _strike(self, aim: Aim, victim: Role) -> tuple[bool, list[str]]:
        """Kill ``victim`` at the moment; whether it was the one that was aimed at, and what was under way."""
        time.sleep(self._chance.uniform(0, _WARM_UP_S))
        if victim == "sandbox":
            return wait_for(self._kill_a_sandbox, _AIM_SECONDS), self._under_way()
        known = self.service.processes()
        if aim.trace is None:
            time.sleep(self._chance.uniform(0, _ANY_MOMENT_S))
        came = aim.trace is None or wait_for(aim.trace(self.service.home), _AIM_SECONDS)
        under_way = self._under_way()
        if victim == "parent":
            self.service.kill(known["worker"])
        elif known["worker"]:
            kill(self._chance.choice(known["worker"]))
        return came, under_way

    def _under_way(self) -> list[str]:
        return sorted(kind(operation) for client in self.clients if (operation := client.under_way))

    def _kill_a_sandbox(self) -> bool:
        children = self.service.processes()["sandbox"]
        return bool(children) and kill(self._chance.choice(children))

    def _start_again(self) -> None:
        self.service.launch()
        if self._chance.random() < _START_AGAIN:
            time.sleep(self._chance.uniform(0, self._start_s))
            self.service.kill()
            self.tally.points[STARTING, "parent"] += 1
            self.service.launch()

    def _look(self, *, swept: bool) -> str:
        """Compare what is there with the clients' books; what became of changes in doubt, in words."""
        view = look(self.service.url, PREFIX)
        verdicts = [client.compare(view) for client in self.clients]
        losses = [loss for verdict in verdicts for loss in verdict.losses]
        losses += [*view.contradictions, *self._default_losses(view.default)]
        losses += store_losses(self.service.home, swept=swept)
        fates = [verdict.fate for verdict in verdicts if verdict.fate != SURE]
        self.tally.looks += 1
        self.tally.fates.update(fates)
        self.tally.losses += losses
        for loss in losses:
            say(f"LOSS: {loss}")
        return ", ".join(sorted(fates)) or "nothing in doubt"

    def _default_losses(self, default: str | None) -> list[str]:
        moves = [*self._default, *(move for client in self.clients for move in client.moves)]
        for client in self.clients:
            client.moves = []
        possible = possible_defaults(moves)
        now = time.monotonic()
        self._default = [Move(default, now, now)] if default else []
        if not moves or default in possible:
            return []
        return [f"{default} is the default and not one of {sorted(possible)}"]


def _report(tally: Tally, clients: list[Client]) -> str:
    moments = [*(aim.name for aim in AIMS), STARTING]
    rows = [(moment, *(tally.points[moment, victim] for victim in _NAMES)) for moment in moments]
    acknowledged = sum((client.acknowledged for client in clients), Counter[str]())
    refused = sum((client.refused for client in clients), Counter[str]())
    ready = ", ".join(f"{seconds:.1f} s after {_NAMES[victim]} died" for victim, seconds in tally.ready_s.items())
    parts = [
        f"{sum(tally.points.values())} points, {tally.looks} looks at everything, losses: {len(tally.losses)}. "
        f"Each look predicts through every version, alias and id, reads every file against its digest, and compares "
        f"the list with what the clients were told; it answered again at the latest {ready or 'never'}.",
        table(["killed when", *(f"{_NAMES[victim]}" for victim in _NAMES)], rows),
        "Changes that were under way at a kill, and acknowledged in all:",
        table(
            ["change", "under way at a kill", "acknowledged"],
            [(name, tally.under_way[name], acknowledged[name]) for name in sorted({*tally.under_way, *acknowledged})],
        ),
        "What became of changes that nobody was told the end of (half of one is a loss):",
        table(["fate", "changes"], sorted(tally.fates.items())) if tally.fates else "None was in doubt.",
        f"Refused meanwhile, with nothing changed: {_listed(refused)}.",
    ]
    return "\n\n".join(parts)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"
