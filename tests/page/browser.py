"""Debian's Chromium as the tests drive it, and what it did on the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

ARGUMENTS = [
    "--headless",
    # Else the shell puts letters on whole pixels, and words too close together.
    "--font-render-hinting=none",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PATIENCE_MS = 20_000
DESKTOP = {"width": 1280, "height": 760}
PHONE = {"width": 360, "height": 760}
WIDE = {"width": 1920, "height": 1000}


def installed() -> str | None:
    """Where the browser is, if there is one; scripts/install-browser.sh puts it there.

    The headless shell is Chromium without its windows, at half the processor time.
    """
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """A running browser with patience for a busy machine; its camera shows a test picture, and may be used."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """One tab: its page, the complaints in its console, and the addresses it asked for."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Go there, and wait until the page has heard from the server and shows its view."""
        self.page.goto(self.origin + path)
        if path.startswith(("/#", "/?")) or path == "/":
            self.page.locator("#serving:is(.on, .off)").wait_for()
            self.page.locator(".view:not([hidden]) h2").first.wait_for()
        return self.page

    def excuse(self, *words: str) -> None:
        """Strike the complaint that holds ``words``; it must be there."""
        found = next(text for text in self.complaints if all(word in text for word in words))
        self.complaints.remove(found)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def on_request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "blob:", "data:")):
            self.strangers.append(request.url)


@contextmanager
def profile(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """What tabs share: cookies, and what the browser has kept."""
    with browser.new_context(**{"viewport": DESKTOP, **options}) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@contextmanager
def visit(browser: Browser, origin: str, **options: Any) -> Iterator[Visit]:
    """A tab with a profile of its own."""
    with profile(browser, **options) as context, tab_in(context, origin) as made:
        yield made


@contextmanager
def tab_in(context: BrowserContext, origin: str) -> Iterator[Visit]:
    """A tab; it may complain of nothing and ask nobody else unless the test says so."""
    made = Visit(context.new_page(), origin)
    made.page.on("console", made.on_console)
    made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
    made.page.on("request", made.on_request)
    try:
        yield made
    finally:
        made.page.close()
    assert made.complaints == [], made.complaints
    assert made.strangers == [], made.strangers
