"""Writes down what tests/page/accessibility.py finds, as docs/accessibility.md.

``python -m tests.page.accessibility_report``, or ``make page-report``.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.page.accessibility import (
    FULL,
    LOOKED_AT,
    LOOKS,
    PAIRS,
    PARTS_NEEDED,
    Audit,
    Stop,
    audit,
    contrasts,
    fits,
    unfold,
    walk,
)
from tests.page.browser import chromium, installed, visit
from tests.page.screenshots import ask_about_many, teach
from tests.server import ROOT, LensServer, lens_server

REPORT = ROOT / "docs" / "accessibility.md"
TESTS = Path(__file__).parent / "test_for_everyone.py"
WEIGHTS = ("critical", "serious", "moderate", "minor")


def main() -> None:
    """Look at a fresh server's page in every look, walk through it, and write the report."""
    path = installed()
    if path is None:
        sys.exit("There is no chromium on this machine: scripts/install-browser.sh installs it.")
    with TemporaryDirectory() as home, lens_server(Path(home)) as lens, chromium(path) as browser:
        teach(lens)
        ask_about_many(lens)
        audits = {(view, look): look_at(browser, lens, view, look) for view in FULL for look in LOOKS}
        walks = {view: walk_through(browser, lens, view) for view in FULL}
        ratios = {scheme: measured(browser, lens, scheme) for scheme in ("light", "dark")}
        version = tool(browser, lens)
    made = f"{datetime.now(UTC):%Y-%m-%d}, axe-core {version} in Chromium {browser.version}."
    REPORT.write_text(written(audits, walks, ratios, made))


def look_at(browser: Browser, lens: LensServer, view: str, look: str) -> Audit:
    """One view, full, in one look."""
    with visit(browser, lens.url, reduced_motion="reduce", **LOOKS[look]) as made:
        page = made.open(f"/#{view}")
        FULL[view](page)
        unfold(page)
        page.wait_for_load_state("networkidle")
        assert fits(page), (view, look)
        return audit(page)


def walk_through(browser: Browser, lens: LensServer, view: str) -> tuple[list[Stop], list[str]]:
    """One view by keyboard."""
    with visit(browser, lens.url, reduced_motion="reduce") as made:
        page = made.open(f"/#{view}")
        FULL[view](page)
        page.wait_for_load_state("networkidle")
        return walk(page)


def measured(browser: Browser, lens: LensServer, scheme: str) -> dict[str, float]:
    """The contrasts of one scheme."""
    with visit(browser, lens.url, color_scheme=scheme) as made:
        return contrasts(made.open())


def tool(browser: Browser, lens: LensServer) -> str:
    """The version of axe-core."""
    with visit(browser, lens.url) as made:
        page = made.open()
        page.evaluate(Axe().axe_script)
        return str(page.evaluate("() => axe.version"))


PAGE = """# Accessibility, measured

Made by `make page-report`, never by hand: {made}
The server has two versions of a model, a job with its report, and a few hundred answers.
Each view is shown with something in it and every fold open.
`tests/page/test_for_everyone.py` asks the same of the page in `make test`, and fails where anything is found.

## What axe-core finds

Each look is a color scheme on a screen: phone 360, desktop 1280, wide 1920 pixels.
"Left to people" are places where axe-core cannot decide; below is what was seen there.
The last column is the lowest contrast of a text that must have {text:g}:1.

| View | Look | Rules kept | {weights} | Left to people | Text |
| --- | --- | --: | --: | --: | --: | --: | --: | --: |
{audits}

{broken}

## What it leaves to people

{incomplete}

## With the keyboard alone

Tab, from the top to the end of each view as it is first seen, folds closed.
Each stop must show a ring of 3 pixels and be in sight; whatever can be used must be a stop.

| View | Stops | Without a ring or out of sight | Never reached |
| --- | --: | --: | --: |
{walks}

{order}

## Contrast of what is seen and not read

At least {parts:g}:1 is asked for.

| | Light | Dark |
| --- | --: | --: |
{contrasts}

## What the tests add

In `tests/page/test_for_everyone.py`, each in its own words:

{tests}
"""


def written(
    audits: dict[tuple[str, str], Audit],
    walks: dict[str, tuple[list[Stop], list[str]]],
    ratios: dict[str, dict[str, float]],
    made: str,
) -> str:
    """The report as a page."""
    broken = sorted(
        {f"- {impact}: `{rule}` at `{place}`" for each in audits.values() for rule, impact, place in each.violations}
    )
    orders = [f"{view.title()}: {' → '.join(stop.name for stop in stops)}." for view, (stops, _) in walks.items()]
    return PAGE.format(
        made=made,
        text=4.5,
        parts=PARTS_NEEDED,
        weights=" | ".join(weight.title() for weight in WEIGHTS),
        audits="\n".join(audit_row(view, look, each) for (view, look), each in audits.items()),
        broken="\n".join(broken) or "No rule is broken.",
        incomplete=left_over(audits),
        walks="\n".join(
            f"| {view.title()} | {len(stops)} | {sum(not stop.ringed for stop in stops)} | {len(missed)} |"
            for view, (stops, missed) in walks.items()
        ),
        order="\n\n".join(orders),
        tests="\n".join(f"- {words}" for words in promises()),
        contrasts="\n".join(
            f"| {what} | {ratios['light'][what]:.1f}:1 | {ratios['dark'][what]:.1f}:1 |" for what in PAIRS
        ),
    )


def promises() -> list[str]:
    """What the tests say of the page, read from their names."""
    names = re.findall(r"^def test_(\w+)", TESTS.read_text(), re.MULTILINE)
    return [name.replace("_s_", "'s ").replace("_", " ").capitalize() for name in names]


def audit_row(view: str, look: str, found: Audit) -> str:
    """One line of the first table."""
    by_weight = Counter(impact for _, impact, _ in found.violations)
    weights = " | ".join(str(by_weight[weight]) for weight in WEIGHTS)
    return (
        f"| {view.title()} | {look} | {found.passed} | {weights} | {len(found.incomplete)} | {found.contrast:.1f}:1 |"
    )


def left_over(audits: dict[tuple[str, str], Audit]) -> str:
    """The places that axe-core leaves to people, by rule, with what was seen there."""
    places = dict[str, set[str]]()
    for (view, _), found in audits.items():
        for rule, place in found.incomplete:
            kind = re.sub(r"\[[xy]=[^]]*\]|:nth-child\(\d+\)", "", place)
            places.setdefault(rule, set()).add(f"{view.title()}: `{kind}`")
    if not places:
        return "Nothing."
    rows = [
        f"| `{rule}` | {'<br>'.join(sorted(where))} | {LOOKED_AT.get(rule, 'not looked at yet')} |"
        for rule, where in sorted(places.items())
    ]
    return "\n".join(["| Rule | Where | What was seen |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    main()
