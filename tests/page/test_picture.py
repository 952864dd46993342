from __future__ import annotations

import base64
import re

from playwright.sync_api import Browser, FilePayload, FloatRect, Page, Route, expect

from tests.page.browser import PHONE, Visit, visit
from tests.pictures import BLUE, GREEN, RED, picture
from tests.server import LensServer, PictureSite


def chosen(name: str, color: tuple[int, int, int]) -> FilePayload:
    return FilePayload(name=name, mimeType="image/jpeg", buffer=picture(color))


def bar_width(page: Page, place: int) -> float:
    """How many pixels of a confidence bar are filled."""
    script = "bar => parseFloat(getComputedStyle(bar, '::before').width)"
    return float(page.locator(".bar").nth(place).evaluate(script))


def facts(page: Page) -> dict[str, str]:
    """The small table under an answer."""
    pairs = page.locator(".facts > div")
    pairs.first.wait_for()
    return {pair.locator("dt").inner_text(): pair.locator("dd").inner_text() for pair in pairs.all()}


def test_a_chosen_file_is_shown_and_answered_with_all_there_is_to_know(tab: Visit) -> None:
    page = tab.open()
    page.set_input_files("#file", chosen("apple.jpg", (228, 24, 18)))
    expect(page.locator(".best")).to_have_text("red")
    expect(page.locator(".sure")).to_contain_text("confidence")
    labels = page.locator(".bars li > span:first-child").all_inner_texts()
    assert (labels[0], sorted(labels)) == ("red", ["blue", "green", "red"])
    best, next_best = (bar_width(page, place) for place in (0, 1))
    assert best > 5 * next_best
    told = facts(page)
    assert (told["Model"], told["Version"], told["Cached"]) == ("colors", "v1", "no")
    assert told["Time"].endswith(" ms")
    expect(page.get_by_role("img", name="The picture apple.jpg")).to_be_visible()
    page.get_by_role("button", name="Classify").click()
    expect(page.locator(".facts")).to_contain_text("yes")


def test_an_address_is_answered_and_its_picture_shown(tab: Visit, site: PictureSite) -> None:
    address = site.put("/leaf.jpg", picture(GREEN), headers={"Content-Type": "image/jpeg"})
    page = tab.open()
    page.get_by_label("Address of a picture").fill(address)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator(".best")).to_have_text("green")
    expect(page.get_by_role("img", name=address)).to_be_visible()
    assert set(tab.strangers) == {address}
    tab.strangers.clear()


def test_a_dropped_and_a_pasted_picture_are_asked_about_like_a_chosen_one(tab: Visit) -> None:
    page = tab.open()
    for event, on, color, label in (("drop", "main", BLUE, "blue"), ("paste", "body", GREEN, "green")):
        transfer = _transfer(page, f"{label}.jpg", color)
        argument = {"drop": "dataTransfer", "paste": "clipboardData"}[event]
        page.evaluate(
            """([on, event, argument, transfer]) => {
                const Kind = { drop: DragEvent, paste: ClipboardEvent }[event];
                const made = new Kind(event, { [argument]: transfer, bubbles: true, cancelable: true });
                document.querySelector(on).dispatchEvent(made);
            }""",
            [on, event, argument, transfer],
        )
        expect(page.locator(".best")).to_have_text(label)
        assert page.input_value("#file").endswith(f"{label}.jpg")


def test_a_pasted_address_is_asked_about_from_any_view(tab: Visit, site: PictureSite) -> None:
    address = site.put("/leaf.jpg", picture(GREEN), headers={"Content-Type": "image/jpeg"})
    page = tab.open("/#watch")
    page.evaluate(
        """(text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            const made = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
            document.body.dispatchEvent(made);
        }""",
        f"  {address}\n",
    )
    expect(page).to_have_title("Lens")
    expect(page.locator(".best")).to_have_text("green")
    assert page.input_value("#url") == address
    tab.strangers.clear()


def test_what_is_dropped_goes_to_the_view_that_takes_it(tab: Visit) -> None:
    page = tab.open("/#watch")
    _drop(page, {"pictures.zip": b"no ZIP file, but called one"})
    expect(page).to_have_title("Learn · Lens")
    expect(page.locator("#view-learn").get_by_role("alert")).to_have_text("This is no ZIP file.")
    _drop(page, {"fruits.onnx": b"a model", "labels.json": b"[]"})
    expect(page).to_have_title("Models · Lens")
    choosers = page.locator("#bring input[type=file]")
    expect(choosers.nth(0)).to_have_value(re.compile("fruits.onnx$"))
    expect(choosers.nth(1)).to_have_value(re.compile("labels.json$"))


