"""Makes the pictures of the page in docs/: ``python -m tests.page.screenshots``.

They show a fresh server with its embedded model, asked about Chelsea the cat, a photograph by Stefan van der Walt (CC0)
that scikit-image ships.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, FilePayload
from skimage.data import chelsea

from tests.page.browser import DESKTOP, PHONE, chromium, installed, visit
from tests.server import ROOT, lens_server

SHOTS: dict[str, dict[str, Any]] = {
    "page.png": {"viewport": DESKTOP, "color_scheme": "light"},
    "page-dark.png": {"viewport": DESKTOP, "color_scheme": "dark"},
    "page-phone.png": {"viewport": PHONE, "color_scheme": "light"},
}


def main() -> None:
    """Serve, ask, and write the pictures."""
    path = installed()
    if path is None:
        sys.exit("There is no chromium on this machine: scripts/install-browser.sh installs it.")
    with TemporaryDirectory() as home, lens_server(Path(home)) as lens, chromium(path) as browser:
        for name, options in SHOTS.items():
            shoot(browser, lens.url, ROOT / "docs" / name, options)


def shoot(browser: Browser, origin: str, target: Path, options: dict[str, Any]) -> None:
    """One picture of the page with an answer on it."""
    with visit(browser, origin, **options) as tab:
        page = tab.open()
        page.set_input_files("#file", FilePayload(name="chelsea.jpg", mimeType="image/jpeg", buffer=cat()))
        page.locator(".bars").wait_for()
        page.locator("#preview:not([hidden])").wait_for()
        page.screenshot(path=target, full_page=True)


def cat() -> bytes:
    """Chelsea as a JPEG."""
    out = io.BytesIO()
    Image.fromarray(chelsea()).save(out, "JPEG", quality=92)
    return out.getvalue()


if __name__ == "__main__":
    main()
