"""The goals, each computed from the raw figures: met or missed, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.bench import LIMITS, OWN_CODE
from benchmarks.catalogue import CORES, LENS
from benchmarks.results import Record
from benchmarks.sections.closed_loop import CACHED
from benchmarks.sections.overload import middle_rounds
from benchmarks.sections.pictures import AUTO, DRAFT, best_peer
from benchmarks.tables import rate_of, table

_OPENVINO = "OpenVINO behind FastAPI"
_SMALL_MODELS = {"squeezenet": "SqueezeNet", "mobilenet": "MobileNet"}
_AHEAD = {1: 1.35, 16: 1.2, 64: 1.2}
_OF_LIMIT, _OF_CORES, _CACHED_TIMES, _START_TIMES = 0.97, 0.95, 5.0, 1.5
_LARGE_TIMES, _DRAFT_TIMES = 1.8, 2.5


@dataclass(frozen=True)
class Goal:
    """One goal: what was asked, what was seen, and whether it is met (None: not measured)."""

    asked: str
    seen: str
    met: bool | None


def goals(records: Mapping[str, Record]) -> list[Goal]:
    """Every goal, in the order of the sections that show them; those of sections without figures are not measured."""
    found: list[Goal] = []
    for section, model in _SMALL_MODELS.items():
        found += _small_model(records.get(section, Record(section, {})), model)
    for section, judge in _JUDGES.items():
        found += judge(records.get(section, Record(section, {})))
    return found


def goals_table(records: Mapping[str, Record]) -> str:
    """The goals as Markdown."""
    verdicts = {True: "met", False: "**missed**", None: "not measured"}
    return table(["goal", "seen", ""], [[goal.asked, goal.seen, verdicts[goal.met]] for goal in goals(records)])


def _small_model(record: Record, model: str) -> Iterator[Goal]:
    for connections, times in _AHEAD.items():
        yield _beside_peer(record, model, connections, times)
    for connections in (16, 64):
        yield _beside_limit(record, model, connections)
    if record.section == "squeezenet":
        for connections in (2, 4):
            yield _all_cores(record, model, connections)
        yield _fastest_mode(record, model)
    yield _no_failure(record, model)
    yield _half_load(record, model)


def _large_model(record: Record) -> Iterator[Goal]:
    yield _beside_peer(record, "ResNet-50", 1, 1.0)
    for connections in (16, 64):
        yield _beside_limit(record, "ResNet-50", connections)
    yield _fastest_mode(record, "ResNet-50")
    yield _no_failure(record, "ResNet-50")
    yield _memory(record)


def _beside_peer(record: Record, model: str, connections: int, times: float) -> Goal:
    by = f"{times:g} times " if times != 1 else ""
    asked = f"{model}, {connections} conn.: at least {by}the best ONNX Runtime peer"
    ours, best = rate_of(record.points, LENS, connections), best_peer(record.points, connections)
    if ours is None or best is None:
        return Goal(asked, "-", None)
    name, theirs = best
    return _ratio(asked, ours, theirs, times, f"{name} {theirs:,.0f}")


def _beside_limit(record: Record, model: str, connections: int) -> Goal:
    """Against the faster of the peers' two limits, whichever graph Lens serves; its own code's is told beside them."""
    asked = f"{model}, {connections} conn.: at least {_OF_LIMIT} of the in-process limit"
    ours = rate_of(record.points, LENS, connections)
    limits = {name: rate for name in LIMITS if (rate := rate_of(record.points, name, 0)) is not None}
    if ours is None or not limits:
        return Goal(asked, "-", None)
    fastest = max(limits.values())
    limits |= {name: rate for name in OWN_CODE if (rate := rate_of(record.points, name, 0)) is not None}
    others = ", ".join(f"{name} {rate:,.0f}: {ours / rate:.2f}" for name, rate in limits.items())
    return _ratio(asked, ours, fastest, _OF_LIMIT, others)


def _all_cores(record: Record, model: str, connections: int) -> Goal:
    """What all cores are worth is taken from 16 connections, where none of them waits."""
    asked = f"{model}, {connections} conn.: at least {_OF_CORES} of what all cores do (16 conn.)"
    return _compared(asked, record, (LENS, connections), (LENS, 16), _OF_CORES)


def _fastest_mode(record: Record, model: str) -> Goal:
    """The exact one where no other was judged: random weights give one class for everything, which tells nothing."""
    auto = rate_of(record.points, AUTO, 16)
    mode = record.notes.get(AUTO, "mode unknown").partition(":")[0] if auto else "mode fp32, as no other was judged"
    asked = f"{model}, 16 conn., fastest permitted mode: ahead of {_OPENVINO}"
    ours, theirs = auto or rate_of(record.points, LENS, 16), rate_of(record.points, _OPENVINO, 16)
    if ours is None or theirs is None:
        return Goal(asked, "-", None)
    how = record.notes.get(_OPENVINO, "precision unknown")
    return _ratio(asked, ours, theirs, 1.0, f"{mode}; OpenVINO {theirs:,.0f}, {how}")


def _no_failure(record: Record, model: str) -> Goal:
    own = [point.load for point in record.points if point.variant == LENS]
    sent, failed = sum(load.requests for load in own), sum(load.failed for load in own)
    return Goal(f"{model}: no failed request", f"{failed} of {sent:,}", not failed if sent else None)


def _memory(record: Record) -> Goal:
    """The processes that hold the model: one a worker, the largest ones."""
    asked = "memory per worker stated (ResNet-50)"
    processes = next((each.processes for each in record.memory if each.variant == LENS), None)
    if processes is None:
        return Goal(asked, "-", None)
    workers = " + ".join(f"{size:.0f}" for size in processes[:CORES])
    return Goal(asked, f"{workers} MB; {sum(processes):.0f} MB with all processes", True)


def _half_load(record: Record, model: str) -> Goal:
    asked = f"{model}: p99 at half of the best peer's top rate under the best peer's p99"
    p99: dict[str, list[float]] = {}
    for each in record.arrivals:
        if each.outcome.p99_ms is not None:
            p99.setdefault(each.variant, []).append(each.outcome.p99_ms)
    medians = {name: median(values) for name, values in p99.items()}
    ours = medians.pop(LENS, None)
    if ours is None or not medians:
        return Goal(asked, "-", None)
    best = min(medians, key=lambda name: medians[name])
    return Goal(asked, f"{ours:.1f} ms; {best} {medians[best]:.1f} ms", ours < medians[best])


def _features(record: Record) -> Iterator[Goal]:
    for connections in (1, 16, 64):
        asked = f"iris JSON, {connections} conn.: at least FastAPI + ONNX Runtime"
        ours, best = rate_of(record.points, LENS, connections), best_peer(record.points, connections)
        if ours is None or best is None:
            yield Goal(asked, "-", None)
        else:
            yield _ratio(asked, ours, best[1], 1.0, f"{best[0]} {best[1]:,.0f}")


def _cached(record: Record) -> Iterator[Goal]:
    for connections in (1, 16):
        asked = f"the same picture cached, {connections} conn.: at least {_CACHED_TIMES:g} times uncached"
        yield _compared(asked, record, (CACHED, connections), (LENS, connections), _CACHED_TIMES)


def _large_pictures(record: Record) -> Iterator[Goal]:
    for name, times in ((LENS, _LARGE_TIMES), (DRAFT, _DRAFT_TIMES)):
        for connections in (1, 16):
            asked = f"2-megapixel JPEG, {connections} conn., {name}: at least {times:g} times the best peer"
            ours = rate_of(record.points, name, connections)
            best = best_peer(record.points, connections, onnx_runtime=False)
            if ours is None or best is None:
                yield Goal(asked, "-", None)
            else:
                yield _ratio(asked, ours, best[1], times, f"{best[0]} {best[1]:,.0f}")


def _start(record: Record) -> Iterator[Goal]:
    asked = f"ready in at most {_START_TIMES} times a hello-world BentoML service"
    medians = {
        name: median(each.seconds for each in record.starts if each.variant == name)
        for name in {each.variant for each in record.starts}
    }
    ours = medians.pop(LENS, None)
    if ours is None or not medians:
        yield Goal(asked, "-", None)
        return
    theirs = next(iter(medians.values()))
    seen = f"{ours / theirs:.2f} times ({ours:.2f} s to {theirs:.2f} s)"
    yield Goal(asked, seen, ours / theirs <= _START_TIMES)


def _overload(record: Record) -> Iterator[Goal]:
    asked = "goodput does not collapse up to 4 times the top rate (at least 0.8 of it)"
    top = median(point.load.rate for point in record.points) if record.points else 0.0
    if not record.arrivals or not top:
        yield Goal(asked, "-", None)
        return
    arrivals = [each for each in record.arrivals if float(each.work) > 1]
    over = [each.outcome for each in arrivals]
    worst = min((each.outcome.goodput for each in middle_rounds(arrivals)), default=0.0)
    broken = sum(outcome.failed for outcome in over)
    slowest = max((outcome.p99_ms or 0.0 for outcome in over), default=0.0)
    seen = f"{worst / top:.2f} of {top:,.0f} at worst, p99 at most {slowest:,.0f} ms; {broken} not answered at all"
    yield Goal(asked, seen, worst / top >= 0.8 and not broken)


def _compared(asked: str, record: Record, ours: tuple[str, int], theirs: tuple[str, int], times: float) -> Goal:
    first, second = rate_of(record.points, *ours), rate_of(record.points, *theirs)
    if first is None or second is None:
        return Goal(asked, "-", None)
    return _ratio(asked, first, second, times, f"{second:,.0f}")


def _ratio(asked: str, ours: float, theirs: float, times: float, beside: str) -> Goal:
    ratio = ours / theirs if theirs else 0.0
    return Goal(asked, f"{ratio:.2f} ({ours:,.0f}; {beside})", ratio >= times)


_JUDGES = {
    "resnet50": _large_model,
    "large": _large_pictures,
    "features": _features,
    "cached": _cached,
    "start": _start,
    "overload": _overload,
}
SECTIONS_OF_GOALS = (*_SMALL_MODELS, *_JUDGES)
"""The sections whose figures the goals are computed from."""
