"""The second view: what there is, bringing in with a look before, and each change with its consequences said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from serving.registry.records import ModelKey
from serving.registry.registry import Registry
from tests.contract.conftest import COLORS, upload_colors
from tests.graphs import mean_color_classifier
from tests.optimization.networks import hue_spec
from tests.page.browser import Visit
from tests.pictures import BLUE, GREEN, RED, picture
from tests.registry import registering
from tests.server import LensServer

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hues(lens: LensServer) -> Iterator[LensServer]:
    """Three versions of an id beside the default; the second one sees blue everywhere."""
    for bias in (None, (0.0, 0.0, 50.0), None):
        upload_colors(lens, name="hues", bias=bias)
    change(lens, "post", "/models/activate", {"id": "hues", "version": "v1"})
    change(lens, "post", "/models/activate", {"id": "colors", "version": "v1", "default": True})
    yield lens
    change(lens, "post", "/models/activate", {"id": "colors", "version": "v1", "default": True})


def change(lens: LensServer, verb: str, path: str, body: dict[str, Any]) -> None:
    requests.request(verb, lens.url + path, json=body, timeout=60).raise_for_status()


def versions(lens: LensServer, model_id: str) -> dict[str, dict[str, Any]]:
    listed = requests.get(f"{lens.url}/models", params={"id": model_id}, timeout=10).json()["models"]
    return {each["version"]: each for each in listed}


def plan(lens: LensServer) -> dict[str, Any]:
    return dict(requests.get(f"{lens.url}/traffic", params={"id": "hues"}, timeout=10).json())


def card(page: Page, model_id: str) -> Locator:
    return page.locator("#models > li").filter(has=page.get_by_role("heading", name=model_id, exact=True))


def opened(page: Page, model_id: str, version: str) -> Locator:
    """The row of a version, with what can be done to it."""
    row = card(page, model_id).locator(".version").filter(has=page.locator("summary strong", has_text=version))
    row.locator("summary").click()
    expect(row.get_by_text("SHA-256")).to_be_visible()
    return row


def confirmed(page: Page, words: str) -> None:
    """Agree to what the dialog says, which has ``words``."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(words)
    dialog.locator("form button").last.click()
    expect(dialog).to_have_count(0, timeout=30_000)


def bring(page: Page, name: str, model: bytes, labels: str = "cherry\nlime\nplum\n") -> None:
    choosers = page.locator("#bring input[type=file]")
    choosers.nth(0).set_input_files(FilePayload(name=f"{name}.onnx", mimeType="", buffer=model))
    choosers.nth(1).set_input_files(FilePayload(name="labels.txt", mimeType="text/plain", buffer=labels.encode()))
    page.get_by_role("button", name="Upload and look").click()
    expect(page.locator(".review")).to_contain_text("passed its tests", timeout=30_000)


def try_with(page: Page, color: tuple[int, int, int]) -> None:
    chooser = page.get_by_label("A picture you know")
    chooser.set_input_files(FilePayload(name="known.jpg", mimeType="image/jpeg", buffer=picture(color)))


def test_the_list_says_what_is_live_and_what_answers_by_default(tab: Visit, hues: LensServer) -> None:
    page = tab.open("/#models")
    expect(card(page, "colors").locator(".badge")).to_have_text(["default", "live"])
    rows = card(page, "hues").locator(".version")
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("v1")
    expect(rows.last.locator(".badge")).to_have_text(["live"])
    expect(rows.last.locator(".fact .hint")).to_have_text(["Accuracy", "Median", "Last hour", "Size"])
    expect(rows.last.locator(".fact").last).to_contain_text("kB")
    expect(rows.last.locator(".spark")).to_be_visible()
    expect(page.locator("nav a[aria-current=page]")).to_have_text("Models")
    assert page.title() == "Models · Lens"


