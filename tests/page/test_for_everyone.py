"""The page without a mouse, on any screen, in both schemes, and as a screen reader meets it."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.graphs import mean_color_classifier
from tests.page.browser import DESKTOP, PHONE, WIDE, Visit, visit
from tests.pictures import GREEN, RED, picture
from tests.server import LensServer, PictureSite


def test_everything_can_be_done_with_the_keyboard_alone(tab: Visit, site: PictureSite, colors_again: None) -> None:
    address = site.put("/leaf.jpg", picture(GREEN), headers={"Content-Type": "image/jpeg"})
    page = tab.open()
    # The browser reports choosers from the first listener on, some time after it is set; so one stays all along.
    page.on("filechooser", lambda _: None)
    tab_to(page, "#url")
    page.keyboard.type(address)
    page.keyboard.press("Enter")
    expect(page.locator(".best")).to_have_text("green")
    tab_to(page, "#file")
    choose(page, FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))
    expect(page.locator(".best")).to_have_text("red")
    tab_to(page, "#model")
    choose(page, FilePayload(name="by-hand.onnx", mimeType="", buffer=mean_color_classifier()))
    tab_to(page, "#labels")
    choose(page, FilePayload(name="labels.txt", mimeType="text/plain", buffer=b"cherry\nlime\nplum\n"))
    tab_to(page, "#upload > button")
    page.keyboard.press("Enter")
    expect(page.locator("#uploaded")).to_contain_text("by-hand v1 is live")
    expect(page.locator("#upload > button")).to_be_focused()
    tab.strangers.remove(address)


def test_the_key_dialog_opens_closes_and_gives_the_focus_back(tab: Visit) -> None:
    page = tab.open()
    tab_to(page, "#open-access")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="API key")).to_be_visible()
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#open-access")).to_be_focused()


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [(PHONE, "dark"), (DESKTOP, "light"), (WIDE, "light")],
    ids=["dark-phone", "light-desktop", "light-wide"],
)
def test_it_fits_every_screen_and_breaks_no_rule_of_accessibility(
    browser: Browser, lens: LensServer, viewport: dict[str, int], scheme: str
) -> None:
    with visit(browser, lens.url, viewport=viewport, color_scheme=scheme, reduced_motion="reduce") as made:
        page = made.open()
        assert fits(page)
        page.set_input_files("#file", FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))
        page.locator(".bars").wait_for()
        for summary in page.locator("summary").all():
            summary.click()
        assert fits(page)
        assert violations(page) == []


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["light-phone", "dark-desktop"]
)
def test_every_view_fits_and_breaks_no_rule(
    browser: Browser, lens: LensServer, viewport: dict[str, int], scheme: str
) -> None:
    with visit(browser, lens.url, viewport=viewport, color_scheme=scheme, reduced_motion="reduce") as made:
        page = made.open("/#models")
        for view, ready in {"models": ".version", "learn": "#archive", "watch": ".stats"}.items():
            page.get_by_role("navigation", name="Views").locator(f"a[href='#{view}']").click()
            shown = page.locator(f"#view-{view}")
            shown.locator(ready).first.wait_for()
            for summary in shown.locator("summary").all():
                summary.click()
            assert fits(page), view
            assert violations(page) == [], view


def test_a_view_that_was_left_is_found_as_it_was(tab: Visit) -> None:
    page = tab.open()
    page.set_input_files("#file", FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))
    expect(page.locator(".best")).to_have_text("red")
    page.get_by_role("link", name="Watch").click()
    expect(page.locator(".best")).not_to_be_visible()
    expect(page).to_have_title("Watch · Lens")
    page.go_back()
    expect(page.locator(".best")).to_have_text("red")
    expect(page).to_have_title("Lens")


def test_who_begins_with_the_keyboard_can_pass_over_the_head(tab: Visit) -> None:
    page = tab.open("/#models")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page.locator("#view-models")).to_be_visible()


def test_the_longest_names_fit_a_phone(browser: Browser, lens: LensServer) -> None:
    label, name = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 3, "n" * 63
    answer = {
        "predicted_label": label,
        "class_label": label,
        "confidence": 0.51234,
        "predictions": [{"label": label, "probability": 0.51234}],
        "model_id": name,
        "model_version": name,
        "latency_ms": 29_876.5,
        "cached": False,
    }
    with visit(browser, lens.url, viewport=PHONE) as made:
        page = made.open()
        page.route("**/predict", lambda route: route.fulfill(json=answer))
        page.route("**/models/info?*", lambda route: route.fulfill(json={"threshold": 0, "labels": [label]}))
        page.set_input_files("#file", FilePayload(name=f"{name}.jpg", mimeType="image/jpeg", buffer=picture(RED)))
        expect(page.locator(".best")).to_have_text(label)
        expect(page.locator(".facts")).to_contain_text("29.9 s")
        assert fits(page)


def test_there_are_three_file_choosers_and_one_button_for_the_upload(tab: Visit) -> None:
    page = tab.open()
    assert page.locator("input[type=file]").count() == 3
    assert page.locator("#upload input[type=file]").count() == 2
    assert page.locator("#upload button").count() == 1


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until ``selector`` has the focus; whatever has it on the way shows it."""
    for _ in range(30):
        page.keyboard.press("Tab")
        style: dict[str, Any] = page.evaluate(
            """selector => {
                const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                return { there: document.activeElement.matches(selector), outlineStyle, outlineWidth };
            }""",
            selector,
        )
        assert (style["outlineStyle"], style["outlineWidth"]) == ("solid", "3px")
        if style["there"]:
            return
    raise AssertionError(f"Tab does not reach {selector}")


def choose(page: Page, file: FilePayload) -> None:
    """Open the focused chooser by key, and choose."""
    with page.expect_file_chooser() as opened:
        page.keyboard.press("Space")
    opened.value.set_files(file)


def fits(page: Page) -> bool:
    """Whether nothing needs scrolling sideways."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in found]
