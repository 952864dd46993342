"""An answer that takes its time, and one that does not come."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.graphs import mean_color_classifier
from tests.page.browser import Visit
from tests.pictures import GREEN, RED, picture
from tests.server import PictureSite

# Chromium itself notes each failure in the console.
NOTED = "Failed to load resource"


def choose_red(page: Page) -> None:
    page.set_input_files("#file", FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))


def open_with_a_clock(tab: Visit) -> Page:
    """The page, whose clock and timers the test can put forward."""
    tab.page.clock.install()
    return tab.open()


def test_an_answer_that_takes_half_a_minute_is_waited_for_and_the_seconds_counted(
    tab: Visit, site: PictureSite
) -> None:
    address = site.put("/leaf.jpg", picture(GREEN), headers={"Content-Type": "image/jpeg"})
    site.answers.clear()
    page = open_with_a_clock(tab)
    page.fill("#url", address)
    page.press("#url", "Enter")
    answer = page.locator("#answer")
    expect(answer).to_contain_text("Looking…")
    page.clock.run_for(10_000)
    expect(answer).to_contain_text(re.compile(r"Looking… 1\d s"))
    page.clock.run_for(19_000)
    expect(answer).to_contain_text(re.compile(r"Looking… (29|3\d) s"))
    expect(answer.locator("progress")).to_be_visible()
    expect(answer.locator(".problem")).to_have_count(0)
    site.answers.set()
    expect(page.locator(".best")).to_have_text("green")
    assert set(tab.strangers) == {address}
    tab.strangers.clear()


@pytest.mark.usefixtures("colors_again")
def test_an_upload_that_takes_half_a_minute_is_waited_for(tab: Visit) -> None:
    held: list[Route] = []
    page = open_with_a_clock(tab)
    page.route("**/upload", lambda route: held.append(route))
    page.set_input_files("#model", FilePayload(name="slow.onnx", mimeType="", buffer=mean_color_classifier()))
    with page.expect_request("**/upload"):
        page.get_by_role("button", name="Upload and go live").click()
    expect(page.locator(".steps .now")).to_have_text("Send the file")
    page.clock.run_for(29_000)
    expect(page.locator("#sent")).to_be_visible()
    expect(page.locator("#upload .problem")).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#uploaded")).to_contain_text("slow v1 is live")


def test_a_connection_that_breaks_off_after_long_says_what_to_do_and_can_be_tried_again(tab: Visit) -> None:
    held: list[Route] = []
    page = open_with_a_clock(tab)
    page.route("**/predict", lambda route: held.append(route), times=1)
    with page.expect_request("**/predict"):
        choose_red(page)
    expect(page.locator("#answer")).to_contain_text("Looking…")
    page.clock.run_for(29_000)
    held[0].abort("connectionreset")
    problem = page.locator("#answer .problem")
    expect(problem).to_contain_text("The server cannot be reached.")
    expect(problem).to_contain_text("Is it still running?")
    problem.get_by_role("button", name="Try again").click()
    expect(page.locator(".best")).to_have_text("red")
    tab.excuse(NOTED, "CONNECTION_RESET")


def test_a_server_that_is_too_busy_says_how_long_to_wait(tab: Visit) -> None:
    page = tab.open()
    busy = {"detail": "Too many pictures are waiting already.", "code": "overloaded", "request_id": "r-1"}
    page.route("**/predict", lambda route: route.fulfill(status=503, json=busy, headers={"Retry-After": "7"}), times=1)
    choose_red(page)
    problem = page.locator("#answer .problem")
    expect(problem).to_contain_text("Too many pictures are waiting already.")
    expect(problem).to_contain_text("Wait 7 seconds.")
    expect(problem).to_contain_text("Request r-1")
    problem.get_by_role("button", name="Try again").click()
    expect(page.locator(".best")).to_have_text("red")
    tab.excuse(NOTED, "503")


def test_a_server_that_is_gone_is_said_in_the_head_and_found_again(tab: Visit) -> None:
    page = tab.page
    page.route("**/models?*", lambda route: route.abort("connectionrefused"))
    tab.open("/#models")
    expect(page.locator("#serving.off")).to_have_text("The server cannot be reached.")
    again = page.locator("#view-models").get_by_role("button", name="Try again")
    again.wait_for()
    page.unroute("**/models?*")
    again.click()
    expect(page.locator("#serving.on")).to_contain_text("Serving colors")
    expect(page.locator("#view-models .problem")).to_have_count(0)
    while tab.complaints:
        tab.excuse(NOTED, "CONNECTION_REFUSED")