def test_a_model_is_looked_at_tried_corrected_and_only_then_goes_live(
    tab: Visit, hues: LensServer, colors_again: None
) -> None:
    page = tab.open("/#models")
    bring(page, "My Fruits (2)", mean_color_classifier())
    assert not versions(hues, "my-fruits-2")["v1"]["live"]
    expect(page.locator(".understood").first).to_contain_text("image: float32 [N, 3, 32, 32]")
    expect(page.locator(".understood").first).to_contain_text("32 × 32 · RGB · NCHW")
    try_with(page, RED)
    expect(page.locator(".trial .best")).to_have_text("cherry")
    page.get_by_text("Correct it").click()
    page.get_by_label("Pixels").select_option("zero-one")
    page.get_by_label("Colour order").select_option("BGR")
    page.get_by_role("button", name="Upload it corrected").click()
    expect(page.locator(".review")).to_contain_text("my-fruits-2 v2", timeout=30_000)
    try_with(page, RED)
    expect(page.locator(".trial .best")).to_have_text("plum")
    page.get_by_role("button", name="Go live", exact=True).click()
    expect(page.get_by_text("my-fruits-2 v2 is live on 2 of 2 workers.")).to_be_visible(timeout=30_000)
    expect(page.locator("#serving")).to_have_text("Serving my-fruits-2 v2")
    assert set(versions(hues, "my-fruits-2")) == {"v2"}, "what was corrected is not kept"


def test_what_does_not_please_is_discarded_without_a_trace(tab: Visit, hues: LensServer) -> None:
    page = tab.open("/#models")
    bring(page, "regrets", mean_color_classifier(), f"{MARKUP}\nlime\nplum\n")
    try_with(page, RED)
    expect(page.locator(".trial .best")).to_have_text(MARKUP)
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("regrets v1 is gone.")).to_be_visible()
    assert versions(hues, "regrets") == {}
    expect(page.locator("#serving")).to_have_text("Serving colors v1")


def test_a_version_goes_live_and_is_rolled_back_with_the_consequences_said(tab: Visit, hues: LensServer) -> None:
    page = tab.open("/#models")
    opened(page, "hues", "v2").get_by_role("button", name="Make live").click()
    confirmed(page, "v1 stays, and comes back with one roll back.")
    expect(page.get_by_text("hues v2 is live on 2 of 2 workers.")).to_be_visible()
    assert versions(hues, "hues")["v2"]["live"]
    card(page, "hues").get_by_role("button", name="Roll back").click()
    confirmed(page, "What was live before v2 answers for hues again")
    expect(page.get_by_text("hues v1 is live again on 2 of 2 workers.")).to_be_visible()
    assert versions(hues, "hues")["v1"]["live"]


def test_an_alias_is_given_and_taken_and_a_version_deleted(tab: Visit, hues: LensServer) -> None:
    page = tab.open("/#models")
    row = opened(page, "hues", "v3")
    row.get_by_label("Alias for v3").fill("Champion")
    row.get_by_role("button", name="Add alias").click()
    confirmed(page, "Requests for hues@champion are answered by v3 from then on")
    expect(row.locator(".badge")).to_have_text(["@champion"])
    expect(row).to_contain_text("it cannot be deleted")
    other = opened(page, "hues", "v1")
    other.get_by_label("Alias for v1").fill("champion")
    other.get_by_role("button", name="Add alias").click()
    confirmed(page, "Until now that is v3, which loses the name.")
    expect(row.locator(".badge")).to_have_count(0)
    other.get_by_role("button", name="Take the alias champion away").click()
    confirmed(page, "Requests for hues@champion will be answered “not found”.")
    expect(other.locator(".badge")).to_have_text(["live"])
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert "v3" in versions(hues, "hues")
    row.get_by_role("button", name="Delete").click()
    confirmed(page, "gone for good")
    expect(card(page, "hues").locator(".version")).to_have_count(2)
    assert "v3" not in versions(hues, "hues")


def test_another_id_answers_by_default_with_the_consequences_said(
    tab: Visit, hues: LensServer, colors_again: None
) -> None:
    page = tab.open("/#models")
    opened(page, "hues", "v1").get_by_role("button", name="Make default").click()
    confirmed(page, "Until now that is colors v1; it stays, and still answers when it is named.")
    expect(page.locator("#serving")).to_have_text("Serving hues v1")
    expect(card(page, "hues").locator(".badge")).to_have_text(["default", "live"])


