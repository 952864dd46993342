from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from preprocessing.spec import Dimension, ImageInput, ModelSpec, TensorInfo
from serving import schemas
from serving.errors import ServiceError
from serving.records.records import Records
from serving.registry.records import LiveReport, ModelKey, ModelVersion, Routing
from serving.traffic.running import Running
from serving.traffic_control import TrafficControl
from tests.records.predictions import prediction


def features(*shape: Dimension, names: tuple[str, ...] = ("x",)) -> ModelSpec:
    """A model of features with inputs of ``shape``."""
    inputs = tuple(TensorInfo(name=name, dtype=1, shape=shape) for name in names)
    return ModelSpec(inputs=inputs, outputs=(TensorInfo(name="y", dtype=1, shape=("N", 3)),))


def pictures(size: int) -> ModelSpec:
    """A model of pictures."""
    return features("N", 3, size, size).replaced(image=ImageInput(name="x", size=(size, size)))


class Registry:
    """Versions and plans in memory, the splitter too."""

    def __init__(self, **specs: ModelSpec) -> None:
        self.specs = specs
        self.traffic: dict[str, Running] = {}
        self.told: list[tuple[str, str]] = []

    def get(self, key: ModelKey) -> ModelVersion:
        if key.version not in self.specs:
            raise ServiceError("model_not_found", str(key))
        return cast(ModelVersion, SimpleNamespace(key=key, spec=self.specs[key.version]))

    def routing(self) -> Routing:
        return Routing(1, "iris", {"iris": "v1"}, {}, self.traffic)

    async def split(self, running: Running, *, actor: str, reason: str) -> LiveReport:
        self.traffic[running.plan.id] = running
        self.told.append((actor, reason))
        return LiveReport("1/1", 1, 2)

    async def end_split(self, model_id: str, *, actor: str, reason: str) -> LiveReport:
        del self.traffic[model_id]
        self.told.append((actor, reason))
        return LiveReport("1/1", 1, 3)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = Records.open(tmp_path)
    yield records
    records.close()


def body(**changes: Any) -> dict[str, Any]:
    return {"id": "iris", "weights": {"v1": 75, "v2": 25}, **changes}


async def test_a_plan_is_put_in_place_told_and_ended(records: Records) -> None:
    registry = Registry(v1=features("N", 4), v2=features("N", 4), v3=features("N", 4))
    control = TrafficControl(registry, registry, records)

    guards, ramp = {"error_rate": 0.1}, [{"after_s": 60, "weights": {"v2": 100}}]
    assert (await control.put(body(shadow="v3", guards=guards, ramp=ramp), actor="me"))[0] == "iris"
    told = await control.state("iris")
    assert (told["weights"], told["shadow"], told["ramp"]) == ({"v1": 75, "v2": 25}, "v3", ramp)
    assert [(arm["arm"], arm["role"], arm.get("weight")) for arm in told["arms"]] == [
        ("v1", "answer", 75),
        ("v2", "answer", 25),
        ("v3", "shadow", None),
    ]
    schemas.Traffic.model_validate({**told, "request_id": "x"})
    assert await control.states() == [told]
    await control.end("iris", actor="me")
    assert (await control.state("iris"))["weights"] == {"v1": 100}
    assert registry.told[0] == ("me", "v1 75 %, v2 25 %; shadow v3; 1 ramp step(s); guarded")


async def test_what_each_arm_got_is_told(records: Records, tmp_path: Path) -> None:
    registry = Registry(v1=features("N", 4), v2=features("N", 4))
    control = TrafficControl(registry, registry, records)
    await control.put(body(), actor="me")
    now = time.time()
    writer = Records.open(tmp_path)
    for number in range(8):
        version, error = ("v1", None) if number < 6 else ("v2", "overloaded")
        writer.recorder.add(prediction(f"r{number}", at=now, version=version, split="iris", error=error))
    writer.close()

    first, second = (await control.state("iris"))["arms"]
    assert (first["requests"], first["share"], first["errors"], first["p99_ms"]) == (6, 0.75, 0, 5.0)
    assert (second["requests"], second["share"], second["errors"]) == (2, 0.25, 2)


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        (features("N", 4), features(None, 4), True),
        (features("N", 4), features("batch", 4, names=("another",)), True),
        (features("N", 4), features("N", 5), False),
        (features("N", 4, names=("a", "b")), features("N", 4, names=("b", "a")), True),
        (features("N", 4, names=("a", "b")), features("N", 4, names=("a", "c")), False),
        (features("N", 4), features("N", 4, names=("a", "b")), False),
        (pictures(32), pictures(224), True),
        (pictures(32), features("N", 3, 32, 32), False),
    ],
)
async def test_arms_must_take_the_same_inputs(
    records: Records, first: ModelSpec, second: ModelSpec, alike: bool
) -> None:
    registry = Registry(v1=first, v2=second)
    control = TrafficControl(registry, registry, records)

    if alike:
        await control.put(body(), actor="me")
    else:
        with pytest.raises(ServiceError, match="takes other inputs") as caught:
            await control.put(body(), actor="me")
        assert caught.value.code == "conflict"
    assert bool(registry.traffic) is alike


async def test_an_unknown_version_or_id_is_told(records: Records) -> None:
    registry = Registry(v1=features("N", 4))
    control = TrafficControl(registry, registry, records)

    with pytest.raises(ServiceError, match="iris@v2"):
        await control.put(body(), actor="me")
    with pytest.raises(ServiceError, match="nobody"):
        await control.state("nobody")
