"""How much the page is on the way, headers included."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.page.browser import profile
from tests.page.weight import weigh
from tests.server import LensServer

FIRST_VIEW, ALL_VIEWS = 75_000, 120_000


def test_all_four_views_together_are_small_and_come_once(browser: Browser, lens: LensServer) -> None:
    with profile(browser) as context:
        at = weigh(context, lens.url)
        # What the page asks this server grows with the tests before; docs/page.md counts it on a fresh one.
        assert at["predict"].file_bytes < FIRST_VIEW, at["predict"].came
        assert at["watch"].file_bytes < ALL_VIEWS, at["watch"].came
        again = weigh(context, lens.url)
    assert [path for path, *_ in again["watch"].came if path.startswith("/static/")] == []