def test_numbers_and_layout_that_were_understood_wrongly_are_corrected(tab: Visit, hues: LensServer) -> None:
    page = tab.open("/#models")
    bring(page, "numbers", mean_color_classifier())
    page.get_by_text("Correct it").click()
    page.get_by_label("Mean").fill("0.5")
    page.get_by_label("Deviation").fill("0.5, 0.25, 0.2")
    page.get_by_label("Layout").select_option("NHWC")
    page.get_by_role("button", name="Upload it corrected").click()
    # The file itself says where its channels are: a layout that cannot be is refused in words.
    expect(page.locator(".review .problem")).to_contain_text("NHWC", timeout=30_000)
    page.get_by_label("Layout").select_option("")
    page.get_by_role("button", name="Upload it corrected").click()
    expect(page.locator(".review")).to_contain_text("numbers v2", timeout=30_000)
    expect(page.locator(".understood").first).to_contain_text("(pixel ÷ 255 − 0.5) ÷ [0.5, 0.25, 0.2]")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("numbers v2 is gone.")).to_be_visible()


def test_traffic_is_split_with_sliders_that_make_a_hundred_and_ended(tab: Visit, hues: LensServer) -> None:
    page = tab.open("/#models")
    traffic = card(page, "hues").locator(".traffic")
    traffic.locator("summary").click()
    slider = traffic.locator(".slider").filter(has_text="v2").locator("input")
    slider.fill("30")
    expect(traffic.locator(".slider").filter(has_text="v1").locator("output")).to_have_text("70%")
    traffic.get_by_role("button", name="Apply").click()
    got = traffic.get_by_role("region", name="What each version got")
    expect(got.locator("tbody tr")).to_have_count(2)
    assert plan(hues)["weights"] == {"v1": 70.0, "v2": 30.0}
    slider.fill("0")
    traffic.get_by_label("Shadow").select_option("v2")
    traffic.get_by_role("button", name="Apply").click()
    expect(got.locator(".badge")).to_have_text("shadow")
    assert (plan(hues)["weights"], plan(hues)["shadow"]) == ({"v1": 100.0}, "v2")
    traffic.get_by_role("button", name="End the split").click()
    expect(got).to_have_count(0)
    assert not plan(hues)["split"]


def test_who_has_a_sticky_key_stays_with_one_version_of_a_split(tab: Visit, hues: LensServer) -> None:
    change(hues, "put", "/traffic", {"id": "hues", "weights": {"v1": 50, "v2": 50}})
    page = tab.open()
    page.get_by_text("Model and options").click()
    page.get_by_label("Model", exact=True).select_option("hues")
    got, callers = set[str](), iter(range(40))
    while len(got) < 2:
        page.get_by_label("Sticky key").fill(f"caller {next(callers)}")
        answered = {asked_about(page, color) for color in (RED, GREEN)}
        assert len(answered) == 1, "one caller, one version"
        got |= answered
    requests.delete(f"{hues.url}/traffic", params={"id": "hues"}, timeout=30).raise_for_status()


def asked_about(page: Page, color: tuple[int, int, int]) -> str:
    """The version that answers about a picture of that color."""
    with page.expect_response("**/predict") as answered:
        page.set_input_files("#file", FilePayload(name="p.jpg", mimeType="image/jpeg", buffer=picture(color)))
    return str(answered.value.json()["model_version"])


def test_two_versions_are_compared_and_asked_about_the_same_pictures(tab: Visit, hues: LensServer) -> None:
    asked = {"file": ("red.jpg", picture(RED))}
    answer = requests.post(f"{hues.url}/predict", files=asked, data={"model_id": "hues@v1"}, timeout=10).json()
    change(hues, "post", "/feedback", {"request_id": answer["request_id"], "label": COLORS[0]})
    page = tab.open("/#models")
    comparison = card(page, "hues").locator(".comparison")
    comparison.locator("summary").click()
    comparison.get_by_label("One", exact=True).select_option("v1")
    comparison.get_by_label("The other").select_option("v2")
    expect(comparison.get_by_role("row", name="Accuracy by feedback")).to_contain_text("100.0% of 1")
    colors = {"red": RED, "green": GREEN, "blue": BLUE}
    files = [
        FilePayload(name=f"{name}.jpg", mimeType="image/jpeg", buffer=picture(color)) for name, color in colors.items()
    ]
    comparison.get_by_label("Do they agree?").set_input_files(files)
    expect(comparison.get_by_role("status")).to_have_text("They agree on 1 of 3.")
    expect(comparison).to_contain_text("red.jpg: red, or blue")


