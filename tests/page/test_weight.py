"""How much the page is on the way, headers included, and that nothing moves when it comes."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.page.browser import profile
from tests.page.weight import LIMITS, PHONE, seen, weigh
from tests.server import LensServer


def test_all_four_views_together_are_small_and_come_once(browser: Browser, lens: LensServer) -> None:
    with profile(browser) as context:
        at = weigh(context, lens.url)
        # What the page asks this server grows with the tests before; docs/page.md counts it on a fresh one.
        assert at["predict"].file_bytes < LIMITS["first view"], at["predict"].came
        assert at["watch"].file_bytes < LIMITS["all views"], at["watch"].came
        again = weigh(context, lens.url)
    assert [path for path, *_ in again["watch"].came if path.startswith("/static/")] == []


def test_nothing_visible_moves_while_the_page_comes_over_a_slow_line(browser: Browser, lens: LensServer) -> None:
    # 0.1 is what the measure's makers call good; here something that moves at all is a fault.
    assert seen(browser, lens.url, PHONE).shift < 0.01
