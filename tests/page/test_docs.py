from __future__ import annotations

import re

import requests
from playwright.sync_api import expect

from tests.page.browser import Visit
from tests.server import LensServer


def test_the_documentation_shows_every_operation_from_local_files_alone(tab: Visit, lens: LensServer) -> None:
    document = requests.get(f"{lens.url}/openapi.json", timeout=10).json()
    operations = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    page = tab.open("/docs")
    blocks = page.locator(".opblock")
    expect(blocks).to_have_count(len(operations))
    shown = {
        (block.locator(".opblock-summary-method").inner_text(), block.locator(".opblock-summary-path").inner_text())
        for block in blocks.all()
    }
    # Swagger UI lets long paths break at slashes, with zero-width spaces.
    assert {(method, path.replace("\u200b", "")) for method, path in shown} == operations


def test_an_operation_can_be_tried_out(tab: Visit) -> None:
    page = tab.open("/docs")
    block = page.locator(".opblock").filter(has_text="/models/info").first
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.locator("input[placeholder=id]").fill("colors")
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text("200")


def test_the_page_allows_no_inline_script_or_style_and_has_none(lens: LensServer) -> None:
    answer = requests.get(f"{lens.url}/", timeout=10)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", answer.text)