def test_the_verdict_on_two_versions_calls_them_by_their_names(tab: Visit, hues: LensServer) -> None:
    # Nobody gives the hundreds of answers here that a verdict needs.
    page = tab.page
    verdict = {"a": "hues@v1", "b": "hues@v2", "conclusion": "B is better than A by 5.0 points."}

    def judged(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "comparisons": [verdict]})

    page.route("**/quality?id=hues", judged)
    tab.open("/#models")
    comparison = card(page, "hues").locator(".comparison")
    comparison.locator("summary").click()
    comparison.get_by_label("One", exact=True).select_option("v1")
    comparison.get_by_label("The other").select_option("v2")
    expect(comparison).to_contain_text("hues@v2 is better than hues@v1 by 5.0 points.")


def test_a_refused_change_says_why_in_the_dialog(tab: Visit, hues: LensServer) -> None:
    page = tab.open("/#models")
    row = opened(page, "hues", "v2")
    change(hues, "put", "/models/alias", {"id": "hues", "alias": "kept", "version": "v2"})
    row.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.locator(".problem")).to_contain_text("alias")
    tab.excuse("Failed to load resource", "409")
    change(hues, "put", "/models/alias", {"id": "hues", "alias": "kept", "version": None})


def test_many_versions_come_page_by_page_and_are_shown_a_few_at_a_time(
    tab: Visit, lens: LensServer, tmp_path: Path
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(mean_color_classifier())
    with registering.opened(lens.home) as registry:
        keys = [register(registry, model) for _ in range(25)]
        try:
            page = tab.page
            pages = list[str]()

            def smaller(route: Route) -> None:
                pages.append(route.request.url)
                route.continue_(url=route.request.url.replace("limit=500", "limit=10"))

            page.route("**/models?limit=*", smaller)
            tab.open("/#models")
            crowd = card(page, "crowd")
            expect(crowd).to_contain_text("25 versions")
            expect(crowd.locator(".version")).to_have_count(10)
            expect(crowd.locator(".version").first).to_contain_text("v25")
            assert len(pages) > 2 and all("cursor=" in url for url in pages[1:3])
            crowd.locator(".version summary").first.click()
            expect(crowd.locator(".manage")).to_contain_text(f"Called {MARKUP}")
            assert crowd.locator("img").count() == 0
            crowd.get_by_role("button", name="Show older versions (15 more)").click()
            expect(crowd.locator(".version")).to_have_count(25)
            expect(crowd.get_by_role("button", name="Show older")).to_have_count(0)
        finally:
            for key in keys:
                registry.delete(key, actor="test")


def register(registry: Registry, model: Path) -> ModelKey:
    """One more version of "crowd", as an upload leaves it; its name is a trap."""
    made = registry.register(
        model, id="crowd", version=None, name=MARKUP, spec=hue_spec(3), actor="test", source="test"
    )
    return made.key


def test_shares_always_make_a_hundred(tab: Visit) -> None:
    page = tab.open()
    sums: list[list[float]] = page.evaluate(
        """async () => {
            const { balanced } = await import("/static/models/weights.js");
            const plans = [[100], [50, 50], [100, 0, 0], [33, 33, 34], [0, 1, 99]]
                .map((weights) => Object.fromEntries(weights.map((weight, place) => ["abc"[place], weight])));
            return plans.flatMap((plan) => [0, 1, 33, 50, 99, 100].map((value) => {
                const all = Object.values(balanced(plan, "a", value));
                return [all.reduce((sum, each) => sum + each, 0), Math.min(...all)];
            }));
        }"""
    )
    assert all(total == 100 and least >= 0 for total, least in sums)
