from __future__ import annotations

from dataclasses import replace

from benchmarks import environments
from benchmarks.catalogue import PEERS, QUICK_PEERS
from benchmarks.duration import expected_seconds
from benchmarks.goals import SECTIONS_OF_GOALS
from benchmarks.plan import HEADLINE, PICTURE_WORKS, PLANS, environments_of
from benchmarks.sections import SECTIONS


def test_every_plan_measures_sections_and_peers_that_exist() -> None:
    keys = {peer.key for peer in PEERS}
    for plan in PLANS.values():
        assert set(plan.sections) <= SECTIONS.keys()
        assert set(plan.peers) <= keys


def test_the_full_plan_has_every_section_and_tunes_first() -> None:
    assert set(PLANS["full"].sections) == SECTIONS.keys()
    assert PLANS["full"].sections[0] == "tune"


def test_the_quick_plan_has_the_headline_connections_of_a_small_and_a_large_model() -> None:
    quick = PLANS["quick"]
    for section in ("squeezenet", "resnet50"):
        assert section in quick.sections
        assert quick.connections_of(PICTURE_WORKS[section]) == HEADLINE


def test_the_quick_plan_takes_ten_minutes_the_goals_less_than_half_an_hour_and_all_about_an_hour() -> None:
    longest = {"quick": 10, "goals": 30, "full": 65}
    for name, minutes in longest.items():
        assert sum(expected_seconds(PLANS[name], section) for section in PLANS[name].sections) <= 60 * minutes


def test_the_goals_plan_measures_everything_that_a_goal_needs() -> None:
    assert set(PLANS["goals"].sections) == set(SECTIONS_OF_GOALS)
    assert set(QUICK_PEERS) < set(PLANS["goals"].peers)


def test_a_plan_needs_the_environments_of_its_peers_and_of_the_hello_world() -> None:
    assert environments_of(PLANS["quick"]) == ["fastapi", "triton", "bentoml"]
    assert environments_of(replace(PLANS["quick"], sections=("features",))) == ["fastapi", "triton"]


def test_every_peer_has_pinned_requirements_and_two_configurations_or_more() -> None:
    for peer in PEERS:
        assert all("==" in line for line in environments.pins(peer.environment))
        assert len(peer.configurations) >= 2


def test_a_peer_that_is_not_installed_says_how_to_install_it() -> None:
    assert "python -m benchmarks.environments" in (environments.why_absent("nothing-of-this-name") or "")