def _drop(page: Page, files: dict[str, bytes]) -> None:
    """Let ``files`` fall on the page."""
    page.evaluate(
        """(files) => {
            const dataTransfer = new DataTransfer();
            for (const [name, text] of files) dataTransfer.items.add(new File([text], name));
            document.querySelector("main").dispatchEvent(
                new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
            );
        }""",
        [[name, data.decode()] for name, data in files.items()],
    )


def test_a_photograph_is_taken_with_the_camera_and_asked_about(tab: Visit) -> None:
    page = tab.open()
    page.get_by_role("button", name="Take a photo").click()
    dialog = page.get_by_role("dialog", name="Take a photo")
    dialog.get_by_role("button", name="Take it").click()
    expect(dialog).to_have_count(0)
    # Chromium's own camera shows green with a moving disc.
    expect(page.locator(".best")).to_have_text("green")
    expect(page.get_by_role("img", name="The picture photo.jpg")).to_be_visible()
    expect(page.get_by_role("button", name="Take a photo")).to_be_focused()


def test_a_camera_that_may_not_be_used_is_told_in_words(tab: Visit) -> None:
    page = tab.open()
    page.evaluate(
        """() => {
            const refused = () => Promise.reject(new DOMException("", "NotAllowedError"));
            Object.defineProperty(navigator.mediaDevices, "getUserMedia", { value: refused });
        }"""
    )
    page.get_by_role("button", name="Take a photo").click()
    dialog = page.get_by_role("dialog", name="Take a photo")
    expect(dialog.get_by_role("alert")).to_contain_text("the browser has it forbidden")
    expect(dialog.get_by_role("button", name="Take it")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_on_a_phone_the_camera_s_own_application_opens(browser: Browser, lens: LensServer) -> None:
    with visit(browser, lens.url, viewport=PHONE, has_touch=True, is_mobile=True) as phone:
        page = phone.open()
        page.evaluate(
            """() => document.getElementById("file").addEventListener("click", (event) => {
                window.camera = event.target.getAttribute("capture");
            })"""
        )
        with page.expect_file_chooser() as opened:
            page.get_by_role("button", name="Take a photo").tap()
        opened.value.set_files(chosen("photo.jpg", BLUE))
        expect(page.locator(".best")).to_have_text("blue")
        assert page.evaluate("() => window.camera") == "environment"


def test_nothing_to_ask_about_is_said_and_the_address_gets_the_focus(tab: Visit) -> None:
    page = tab.open()
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_text("Give the address of a picture, or choose a file.")).to_be_visible()
    expect(page.locator("#url")).to_be_focused()


def test_while_an_answer_takes_long_the_page_says_so_and_nothing_moves(tab: Visit) -> None:
    held: list[Route] = []
    page = tab.open()
    before = _places(page)
    page.route("**/predict", lambda route: held.append(route))
    with page.expect_request("**/predict"):
        page.set_input_files("#file", chosen("slow.jpg", RED))
    expect(page.get_by_text("Looking… 1 s")).to_be_visible()
    expect(page.get_by_role("img", name="The picture slow.jpg")).to_be_visible()
    assert _places(page) == before
    held[0].continue_()
    expect(page.locator(".best")).to_have_text("red")
    assert _places(page) == before


def test_of_two_questions_the_last_one_is_answered(tab: Visit) -> None:
    held: list[Route] = []
    page = tab.open()
    page.route("**/predict", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/predict"):
        page.set_input_files("#file", chosen("first.jpg", RED))
    expect(page.get_by_text("Looking…")).to_be_visible()
    page.set_input_files("#file", chosen("second.jpg", BLUE))
    expect(page.locator(".best")).to_have_text("blue")
    held[0].abort()
    expect(page.locator(".best")).to_have_text("blue")


def _places(page: Page) -> list[FloatRect | None]:
    return [page.locator(name).bounding_box() for name in ("#stage", "#answer", "#bring-title", "#uploaded")]


def _transfer(page: Page, name: str, color: tuple[int, int, int]) -> object:
    """What a drop or a paste of one picture carries, made in the page."""
    return page.evaluate_handle(
        """([name, data]) => {
            const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
            return transfer;
        }""",
        [name, base64.b64encode(picture(color)).decode()],
    )
