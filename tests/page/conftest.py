"""One running Lens and one browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext

from tests.contract.conftest import upload_colors
from tests.page.browser import Visit, chromium, installed, profile, tab_in
from tests.server import LensServer, PictureSite, lens_server

KEY = "open-sesame"


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Chromium, where the machine has it."""
    path = installed()
    if path is None:
        pytest.skip("no chromium on this machine: scripts/install-browser.sh installs it")
    return path


# Not for the session: Playwright's event loop would be in the way of the asynchronous tests that follow.
@pytest.fixture(scope="package")
def browser(browser_path: str) -> Iterator[Browser]:
    """A running Chromium."""
    with chromium(browser_path) as running:
        yield running


@pytest.fixture(scope="package")
def lens(browser_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LensServer]:
    """A server with two workers, whose default tells red, green and blue apart."""
    settings = {"LENS_WORKERS": "2", "LENS_FETCH_ALLOW": "127.0.0.0/8", "LENS_API_KEYS": KEY}
    with lens_server(tmp_path_factory.mktemp("page"), settings) as server:
        upload_colors(server)
        yield server


@pytest.fixture
def site() -> Iterator[PictureSite]:
    """A web server with pictures."""
    site = PictureSite()
    yield site
    site.close()


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """The profile that most tabs share."""
    with profile(browser) as context:
        yield context


@pytest.fixture
def tab(desktop: BrowserContext, lens: LensServer) -> Iterator[Visit]:
    """A tab on a desktop."""
    with tab_in(desktop, lens.url) as made:
        yield made


@pytest.fixture
def colors_again(lens: LensServer) -> Iterator[None]:
    """For tests that bring models: afterwards the color classifier is the default as before."""
    yield
    body = {"id": "colors", "version": "v1", "default": True}
    requests.post(f"{lens.url}/models/activate", json=body, timeout=30).raise_for_status()
