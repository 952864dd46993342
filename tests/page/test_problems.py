from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, FilePayload, Page, expect

from serving.errors import STATUS
from tests.graphs import mean_color_classifier
from tests.page.browser import Visit, visit
from tests.page.conftest import KEY
from tests.pictures import RED, picture
from tests.server import LensServer, PictureSite

# Chromium itself notes each answer of 400 and above in the console.
NOTED = "Failed to load resource"


def choose_red(page: Page) -> None:
    page.set_input_files("#file", FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))


def test_a_dead_address_is_told_in_words_with_what_to_do(tab: Visit, site: PictureSite) -> None:
    page = tab.open()
    page.fill("#url", f"{site.url}/gone.jpg")
    page.press("#url", "Enter")
    problem = page.locator("#answer .problem")
    expect(problem).to_contain_text("could not be fetched")
    expect(problem).to_contain_text("save the picture and choose the file")
    expect(problem).to_contain_text("Request ")
    expect(page.get_by_text("This picture cannot be shown here.")).to_be_visible()
    tab.excuse(NOTED, "400")
    tab.excuse(NOTED, "404")
    assert set(tab.strangers) == {f"{site.url}/gone.jpg"}
    tab.strangers.clear()


def test_a_file_that_is_no_picture_is_told_in_words(tab: Visit) -> None:
    page = tab.open()
    page.set_input_files("#file", FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"milk, eggs"))
    expect(page.locator("#answer .problem")).to_contain_text("Only images are allowed")
    tab.excuse(NOTED, "400")


def test_a_server_that_cannot_be_reached_can_be_asked_again(tab: Visit) -> None:
    page = tab.open()
    page.route("**/predict", lambda route: route.abort("connectionrefused"), times=1)
    choose_red(page)
    expect(page.locator("#answer .problem")).to_contain_text("cannot be reached")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".best")).to_have_text("red")
    tab.excuse(NOTED, "CONNECTION_REFUSED")


def test_an_answer_from_something_in_between_is_told_by_its_status(tab: Visit) -> None:
    page = tab.open()
    page.route("**/predict", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    choose_red(page)
    expect(page.locator("#answer .problem")).to_contain_text("The server answered 502")
    assert page.locator("#answer h1").count() == 0
    tab.excuse(NOTED, "502")


def test_every_advice_is_for_a_code_that_there_is(root: Path) -> None:
    text = (root / "serving" / "web" / "parts" / "problem.js").read_text()
    advice = text[text.index("const ADVICE") : text.index("};")]
    codes = set(re.findall(r"^  (\w+):", advice, re.MULTILINE))
    assert len(codes) > 10
    assert codes - {"unreachable"} <= STATUS.keys()


def test_where_a_key_is_needed_the_page_asks_for_it_and_brings_it_along(
    browser: Browser, lens: LensServer, colors_again: None
) -> None:
    # A forwarding header makes a stranger of whoever comes from loopback.
    with visit(browser, lens.url, extra_http_headers={"X-Forwarded-For": "192.0.2.7"}) as stranger:
        page = stranger.open()
        model = FilePayload(name="behind-a-key.onnx", mimeType="", buffer=mean_color_classifier())
        page.set_input_files("#model", model)
        page.get_by_role("button", name="Upload and go live").click()
        page.locator("#uploaded").get_by_role("button", name="Enter an API key").click()
        page.get_by_label("Key", exact=True).fill(KEY)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Upload and go live").click()
        expect(page.locator("#uploaded")).to_contain_text("behind-a-key v1 is live on 2 of 2 workers")
        kept = page.evaluate("() => [Object.values({ ...sessionStorage }), localStorage.length, document.cookie]")
        assert kept == [[KEY], 0, ""]
        while stranger.complaints:
            stranger.excuse(NOTED, "401")
