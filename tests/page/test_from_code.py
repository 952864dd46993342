"""What was done on the page is done again from a shell and from Python, with what the page itself wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import requests
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.graphs import iris_classifier
from tests.page.browser import Visit, visit
from tests.page.conftest import KEY
from tests.pictures import BLUE, GREEN, RED, picture
from tests.server import LensServer, PictureSite


def jpeg(name: str, data: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="image/jpeg", buffer=data)


def run(page: Page, folder: Path) -> tuple[str, str]:
    """What the written command and the written program print."""
    page.get_by_text("The same from code").click()
    environment = {**os.environ, "LENS_KEY": KEY}
    curl = ["bash", "-c", page.get_by_label("As curl").inner_text()]
    python = [sys.executable, "-c", page.get_by_label("As Python").inner_text()]
    told = [
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
        for command in (curl, python)
    ]
    return told[0], told[1]


def test_a_picture_with_options(tab: Visit, tmp_path: Path) -> None:
    page = tab.open()
    page.get_by_text("Model and options").click()
    page.get_by_label("Classes listed").fill("1")
    name = "it's a leaf, green.jpg"
    page.set_input_files("#file", jpeg(name, picture(GREEN)))
    expect(page.locator(".best")).to_have_text("green")
    (tmp_path / name).write_bytes(picture(GREEN))
    curl, python = run(page, tmp_path)
    answer = json.loads(curl)
    assert (answer["predicted_label"], len(answer["predictions"])) == ("green", 1)
    assert "'predicted_label': 'green'" in python


def test_several_pictures(tab: Visit, tmp_path: Path) -> None:
    page = tab.open()
    pictures = {"red; round.jpg": picture(RED), 'a "blue" one.jpg': picture(BLUE)}
    for name, data in pictures.items():
        (tmp_path / name).write_bytes(data)
    page.set_input_files("#file", [jpeg(name, data) for name, data in pictures.items()])
    expect(page.get_by_text("2 pictures answered")).to_be_visible()
    curl, python = run(page, tmp_path)
    assert [json.loads(line)["predicted_label"] for line in curl.splitlines()] == ["red", "blue"]
    first, second = python.splitlines()
    assert "'predicted_label': 'red'" in first
    assert "'predicted_label': 'blue'" in second


def test_an_address(tab: Visit, site: PictureSite, tmp_path: Path) -> None:
    address = site.put("/it's.jpg", picture(GREEN), headers={"Content-Type": "image/jpeg"})
    page = tab.open()
    page.fill("#url", address)
    page.press("#url", "Enter")
    expect(page.locator(".best")).to_have_text("green")
    curl, python = run(page, tmp_path)
    assert json.loads(curl)["predicted_label"] == "green"
    assert "'predicted_label': 'green'" in python
    tab.strangers.clear()


def test_an_address_without_its_scheme_is_written_as_it_was_sent(tab: Visit) -> None:
    page = tab.open()
    page.route("**/predict", lambda route: route.fulfill(status=400, json={"detail": "No."}))
    with page.expect_request("**/predict") as asked:
        page.fill("#url", "192.0.2.1/leaf.jpg")
        page.press("#url", "Enter")
    assert asked.value.post_data_json == {"image_url": "https://192.0.2.1/leaf.jpg"}
    page.get_by_text("The same from code").click()
    expect(page.get_by_label("As curl")).to_contain_text('"https://192.0.2.1/leaf.jpg"')
    tab.complaints.clear()
    tab.strangers.clear()


def test_values(tab: Visit, lens: LensServer, tmp_path: Path) -> None:
    files = {"file": ("irises.onnx", iris_classifier())}
    fields = {"id": "irises", "name": "Irises", "version": "v1"}
    requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=60).raise_for_status()
    page = tab.open()
    page.get_by_text("Model and options").click()
    page.get_by_label("Model", exact=True).select_option("irises")
    with page.expect_response("**/predict") as answered:
        page.get_by_role("button", name="Run").click()
    prediction = answered.value.json()["prediction"]
    curl, python = run(page, tmp_path)
    assert json.loads(curl)["prediction"] == prediction
    assert f"'prediction': {prediction}" in python


def test_with_a_key_that_is_named_and_never_written(browser: Browser, lens: LensServer, tmp_path: Path) -> None:
    with visit(browser, lens.url) as made:
        page = made.open()
        page.get_by_role("button", name="API key").click()
        page.get_by_label("Key", exact=True).fill(KEY)
        page.keyboard.press("Enter")
        page.set_input_files("#file", jpeg("red.jpg", picture(RED)))
        expect(page.locator(".best")).to_have_text("red")
        (tmp_path / "red.jpg").write_bytes(picture(RED))
        curl, python = run(page, tmp_path)
        assert json.loads(curl)["predicted_label"] == "red"
        assert "'predicted_label': 'red'" in python
        assert KEY not in page.locator(".snippets").inner_text()
