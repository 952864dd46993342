"""Makes the pictures of the page in docs/screenshots: ``python -m tests.page.screenshots``.

They show a fresh server with its embedded model.  What it is asked about and taught with are photographs that
scikit-image ships and that are free of rights: Chelsea the cat (Stefan van der Walt, CC0), a cup of coffee (Rachel
Michetti, CC0), a rocket (SpaceX, CC0) and Eileen Collins (NASA, public domain).
"""

from __future__ import annotations

import io
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import requests
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page
from skimage.data import astronaut, chelsea, coffee, rocket

from tests.page.browser import DESKTOP, PHONE, chromium, installed, visit
from tests.server import ROOT, LensServer, lens_server

FOLDER = ROOT / "docs" / "screenshots"
SCREENS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}
PHOTOGRAPHS: dict[str, Callable[[], np.ndarray]] = {
    "astronaut": astronaut,
    "cat": chelsea,
    "coffee": coffee,
    "rocket": rocket,
}
CROPS = 40


def main() -> None:
    """Serve, ask, teach, and write the pictures."""
    path = installed()
    if path is None:
        sys.exit("There is no chromium on this machine: scripts/install-browser.sh installs it.")
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as home, lens_server(Path(home)) as lens, chromium(path) as browser:
        teach(lens)
        ask_about_many(lens)
        for view, prepare in VIEWS.items():
            for screen, options in SCREENS.items():
                shoot(browser, lens, view, prepare, FOLDER / f"{view}-{screen}.png", options)


def shoot(
    browser: Browser,
    lens: LensServer,
    view: str,
    prepare: Callable[[Page], None],
    target: Path,
    options: dict[str, Any],
) -> None:
    """One picture of one view."""
    with visit(browser, lens.url, reduced_motion="reduce", **options) as tab:
        page = tab.open(f"/#{view}")
        prepare(page)
        page.mouse.move(0, 0)
        page.screenshot(path=target, full_page=True)


def show_answer(page: Page) -> None:
    """A picture with its answer."""
    page.set_input_files("#file", FilePayload(name="chelsea.jpg", mimeType="image/jpeg", buffer=encoded(chelsea())))
    page.locator(".bars").wait_for()
    page.locator("#preview:not([hidden])").wait_for()


def show_models(page: Page) -> None:
    """The versions, with how requests could be split."""
    page.locator(".version").filter(has_text=" ms").first.wait_for()
    page.locator(".traffic summary").first.click()
    page.locator(".sliders").wait_for()


def show_report(page: Page) -> None:
    """What came of the teaching."""
    page.locator(".confusion").first.wait_for()
    page.locator(".job .chart svg").last.wait_for()


def show_board(page: Page) -> None:
    """What the server did in the last minutes."""
    with page.expect_response("**/stats?seconds=300&*"):
        page.get_by_role("button", name="5 min", exact=True).click()
    page.locator(".chart svg").last.wait_for()


VIEWS: dict[str, Callable[[Page], None]] = {
    "predict": show_answer,
    "models": show_models,
    "learn": show_report,
    "watch": show_board,
}


def teach(lens: LensServer) -> None:
    """Learn new classes from crops of the photographs; the result is not live."""
    dice, archive = random.Random(1), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        for label, photograph in PHOTOGRAPHS.items():
            for number in range(CROPS):
                out.writestr(f"{label}/{number}.jpg", encoded(crop(photograph(), dice)))
    fields = {"activate": "false", "trust_labels": "true"}
    files = {"file": ("pictures.zip", archive.getvalue())}
    requests.post(f"{lens.url}/retrain", files=files, data=fields, timeout=300).raise_for_status()


def ask_about_many(lens: LensServer) -> None:
    """Some traffic, and feedback on part of it."""
    dice = random.Random(2)
    for number in range(240):
        label = dice.choice(list(PHOTOGRAPHS))
        files = {"file": ("photograph.jpg", encoded(crop(PHOTOGRAPHS[label](), dice)))}
        version = dice.choice(["cifar10@v1", "cifar10@v1", "cifar10@v2"])
        answer = requests.post(f"{lens.url}/predict", files=files, data={"model_id": version}, timeout=30).json()
        if number % 3 == 0:
            told = {"request_id": answer["request_id"], "label": label}
            requests.post(f"{lens.url}/feedback", json=told, timeout=30).raise_for_status()


def crop(photograph: np.ndarray, dice: random.Random) -> np.ndarray:
    """A square of a photograph, about half as wide as it."""
    height, width, _ = photograph.shape
    side = round(min(height, width) * dice.uniform(0.5, 0.9))
    top, left = dice.randint(0, height - side), dice.randint(0, width - side)
    return photograph[top : top + side, left : left + side]


def encoded(pixels: np.ndarray) -> bytes:
    """A photograph as a JPEG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return out.getvalue()


if __name__ == "__main__":
    main()
