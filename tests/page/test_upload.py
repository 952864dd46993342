from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests
from onnx import TensorProto, helper
from playwright.sync_api import FilePayload, Page, expect

from tests.graphs import mean_color_classifier, model_bytes
from tests.page.browser import Visit
from tests.pictures import RED, picture
from tests.server import LensServer

pytestmark = pytest.mark.usefixtures("colors_again")

BUTTON = "Upload and go live"
MARKUP = '<img src=x onerror="document.title=1">'


def choose(page: Page, name: str, model: bytes, labels: list[str] | None = None) -> None:
    page.set_input_files("#model", FilePayload(name=f"{name}.onnx", mimeType="", buffer=model))
    if labels:
        text = json.dumps(labels).encode()
        page.set_input_files("#labels", FilePayload(name="labels.json", mimeType="application/json", buffer=text))


def ask(page: Page, color: tuple[int, int, int]) -> None:
    page.set_input_files("#file", FilePayload(name="picture.jpg", mimeType="image/jpeg", buffer=picture(color)))


def test_a_model_is_brought_in_goes_live_and_answers(tab: Visit) -> None:
    page = tab.open()
    choose(page, "fruits", mean_color_classifier(), ["cherry", "lime", "plum"])
    page.get_by_role("button", name=BUTTON).click()
    expect(page.locator("#uploaded")).to_contain_text("fruits v1 is live on 2 of 2 workers")
    expect(page.locator("#serving")).to_have_text("Serving fruits v1")
    ask(page, RED)
    expect(page.locator(".best")).to_have_text("cherry")
    expect(page.locator(".facts")).to_contain_text("fruits")


def test_under_the_threshold_it_says_unknown_and_what_it_would_guess(tab: Visit) -> None:
    page = tab.open()
    choose(page, "doubter", mean_color_classifier(), ["cherry", "lime", "plum"])
    page.get_by_text("Name, preprocessing, threshold").click()
    page.get_by_label("Say “unknown” below").fill("0.85")
    page.get_by_label("Preprocessing", exact=True).select_option("zero-one")
    page.get_by_role("button", name=BUTTON).click()
    expect(page.locator("#uploaded")).to_contain_text("doubter v1 is live")
    ask(page, (128, 120, 120))
    expect(page.locator(".best")).to_have_text("unknown")
    expect(page.locator(".sure")).to_contain_text("The best guess, cherry, has")


def test_a_label_that_is_markup_stays_text(tab: Visit) -> None:
    page = tab.open()
    choose(page, "sly", mean_color_classifier(), [MARKUP, "<b>lime</b>", "plum"])
    page.get_by_role("button", name=BUTTON).click()
    expect(page.locator("#uploaded")).to_contain_text("sly v1 is live")
    ask(page, RED)
    expect(page.locator(".best")).to_have_text(MARKUP)
    expect(page.locator(".bars li").first).to_contain_text(MARKUP)
    assert page.locator("#answer img, #answer b, #answer script").count() == 0
    assert page.title() == "Lens"


def test_a_file_that_is_no_model_is_refused_in_words_and_the_choice_is_kept(tab: Visit) -> None:
    page = tab.open()
    choose(page, "poem", b"shall I compare thee")
    page.get_by_role("button", name=BUTTON).click()
    problem = page.locator("#uploaded .problem")
    expect(problem).to_contain_text("not an ONNX file")
    expect(problem).to_contain_text("Convert the model to ONNX first")
    assert page.input_value("#model").endswith("poem.onnx")


def test_the_bar_shows_how_far_the_bytes_are_and_then_each_phase_that_the_server_tells(tab: Visit) -> None:
    page = tab.open()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    network.send("Network.emulateNetworkConditions", conditions)
    page.evaluate(
        """() => {
            window.seen = [];
            window.phases = [];
            const note = () => {
                const bar = document.getElementById("sent");
                if (!bar) return;
                window.seen.push(bar.getAttribute("value"));
                const phase = document.querySelector(".steps .now").textContent;
                if (window.phases.at(-1) !== phase) window.phases.push(phase);
            };
            const place = document.getElementById("upload");
            const what = { attributeFilter: ["value", "class"], childList: true, subtree: true };
            new MutationObserver(note).observe(place, what);
        }"""
    )
    choose(page, "heavy", _heavy_classifier())
    page.get_by_role("button", name=BUTTON).click()
    expect(page.locator("#amount")).to_contain_text("of 1.2 MB")
    expect(page.locator(".steps .now")).to_have_text("Send the file")
    expect(page.locator("#uploaded")).to_contain_text("heavy v1 is live")
    seen = page.evaluate("() => window.seen")
    shares = [float(value) for value in seen if value is not None and 0 < float(value) < 1]
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert None in seen, "once all is sent the bar only moves: nobody knows how long the rest takes"
    phases = page.evaluate("() => window.phases")
    told = ["Send the file", "Inspect it", "Prove it in a sandbox", "Store it", "Warm it up on every worker"]
    # Storing takes milliseconds: the next phase may be told before the page has drawn it.
    assert phases in (told, [phase for phase in told if phase != "Store it"])


def test_whoever_asks_for_progress_gets_events_and_in_the_last_one_the_answer(lens: LensServer) -> None:
    kinds, told = zip(*events(lens, mean_color_classifier()), strict=True)
    assert kinds == ("progress", "progress", "progress", "end")
    assert [each["phase"] for each in told[:-1]] == ["inspecting", "proving", "storing"]
    assert (told[-1]["status"], told[-1]["answer"]["live"]) == (201, False)
    kinds, told = zip(*events(lens, b"a poem", version="v2"), strict=True)
    assert kinds == ("progress", "end")
    assert (told[-1]["status"], told[-1]["answer"]["code"]) == (400, "not_onnx")


def test_what_is_refused_at_once_keeps_its_own_status(lens: LensServer) -> None:
    list(events(lens, mean_color_classifier(), version="v3"))
    answer = asked_for_progress(lens, mean_color_classifier(), "v3")
    assert (answer.status_code, answer.json()["code"]) == (409, "version_exists")


def asked_for_progress(lens: LensServer, model: bytes, version: str) -> requests.Response:
    fields = {"id": "told", "name": "Told", "version": version, "activate": "never", "progress": "true"}
    return requests.post(f"{lens.url}/models/upload", files={"file": ("m.onnx", model)}, data=fields, timeout=60)


def events(lens: LensServer, model: bytes, version: str = "v1") -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of an upload, each with its kind and data."""
    answer = asked_for_progress(lens, model, version)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    for block in answer.text.strip().split("\n\n"):
        kind, data = block.split("\n")
        yield kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def _heavy_classifier() -> bytes:
    """A classifier of about a megabyte."""
    weights = np.zeros((3 * 32 * 32, 100), np.float32)
    return model_bytes(
        [helper.make_node("Flatten", ["image"], ["flat"]), helper.make_node("MatMul", ["flat", "weights"], ["logits"])],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 100])],
        {"weights": weights},
    )
