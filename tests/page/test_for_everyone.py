"""The page without a mouse, on any screen, in both schemes, and as a screen reader meets it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from tests.graphs import mean_color_classifier
from tests.page.accessibility import (
    FULL,
    LOOKED_AT,
    LOOKS,
    PARTS_NEEDED,
    audit,
    contrasts,
    fits,
    unfold,
    walk,
)
from tests.page.browser import PHONE, Visit, visit
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


@pytest.mark.parametrize("look", ["dark, phone", "light, desktop", "dark, wide"])
def test_every_view_fits_every_screen_and_breaks_no_rule_of_accessibility(
    browser: Browser, lens: LensServer, look: str
) -> None:
    with visit(browser, lens.url, reduced_motion="reduce", **LOOKS[look]) as made:
        page = made.open()
        for view, fill in FULL.items():
            go_to(page, view)
            fill(page)
            assert fits(page), view
            unfold(page)
            assert fits(page), view
            found = audit(page)
            assert found.violations == [], view
            assert {rule for rule, _ in found.incomplete} <= LOOKED_AT.keys(), "look, and note what was seen"


def test_all_that_can_be_used_is_reached_by_tab_and_shows_its_focus(tab: Visit) -> None:
    page = tab.open()
    for view, fill in FULL.items():
        go_to(page, view)
        fill(page)
        stops, missed = walk(page)
        assert missed == [], view
        assert [stop.name for stop in stops if not stop.ringed] == [], view
        assert all(stop.name for stop in stops), view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_rings_bars_and_curves_stand_out_from_what_is_behind_them(
    browser: Browser, lens: LensServer, scheme: str
) -> None:
    with visit(browser, lens.url, color_scheme=scheme) as made:
        found = contrasts(made.open())
    assert {what: seen for what, seen in found.items() if seen < PARTS_NEEDED} == {}


def test_nothing_moves_for_whoever_wants_no_motion(browser: Browser, lens: LensServer) -> None:
    assert "pass" in moving(browser, lens, "no-preference"), "else this test could not fail"
    assert moving(browser, lens, "reduce") == set()


def moving(browser: Browser, lens: LensServer, wish: Literal["reduce", "no-preference"]) -> set[str]:
    """The animations and transitions that run while an answer is waited for, and when views are opened."""
    held, names = list[Route](), set[str]()
    with visit(browser, lens.url, reduced_motion=wish) as made:
        page = made.open()
        page.route("**/predict", lambda route: held.append(route))
        with page.expect_request("**/predict"):
            choose_red(page)
        expect(page.get_by_text("Looking…")).to_be_visible()
        for view in (*FULL, "predict"):
            go_to(page, view)
            names |= set(page.evaluate(MOVING))
        held[0].continue_()
        expect(page.locator(".best")).to_have_text("red")
    return names


MOVING = """() => document.getAnimations().map((each) => each.animationName ?? each.transitionProperty)"""


def test_in_the_system_s_own_colors_focus_bars_and_choices_are_seen(browser: Browser, lens: LensServer) -> None:
    with visit(browser, lens.url, forced_colors="active") as made:
        page = made.open()
        choose_red(page)
        expect(page.locator(".best")).to_have_text("red")
        tab_to(page, "#url")
        ring, behind = colors_of(page, ":focus", "outlineColor"), colors_of(page, "body", "backgroundColor")
        assert ring != behind
        filled = colors_of(page, ".bar", "backgroundColor", "::before")
        assert filled != colors_of(page, ".bar", "backgroundColor")
        assert page.locator(".views a[aria-current]").evaluate(BORDER) == "2px solid"
        assert page.locator(".views a:not([aria-current])").first.evaluate(BORDER) != "2px solid"
        go_to(page, "watch")
        assert page.locator(".choice[aria-pressed=true]").evaluate(BORDER) == "2px solid"


BORDER = """(each) => {
    const { borderTopWidth, borderTopStyle } = getComputedStyle(each);
    return `${borderTopWidth} ${borderTopStyle}`;
}"""


def colors_of(page: Page, selector: str, name: str, part: str | None = None) -> str:
    """A color as the browser came to it, of an element or of what a style draws in it."""
    script = "(each, [name, part]) => getComputedStyle(each, part)[name]"
    return str(page.locator(selector).first.evaluate(script, [name, part]))


def test_four_times_as_large_nothing_needs_scrolling_sideways(browser: Browser, lens: LensServer) -> None:
    # WCAG 2.2, 1.4.10: a window of 1280 pixels, four times as large.
    with visit(browser, lens.url, viewport={"width": 320, "height": 256}) as made:
        page = made.open()
        for view, fill in FULL.items():
            go_to(page, view)
            fill(page)
            unfold(page)
            assert fits(page), view


def test_what_changes_is_announced(tab: Visit) -> None:
    page = tab.open()
    choose_red(page)
    expect(page.get_by_role("status").filter(has_text="red")).to_be_visible()
    page.set_input_files("#file", FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"milk, eggs"))
    expect(page.get_by_role("status").filter(has_text="Only images are allowed")).to_be_visible()
    go_to(page, "watch")
    page.locator(".stats").wait_for()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").filter(has_text="Paused.")).to_be_visible()
    tab.excuse("Failed to load resource", "400")


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


def test_a_gallery_fits_a_phone_and_what_failed_is_read_without_scrolling(browser: Browser, lens: LensServer) -> None:
    with visit(browser, lens.url, viewport=PHONE) as made:
        page = made.open()
        files = {"red.jpg": picture(RED), "green.jpg": picture(GREEN), "broken.jpg": b"no picture"}
        page.set_input_files("#file", [FilePayload(name=n, mimeType="image/jpeg", buffer=b) for n, b in files.items()])
        expect(page.get_by_text("2 answered, 1 failed")).to_be_visible()
        assert fits(page)
        problem = page.locator("td .problem").bounding_box()
        assert problem is not None and problem["x"] + problem["width"] <= PHONE["width"]
        made.excuse("Failed to load resource", "400")


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


def choose_red(page: Page) -> None:
    page.set_input_files("#file", FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))


def go_to(page: Page, view: str) -> None:
    """Open a view by its link."""
    page.get_by_role("navigation", name="Views").locator(f"a[href='#{view}']").click()
    page.locator(f"#view-{view}:not([hidden]) h2").first.wait_for()
