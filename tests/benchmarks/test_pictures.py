from __future__ import annotations

from benchmarks.catalogue import LENS, PEERS
from benchmarks.sections.pictures import outrun
from tests.benchmarks.hand_made import FASTAPI, OPENVINO, points


def test_two_peers_of_onnx_runtime_and_the_fastest_of_all_stay_in_the_race() -> None:
    seen = [
        *points(LENS, {0: 9, 16: 100}),
        *points(OPENVINO, {16: 90}),
        *points(FASTAPI, {16: 80}),
        *points("mosec", {16: 70}),
        *points("MLServer", {16: 60}),
    ]
    assert {peer.name for peer in PEERS} - outrun(seen) == {OPENVINO, FASTAPI, "mosec"}


def test_who_is_fast_at_one_number_of_connections_stays() -> None:
    seen = [*points("mosec", {1: 1, 16: 3}), *points("MLServer", {1: 2, 16: 2}), *points("PyTriton", {1: 3, 16: 1})]
    assert {peer.name for peer in PEERS} - outrun(seen) == {"mosec", "MLServer", "PyTriton"}
    assert "mosec" in outrun([point for point in seen if point.connections == 1])
