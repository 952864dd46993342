from __future__ import annotations

import re

import requests
from playwright.sync_api import expect

from tests.page.browser import Visit
from tests.server import LensServer


def test_the_documentation_shows_every_operation_from_local_files_and_tries_one_out(
    tab: Visit, lens: LensServer
) -> None:
    document = requests.get(f"{lens.url}/openapi.json", timeout=10).json()
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    page = tab.open("/docs")
    expect(page.locator(".opblock")).to_have_count(len(operations))
    shown = page.locator(".opblock-summary").evaluate_all(
        """summaries => summaries.map((summary) =>
            [".opblock-summary-method", ".opblock-summary-path"]
                .map((part) => summary.querySelector(part).textContent).join(" "))"""
    )
    # Swagger UI lets long paths break at slashes, with zero-width spaces.
    assert {text.replace("\u200b", "") for text in shown} == operations
    block = page.locator(".opblock:has([data-path='/models/info'])")
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
