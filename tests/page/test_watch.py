"""The fourth view: what the service does, from its own figures."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Request, expect

from tests.page.browser import Visit
from tests.pictures import BLUE, RED, picture
from tests.server import LensServer


@pytest.fixture(scope="module")
def asked(lens: LensServer) -> LensServer:
    """A server that has just answered, from the cache too, and refused."""
    for color in (RED, BLUE, RED):
        requests.post(f"{lens.url}/predict", files={"file": ("p.jpg", picture(color))}, timeout=10).raise_for_status()
    requests.post(f"{lens.url}/predict", files={"file": ("p.jpg", b"no picture")}, timeout=10)
    return lens


def test_the_board_shows_what_was_answered_by_all_workers(tab: Visit, asked: LensServer) -> None:
    page = tab.open("/#watch")
    # The record is a fraction of a second behind, and the board asks again.
    requests_shown = page.locator(".stat").filter(has_text="Requests").locator(".value")
    expect(requests_shown).not_to_have_text("0")
    expect(page.locator(".chart", has_text="Labels").locator(".legend")).to_contain_text("red")
    expect(page.locator(".chart", has_text="Which model answers").locator(".legend")).to_contain_text("colors v1")
    expect(page.locator(".card", has_text="Answers since the server started").last).to_contain_text("4xx")
    expect(page.locator(".chart svg")).to_have_count(6)


def test_the_board_goes_on_by_itself(tab: Visit, asked: LensServer) -> None:
    page = tab.open("/#watch")
    shown = page.locator(".stat").filter(has_text="Requests").locator(".value")
    page.get_by_role("button", name="5 min", exact=True).click()
    expect(shown).not_to_have_text("0")
    before = shown.inner_text()
    requests.post(f"{asked.url}/predict", files={"file": ("p.jpg", picture(RED))}, timeout=10).raise_for_status()
    expect(shown).not_to_have_text(before)


def test_pausing_stops_asking_and_a_range_asks_for_it(tab: Visit, asked: LensServer) -> None:
    page = tab.open("/#watch")
    page.locator(".stats").wait_for()
    with page.expect_request("**/stats?seconds=3600&steps=60"):
        page.get_by_role("button", name="1 hour").click()
    with page.expect_response("**/stats?seconds=300&steps=60"):
        page.get_by_role("button", name="5 min", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    looks: list[Request] = []
    page.on("request", lambda request: looks.append(request) if "/stats" in request.url else None)
    # What is asked for while it is paused is asked for when it goes on.
    page.get_by_role("button", name="6 hours").click()
    expect(page.get_by_role("button", name="6 hours")).to_have_attribute("aria-pressed", "true")
    assert looks == []
    with page.expect_request("**/stats?seconds=21600&steps=60"):
        page.get_by_role("button", name="Go on").click()


def test_a_server_that_does_not_answer_is_told_and_asked_again(tab: Visit, asked: LensServer) -> None:
    page = tab.open()
    page.route("**/stats?*", lambda route: route.abort("connectionrefused"), times=1)
    page.get_by_role("link", name="Watch").click()
    expect(page.locator("#view-watch .problem")).to_contain_text("cannot be reached")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".stats")).to_be_visible()
    tab.excuse("Failed to load resource", "CONNECTION_REFUSED")


def test_an_axis_is_written_in_round_values_and_a_gap_is_no_line(tab: Visit) -> None:
    page = tab.open()
    told = page.evaluate(
        """async () => {
            const { ticks, countedTicks } = await import("/static/parts/scale.js");
            return [ticks(0, 1, 4), ticks(0, 16.2, 4), ticks(-0.3, 0.7, 4), countedTicks(1, 16, 4),
                countedTicks(1700000000, 1700000300, 4), countedTicks(1, 1, 4)];
        }"""
    )
    assert told == [
        [0, 0.25, 0.5, 0.75, 1],
        [0, 5, 10, 15],
        [-0.25, 0, 0.25, 0.5],
        [5, 10, 15],
        [1700000040, 1700000160, 1700000280],
        [1],
    ]
    path = page.evaluate(
        """async () => {
            const { html, render } = await import("/static/html.js");
            const { Chart } = await import("/static/parts/chart.js");
            const place = document.body.appendChild(document.createElement("div"));
            const series = [{ label: "a", color: "series-1", values: [1, 2, null, 3, null] }];
            const written = { format: String, formatX: String };
            render(html`<${Chart} title="T" xs=${[1, 2, 3, 4, 5]} series=${series} ...${written} />`, place);
            await new Promise((resolve) => new MutationObserver(() => place.querySelector("path") && resolve())
                .observe(place, { childList: true, subtree: true }));
            return place.querySelector("path").getAttribute("d");
        }"""
    )
    assert (path.count("M"), path.count("L"), path.count("h0")) == (2, 1, 1)


@pytest.mark.parametrize("query", ["seconds=1", "seconds=-5", "seconds=x", "steps=0", "steps=100000", "seconds=¹"])
def test_a_span_that_makes_no_sense_is_refused(lens: LensServer, query: str) -> None:
    answer = requests.get(f"{lens.url}/stats?{query}", timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
