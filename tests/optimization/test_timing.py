from __future__ import annotations

from collections.abc import Callable

from serving.optimization.timing import WARM_UP, paired_timing


class Machine:
    """A clock that work moves on, and that is disturbed for a while."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slowness = 1.0
        self.order: list[str] = []

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.now += seconds * self.slowness
            self.order.append(name)

        return run


def test_the_speedup_is_that_of_the_pairs_even_where_the_machine_is_disturbed() -> None:
    machine = Machine()
    exact, fast = machine.work("exact", 3.0), machine.work("fast", 2.0)

    def disturbed() -> None:
        machine.slowness = 10.0 if len(machine.order) % 16 < 4 else 1.0
        exact()

    found = paired_timing(disturbed, fast, rounds=40, seconds=1e9, clock=lambda: machine.now)
    assert found.speedup == 1.5


def test_each_goes_first_in_every_other_pair() -> None:
    machine = Machine()
    paired_timing(machine.work("e", 1), machine.work("c", 1), rounds=4, seconds=1e9, clock=lambda: machine.now)
    assert "".join(machine.order[2 * WARM_UP :]) == "ecceecce"


def test_it_ends_in_time_but_not_before_three_pairs() -> None:
    machine = Machine()
    paired_timing(machine.work("e", 50), machine.work("c", 50), rounds=1000, seconds=1, clock=lambda: machine.now)
    assert len(machine.order) == 2 * WARM_UP + 6
