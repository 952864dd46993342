"""What strangers chose, names of models, labels, files and folders, and what servers say, is text and never markup."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
import requests
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.page.browser import Visit
from tests.pictures import BLUE, RED, picture
from tests.server import LensServer

MARKUP = '<img src=x onerror="document.title=1">'


def plain(page: Page) -> None:
    """Nothing of the markup became an element, and its script did not run."""
    assert page.locator("img[src=x]").count() == 0
    assert page.title() in {"Lens", "Models · Lens", "Learn · Lens", "Watch · Lens"}


def test_a_file_s_name(tab: Visit) -> None:
    page = tab.open()
    files = [
        FilePayload(name=f"{MARKUP}.jpg", mimeType="image/jpeg", buffer=picture(RED)),
        FilePayload(name="blue.jpg", mimeType="image/jpeg", buffer=picture(BLUE)),
    ]
    page.set_input_files("#file", files)
    expect(page.get_by_text("2 pictures answered")).to_be_visible()
    expect(page.locator("tbody th").first).to_have_text(f"{MARKUP}.jpg")
    page.get_by_text("The same from code").click()
    expect(page.get_by_label("As curl")).to_contain_text("<img src=x")
    page.set_input_files("#file", files[0])
    expect(page.locator(".best")).to_have_text("red")
    expect(page.locator("#preview")).to_have_attribute("alt", f"The picture {MARKUP}.jpg")
    plain(page)


def test_what_a_server_says_is_wrong(tab: Visit) -> None:
    page = tab.open()
    told = {"detail": MARKUP, "code": MARKUP, "request_id": MARKUP}
    page.route("**/predict", lambda route: route.fulfill(status=400, json=told))
    page.set_input_files("#file", FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))
    expect(page.locator("#answer .problem")).to_contain_text(MARKUP)
    expect(page.locator("#answer .problem")).to_contain_text(f"Request {MARKUP}")
    plain(page)
    tab.excuse("Failed to load resource", "400")


def test_a_model_s_id_version_name_and_alias(tab: Visit, lens: LensServer) -> None:
    # The service itself lets no such id pass; the page does not count on that.
    page = tab.page

    def odd(route: Route) -> None:
        told: dict[str, Any] = requests.get(f"{lens.url}/models?id=colors", timeout=10).json()
        made = {**told["models"][0], "id": MARKUP, "version": MARKUP, "name": MARKUP, "aliases": [MARKUP]}
        route.fulfill(
            json={**told, "models": [{**made, "default": True, "live": True}], "default": MARKUP, "next": None}
        )

    page.route("**/models?*", odd)
    page.route("**/models/info?*", lambda route: route.fulfill(status=404, json={"detail": MARKUP}))
    page.route("**/quality?*", lambda route: route.fulfill(status=404, json={"detail": MARKUP}))
    tab.open("/#models")
    expect(page.locator("#serving")).to_have_text(f"Serving {MARKUP} {MARKUP}")
    expect(page.locator("#models h3")).to_have_text(MARKUP)
    expect(page.locator(".version .badge").last).to_have_text(f"@{MARKUP}")
    page.locator(".version summary").click()
    expect(page.locator(".manage")).to_contain_text(f"Called {MARKUP}")
    expect(page.locator(".manage .problem")).to_contain_text(MARKUP)
    page.get_by_role("button", name="Take the alias").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Take the name “{MARKUP}” away?")
    plain(page)
    for _ in range(2):
        tab.excuse("Failed to load resource", "404")


def test_a_class_s_name_before_it_is_learned(tab: Visit) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("<b onclick=x>bold<x>/1.png", b"")
        archive.writestr(f"{MARKUP}/1.png", b"")
    page = tab.open("/#learn")
    page.set_input_files("#archive", FilePayload(name="a.zip", mimeType="application/zip", buffer=out.getvalue()))
    classes = page.get_by_role("region", name="Classes")
    expect(classes).to_contain_text(MARKUP)
    expect(classes).to_contain_text("<b onclick=x>bold<x>")
    assert classes.locator("b, x").count() == 0
    plain(page)


def test_a_job_s_words(tab: Visit) -> None:
    job = {
        "id": "j1",
        "state": "failed",
        "model_id": MARKUP,
        "base_version": MARKUP,
        "version": None,
        "created_at": "2026-01-01T00:00:00Z",
        "progress": {"phase": "reading", "done": 0, "total": 0, "fraction": 0, "eta_s": None, "epoch": None},
        "error": {"code": "bad_archive", "detail": MARKUP},
        "report": None,
        "resumable": False,
    }
    page = tab.page
    page.route("**/jobs?*", lambda route: route.fulfill(json={**job, "jobs": [job]}))
    tab.open("/#learn")
    expect(page.locator("#job-title")).to_have_text(f"{MARKUP} from {MARKUP}")
    expect(page.locator(".job .problem")).to_contain_text(MARKUP)
    plain(page)


@pytest.mark.parametrize("name", ["labels", "versions"])
def test_what_the_board_counts(tab: Visit, name: str) -> None:
    page = tab.page

    def odd(route: Route) -> None:
        told = route.fetch().json()
        steps = len(told["requests"])
        if name == "labels":
            told["labels"] = {MARKUP: [1] * steps}
        else:
            told["versions"] = [{"id": MARKUP, "version": MARKUP, "requests": [1] * steps, "count": steps}]
        route.fulfill(json=told)

    page.route("**/stats?*", odd)
    tab.open("/#watch")
    expect(page.locator(".legend").filter(has_text=MARKUP)).to_be_visible()
    plain(page)
