"""What the page costs whoever opens it: ``python -m tests.page.weight`` measures, and writes the table of docs/page.md.

Counted is what crosses the wire from the server: bodies as they are sent, compressed, and their headers.
The moments are the browser's own: first and largest paint, layout shift (https://web.dev/articles/cls), and blocking
time, what tasks take beyond 50 ms after the first paint (https://web.dev/articles/tbt).
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.page.browser import chromium, installed, profile, visit
from tests.server import ROOT, lens_server

READY = {"predict": "#serving.on", "models": ".version .figure", "learn": "#archive", "watch": ".chart svg"}
"""What each view shows when it has all that it asked for."""

LIMITS = {"first view": 75_000, "all views": 120_000}
"""Bytes of the page itself, headers included, that a test holds it to."""

PAGE = ROOT / "docs" / "page.md"
BEGIN, END = "<!-- written by python -m tests.page.weight -->", "<!-- until here -->"

_QUIET = """() => new Promise((resolve) => {
    let timer = setTimeout(resolve, 250);
    new PerformanceObserver(() => {
        clearTimeout(timer);
        timer = setTimeout(resolve, 250);
    }).observe({ type: "resource" });
})"""
_SEEN = """() => new Promise((resolve) => {
    const told = { first_ms: 0, largest_ms: 0, blocking_ms: 0, shift: 0 };
    const each = (type, take) =>
        new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
    told.first_ms = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    each("largest-contentful-paint", ({ startTime }) => (told.largest_ms = startTime));
    each("layout-shift", ({ value }) => (told.shift += value));
    each("longtask", ({ startTime, duration }) => {
        if (startTime > told.first_ms) told.blocking_ms += duration - 50;
    });
    setTimeout(() => resolve(told), 500);
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
        return sum(size for path, size, _ in self.came if _is_file(path))

    @property
    def questions(self) -> Wire:
        """The part that the views ask the server."""
        return Wire(self.origin, [each for each in self.came if not _is_file(each[0])])

    @property
    def header_bytes(self) -> int:
        return sum(size for _, _, size in self.came)


def _is_file(path: str) -> bool:
    return path == "/" or path.startswith("/static/")


@dataclass(frozen=True)
class Seen:
    """What somebody new sees of the first view: moments in ms since it was asked for, and the share that moved."""

    first_ms: float
    largest_ms: float
    blocking_ms: float
    shift: float


@dataclass(frozen=True)
class Device:
    """A slower machine behind a slower line, as the browser plays them."""

    processor: float = 1
    bits_per_second: float | None = None
    latency_ms: float = 0

    def play(self, page: Page) -> None:
        """Slow ``page`` down."""
        network = page.context.new_cdp_session(page)
        network.send("Emulation.setCPUThrottlingRate", {"rate": self.processor})
        if self.bits_per_second is not None:
            both_ways = dict.fromkeys(("downloadThroughput", "uploadThroughput"), self.bits_per_second / 8)
            network.send("Network.enable")
            network.send(
                "Network.emulateNetworkConditions", {"offline": False, "latency": self.latency_ms, **both_ways}
            )


HERE = Device()
PHONE = Device(processor=4, bits_per_second=1.6e6, latency_ms=150)
"""What Lighthouse takes for a middling telephone: a quarter of the speed, slow 4G."""


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


def seen(browser: Browser, origin: str, device: Device = HERE) -> Seen:
    """The first view as somebody new meets it on ``device``."""
    with visit(browser, origin) as tab:
        device.play(tab.page)
        return Seen(**tab.open().evaluate(_SEEN))


def main() -> None:
    """Weigh a fresh server's page, and again with what the browser has kept; print each file, write the table."""
    path = installed()
    if path is None:
        sys.exit("There is no chromium on this machine: scripts/install-browser.sh installs it.")
    with TemporaryDirectory() as home, lens_server(Path(home)) as lens, chromium(path) as browser:
        with profile(browser) as context:
            at, again = weigh(context, lens.url), weigh(context, lens.url)
        here, phone = seen(browser, lens.url), seen(browser, lens.url, PHONE)
    for name, size, _ in sorted(at["watch"].came, key=lambda each: -each[1]):
        print(f"{size:8,} {name}")
    write(f"{weights(at, again['predict'])}\n\n{moments(here, phone)}\n\n{made(browser)}")


def weights(at: dict[str, Wire], again: Wire) -> str:
    """The table of bytes."""
    first, everything = at["predict"], at["watch"]
    rows = [
        ("First view", first.bytes, len(first.came)),
        ("All four views, one after the other", everything.bytes, len(everything.came)),
        ("of them headers", everything.header_bytes, ""),
        ("of them what the views ask the server", everything.questions.bytes, len(everything.questions.came)),
        ("The first view, opened again", again.bytes, len(again.came)),
    ]
    lines = [f"| {name} | {size:,} | {count} |" for name, size, count in rows]
    return "\n".join(["| | Bytes | Requests |", "| --- | --: | --: |", *lines])


def moments(here: Seen, phone: Seen) -> str:
    """The table of what is seen when."""
    rows = [
        ("First paint", f"{here.first_ms:,.0f} ms", f"{phone.first_ms:,.0f} ms"),
        ("Largest paint", f"{here.largest_ms:,.0f} ms", f"{phone.largest_ms:,.0f} ms"),
        ("Blocking time", f"{here.blocking_ms:,.0f} ms", f"{phone.blocking_ms:,.0f} ms"),
        ("Layout shift", f"{here.shift:.4f}", f"{phone.shift:.4f}"),
    ]
    slower = f"{PHONE.processor:g} times slower, 1.6 Mbit/s, {PHONE.latency_ms:g} ms"
    head = f"| First view, nothing kept | Here | {slower} |"
    return "\n".join([head, "| --- | --: | --: |", *(f"| {' | '.join(row)} |" for row in rows)])


def made(browser: Browser) -> str:
    """When, and by what."""
    return f"{datetime.now(UTC):%Y-%m-%d}, Chromium {browser.version}; server and browser share this machine."


def write(text: str) -> None:
    """Put ``text`` between the marks in docs/page.md."""
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    main()
