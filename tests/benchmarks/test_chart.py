from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.chart import bars, curve
from tests.benchmarks.hand_made import FASTAPI, arrivals, points

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_the_rates() -> None:
    drawn = ElementTree.fromstring(bars("A & B", [*points("Lens", {16: 120}), *points(FASTAPI, {16: 60})], "Lens"))
    widths = [float(each.attrib["width"]) for each in drawn.iter(f"{SVG}rect") if each.attrib["height"] == "11"]
    assert widths[0] == 2 * widths[1]
    texts = [each.text for each in drawn.iter(f"{SVG}text")]
    assert {"A & B", "Lens", FASTAPI, "120", "60", "16 connections"} <= set(texts)


def test_a_limit_has_one_bar_whatever_the_connections() -> None:
    drawn = ElementTree.fromstring(bars("", [*points("limit", {0: 140}), *points("Lens", {1: 70, 16: 140})], "Lens"))
    kinds = [each.attrib["class"] for each in drawn.iter(f"{SVG}rect") if each.attrib["height"] == "11"]
    assert kinds == ["limit", "own1", "own2"]


def test_bars_are_of_the_headline_connections() -> None:
    drawn = bars("", points("Lens", {1: 11, 2: 22, 4: 44, 16: 66, 64: 88}), "Lens")
    assert [rate in drawn for rate in (">11<", ">22<", ">44<", ">66<", ">88<")] == [True, False, False, True, True]


def test_a_curve_has_a_place_for_every_load() -> None:
    drawn = ElementTree.fromstring(curve("load", [arrivals("Lens", 9.0, answered=rate) for rate in (50, 100, 200)]))
    lines = [each.attrib["points"].split() for each in drawn.iter(f"{SVG}polyline")]
    assert [len(line) for line in lines] == [3, 3, 3]
