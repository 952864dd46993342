"""What the page costs on the way: ``python -m tests.page.weight`` prints the figures that docs/page.md names.

Counted is what crosses the wire from the server: bodies as they are sent, compressed, and their headers.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.page.browser import chromium, installed, profile, visit
from tests.server import lens_server

READY = {"predict": "#serving.on", "models": ".version .figure", "learn": "#archive", "watch": ".chart svg"}
"""What each view shows when it has all that it asked for."""

_QUIET = """() => new Promise((resolve) => {
    let timer = setTimeout(resolve, 250);
    new PerformanceObserver(() => {
        clearTimeout(timer);
        timer = setTimeout(resolve, 250);
    }).observe({ type: "resource" });
})"""
_SEEN = """() => new Promise((resolve) => {
    let shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (shift += entry.value)))
        .observe({ type: "layout-shift", buffered: true });
    const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    setTimeout(() => resolve({ paint, shift }), 500);
})"""


@dataclass
class Wire:
    """What came over it: each address with its bytes, headers included."""

    origin: str
    came: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(size for _, size, _ in self.came)

    @property
    def file_bytes(self) -> int:
        """Those of the page itself, without what it asks the server."""
        return sum(size for path, size, _ in self.came if path == "/" or path.startswith("/static/"))

    @property
    def header_bytes(self) -> int:
        return sum(size for _, _, size in self.came)


def watched(page: Page, origin: str) -> Wire:
    """The wire of ``page``, from now on."""
    wire, asked, headers = Wire(origin), dict[str, str](), Counter[str]()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")

    def finished(event: dict[str, Any]) -> None:
        request = event["requestId"]
        if asked[request].startswith(origin) and event["encodedDataLength"]:
            path = asked[request].removeprefix(origin)
            wire.came.append((path, event["encodedDataLength"], headers[request]))

    network.on("Network.requestWillBeSent", lambda event: asked.update({event["requestId"]: event["request"]["url"]}))
    network.on(
        "Network.responseReceived",
        lambda event: headers.update({event["requestId"]: event["response"]["encodedDataLength"]}),
    )
    network.on("Network.loadingFinished", finished)
    return wire


def weigh(context: BrowserContext, origin: str) -> dict[str, Wire]:
    """The wire when each view has been opened, one after the other, in a fresh tab of ``context``."""
    page = context.new_page()
    wire, at = watched(page, origin), dict[str, Wire]()
    page.goto(origin)
    for view, ready in READY.items():
        page.evaluate("view => { location.hash = view; }", view)
        page.locator(ready).first.wait_for()
        page.evaluate(_QUIET)
        at[view] = Wire(origin, list(wire.came))
    page.close()
    return at


def seen(browser: Browser, origin: str) -> dict[str, float]:
    """When the first view is painted for somebody new, in ms, and how much of what is visible moves afterwards."""
    with visit(browser, origin) as tab:
        return dict(tab.open().evaluate(_SEEN))


def main() -> None:
    """Weigh a fresh server's page, and again with what the browser has kept."""
    path = installed()
    if path is None:
        sys.exit("There is no chromium on this machine: scripts/install-browser.sh installs it.")
    with TemporaryDirectory() as home, lens_server(Path(home)) as lens, chromium(path) as browser:
        print(report(browser, lens.url))


def report(browser: Browser, origin: str) -> str:
    """The figures, a line each, and then every address with its bytes."""
    with profile(browser) as context:
        at, again = weigh(context, origin), weigh(context, origin)
    looked = seen(browser, origin)
    lines = [
        *(f"up to {view}: {wire.bytes:,} bytes in {len(wire.came)} requests" for view, wire in at.items()),
        f"of them the page itself: {at['watch'].file_bytes:,} bytes",
        f"of them headers: {at['watch'].header_bytes:,} bytes",
        f"opened again: {again['predict'].bytes:,} bytes in {len(again['predict'].came)} requests",
        f"first paint after {looked['paint']:.0f} ms, layout shift {looked['shift']:.4f}",
    ]
    heaviest = sorted(at["watch"].came, key=lambda each: -each[1])
    return "\n".join([*lines, *(f"{size:8,} {name}" for name, size, _ in heaviest)])


if __name__ == "__main__":
    main()
