"""The page as axe-core, a keyboard and a meter of contrast meet it.

tests/page/test_for_everyone.py judges what is found here, and tests/page/accessibility_report.py writes it down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Page

from tests.page.browser import DESKTOP, PHONE, WIDE
from tests.pictures import RED, picture

LOOKS: dict[str, dict[str, Any]] = {
    f"{scheme}, {screen}": {"viewport": viewport, "color_scheme": scheme}
    for scheme in ("light", "dark")
    for screen, viewport in {"phone": PHONE, "desktop": DESKTOP, "wide": WIDE}.items()
}

LOOKED_AT = {
    "color-contrast": "Words beside a chart's axes, and those that stand upright over the columns of a confusion "
    "table: axe-core measures neither. Both are soft text on a card, the first line of the table below. Charts are "
    "hidden from screen readers; their newest values stand under them as text.",
}
"""Rule of axe-core that it leaves to people -> what was seen by looking."""

PAIRS = {
    "Words in a chart or over a column, on a card": ("soft", "card"),
    "Edge of a field, on a card": ("edge", "card"),
    "Edge of a field, on the field": ("edge", "well"),
    "Ring of the focus, on the page": ("accent", "page"),
    "Ring of the focus, on a card": ("accent", "card"),
    "Best bar, on its track": ("accent", "track"),
    "Other bars, on their track": ("rest", "track"),
    "Doubtful bar, on its track": ("doubt", "track"),
    **{f"Curve {number}, on a card": (f"series-{number}", "card") for number in range(1, 8)},
}
"""What is seen and not read -> the page's tokens for it and for what is behind; 3:1 is asked for (WCAG 2.2, 1.4.11)."""

PARTS_NEEDED = 3.0


@dataclass(frozen=True)
class Audit:
    """What axe-core found on one view in one look; places are selectors, each with its rule.

    ``contrast`` is the lowest ratio of a text whose ratio must be 4.5 (WCAG 2.2, 1.4.3).
    """

    passed: int
    violations: list[tuple[str, str, str]]
    incomplete: list[tuple[str, str]]
    contrast: float


@dataclass(frozen=True)
class Stop:
    """An element that Tab comes to: how it is called, and whether its focus is seen: a ring of 3 px, in sight."""

    name: str
    ringed: bool


def show_prediction(page: Page) -> None:
    """A picture with its answer."""
    page.set_input_files("#file", FilePayload(name="red.jpg", mimeType="image/jpeg", buffer=picture(RED)))
    page.locator(".bars").first.wait_for()


FULL: dict[str, Callable[[Page], None]] = {
    "predict": show_prediction,
    "models": lambda page: page.locator(".version").first.wait_for(),
    "learn": lambda page: page.locator("#archive").wait_for(),
    "watch": lambda page: page.locator(".stats").wait_for(),
}
"""Each view, and how to get something into it."""


def unfold(page: Page) -> None:
    """Open every fold of the view that is shown, and those inside."""
    closed = page.locator(".view:not([hidden]) details:not([open]) > summary")
    while closed.count():
        closed.first.click()


def audit(page: Page) -> Audit:
    """Let axe-core look at the page as it is."""
    page.evaluate(Axe().axe_script)
    found = page.evaluate(
        """async () => {
            const { passes, violations, incomplete } = await axe.run();
            const places = (rules) => rules.flatMap(({ id, impact, nodes }) =>
                nodes.map(({ target }) => [id, impact, target.join(" ")]));
            const texts = passes.filter(({ id }) => id === "color-contrast").flatMap(({ nodes }) => nodes)
                .flatMap(({ any }) => any.map(({ data }) => data))
                .filter((data) => data?.expectedContrastRatio === "4.5:1").map(({ contrastRatio }) => contrastRatio);
            return {
                passed: passes.length, violations: places(violations), incomplete: places(incomplete),
                contrast: Math.min(...texts),
            };
        }"""
    )
    return Audit(
        passed=found["passed"],
        violations=[(rule, impact, place) for rule, impact, place in found["violations"]],
        incomplete=[(rule, place) for rule, _, place in found["incomplete"]],
        contrast=found["contrast"],
    )


def fits(page: Page) -> bool:
    """Whether nothing needs scrolling sideways."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def walk(page: Page) -> tuple[list[Stop], list[str]]:
    """Press Tab from the top to the end: where it stops, and what can be used and was never reached."""
    page.evaluate(
        """() => {
            window.reached = new Set();
            // Tab goes on from what had the focus last, even where it has lost it.
            document.body.tabIndex = -1;
            document.body.focus();
            document.body.removeAttribute("tabindex");
        }"""
    )
    stops = list[Stop]()
    while stop := _next(page):
        stops.append(stop)
    missed = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
            .filter((each) => each.checkVisibility() && !each.disabled && !window.reached.has(each))
            .map((each) => each.outerHTML.slice(0, 80))"""
    )
    return stops, missed


def _next(page: Page) -> Stop | None:
    page.keyboard.press("Tab")
    found = page.evaluate(
        """() => {
            const at = document.activeElement;
            if (at === document.body || window.reached.has(at)) return null;
            window.reached.add(at);
            const { outlineStyle, outlineWidth } = getComputedStyle(at);
            const { top, bottom } = at.getBoundingClientRect();
            const name = at.ariaLabel || at.labels?.[0]?.innerText || at.innerText || at.placeholder;
            return {
                name: name.trim().replace(/\\s+/g, " ").slice(0, 40),
                ringed: outlineStyle === "solid" && outlineWidth === "3px" && bottom > 0 && top < innerHeight,
            };
        }"""
    )
    return Stop(**found) if found else None


def contrasts(page: Page) -> dict[str, float]:
    """The ratio of each of ``PAIRS`` in the scheme that the page is shown in."""
    names = sorted({name for pair in PAIRS.values() for name in pair})
    values = page.evaluate(
        """(names) => {
            const style = getComputedStyle(document.documentElement);
            return names.map((name) => style.getPropertyValue(`--${name}`));
        }""",
        names,
    )
    tokens = dict(zip(names, values, strict=True))
    return {what: ratio(tokens[one], tokens[other]) for what, (one, other) in PAIRS.items()}


def ratio(one: str, other: str) -> float:
    """The contrast of two colors, written #rgb or #rrggbb (WCAG 2.2, contrast ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    digits = color.strip().removeprefix("#")
    parts = [digits[at : at + 2] for at in (0, 2, 4)] if len(digits) == 6 else [digit * 2 for digit in digits]
    shares = [int(part, 16) / 255 for part in parts]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
