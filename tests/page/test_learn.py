"""The third view: classes before the start, the job as it goes on, the report, and the decision."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, FilePayload, Page, Route, expect

from tests.page.browser import Visit, tab_in
from tests.pictures import picture
from tests.server import LensServer


def zipped(names: Iterable[str], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
        archive.comment = comment
    return out.getvalue()


HUES = {"red": (210, 40, 40), "green": (40, 210, 40), "blue": (40, 40, 210), "yellow": (200, 200, 40)}


def colored(*labels: str, count: int, broken: Iterable[str] = ()) -> bytes:
    """A ZIP file of pictures of about those colors, no two alike, in folders of their names; ``broken`` are none."""
    dice, out = random.Random(7), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for label in labels:
            for number in range(count):
                red, green, blue = (part + dice.randint(-35, 35) for part in HUES[label])
                archive.writestr(f"{label}/{number}.png", picture((red, green, blue), kind="PNG"))
        for name in broken:
            archive.writestr(name, b"no picture")
    return out.getvalue()


def choose(page: Page, archive: bytes) -> None:
    page.set_input_files("#archive", FilePayload(name="pictures.zip", mimeType="application/zip", buffer=archive))


def jobs(lens: LensServer) -> list[dict[str, object]]:
    return list(requests.get(f"{lens.url}/jobs", timeout=10).json()["jobs"])


def taught(lens: LensServer) -> dict[str, object]:
    """A job that has just ended well, with a version that is not live."""
    answer = requests.post(
        f"{lens.url}/retrain",
        files={"file": ("pictures.zip", colored("red", "green", "blue", count=8, broken=["red/x.png"]))},
        data={"gate": "none", "activate": "false", "trust_labels": "true"},
        timeout=90,
    )
    answer.raise_for_status()
    return jobs(lens)[0]


def test_a_model_is_taught_judged_and_the_result_rejected(tab: Visit, lens: LensServer) -> None:
    page = tab.open("/#learn")
    choose(page, colored("red", "green", "blue", "yellow", count=12))
    expect(page.get_by_role("region", name="Classes")).to_contain_text("4 classes")
    expect(page.get_by_role("region", name="Classes").locator("li").first).to_contain_text("12")
    page.get_by_text("Model and options").locator("visible=true").click()
    page.get_by_label("Accept it").select_option("none")
    page.get_by_role("button", name="Start learning").click()
    expect(page.get_by_role("button", name="Promote")).to_be_visible(timeout=90_000)
    expect(page.locator(".gate")).to_be_visible()
    expect(page.locator(".per-class li")).to_have_count(4)
    expect(page.locator(".confusion")).to_have_count(2)
    expect(page.locator(".job .chart svg")).to_have_count(2)
    version = str(jobs(lens)[0]["version"])
    expect(page.locator("#job-title")).to_have_text(f"colors {version}")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".job")).to_contain_text(f"{version} is gone")
    info = requests.get(f"{lens.url}/models/info", params={"id": "colors", "version": version}, timeout=10)
    assert info.status_code == 404


def test_what_was_taught_is_promoted_with_the_consequences_said(
    tab: Visit, lens: LensServer, colors_again: None
) -> None:
    version = taught(lens)["version"]
    page = tab.open("/#learn")
    page.locator(".jobs .choice").first.click()
    expect(page.locator("#job-title")).to_have_text(f"colors {version}")
    page.get_by_text("1 entry left out or noticed").click()
    expect(page.locator(".job details li")).to_contain_text("red/x.png")
    page.get_by_role("button", name="Promote").click()
    dialog = page.get_by_role("dialog", name=f"Make colors {version} live?")
    expect(dialog).to_contain_text("v1 stays, and comes back with one roll back.")
    dialog.get_by_role("button", name="Make live").click()
    expect(page.locator(".job")).to_contain_text("It is live.", timeout=30_000)
    expect(page.locator("#serving")).to_have_text(f"Serving colors {version}")
    live = requests.get(f"{lens.url}/models/info", params={"id": "colors"}, timeout=10).json()
    assert live["version"] == version


def test_a_job_that_was_interrupted_goes_on_when_asked(tab: Visit, lens: LensServer) -> None:
    # tests/retraining interrupts real ones; here the newest job is told to be one, and what is asked of it is heard.
    page, asked = tab.open(), list[dict[str, Any]]()
    newest = taught(lens)

    def interrupted(route: Route) -> None:
        told = route.fetch().json()
        for job in told.get("jobs", [told]):
            if job["id"] == newest["id"]:
                job.update(state="interrupted", resumable=True, version=None, report=None)
        route.fulfill(json=told)

    def resumed(route: Route) -> None:
        asked.append(route.request.post_data_json)
        page.unroute("**/jobs?*", interrupted)
        route.fulfill(json={**newest, "state": "queued"}, status=202)

    page.route("**/jobs?*", interrupted)
    page.route("**/jobs/resume", resumed)
    page.get_by_role("link", name="Learn").click()
    expect(page.locator(".job .badge").first).to_have_text("Interrupted")
    page.get_by_role("button", name="Go on with it").click()
    expect(page.locator(".job .badge").first).to_have_text("Done")
    assert asked == [{"id": newest["id"]}]


def test_a_job_is_cancelled(tab: Visit, lens: LensServer) -> None:
    page = tab.open("/#learn")
    # Enough of them that a slow browser is quicker than the job.
    choose(page, colored("red", "green", "blue", count=400))
    page.get_by_role("button", name="Start learning").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job .badge").first).to_have_text("Cancelled", timeout=30_000)
    assert jobs(lens)[0]["state"] == "cancelled"


def test_what_was_of_no_use_is_named_when_nothing_could_be_learned(tab: Visit) -> None:
    page = tab.open("/#learn")
    choose(page, zipped(["red/one.png", "green/two.png"]))
    page.get_by_role("button", name="Start learning").click()
    expect(page.locator(".job .badge").first).to_have_text("Failed", timeout=30_000)
    page.get_by_text("2 entries left out or noticed").click()
    expect(page.locator(".job details li")).to_have_count(2)


def test_a_file_that_is_no_archive_is_told_before_it_is_sent(tab: Visit) -> None:
    page = tab.open("/#learn")
    choose(page, b"this is not a ZIP file, whatever its name says")
    expect(page.get_by_role("alert")).to_have_text("This is no ZIP file.")
    choose(page, zipped(["notes.txt"]))
    expect(page.get_by_role("alert")).to_have_text("There is no folder with pictures in it.")


@pytest.fixture(scope="module")
def reader(desktop: BrowserContext, lens: LensServer) -> Iterator[Page]:
    """A page whose modules are asked directly."""
    with tab_in(desktop, lens.url) as made:
        yield made.open()


def classes_in(page: Page, archive: bytes) -> dict[str, int]:
    found = page.evaluate(
        """async (bytes) => {
            const { namesIn, classesOf } = await import("/static/learn/archive.js");
            const file = new File([new Uint8Array(bytes)], "a.zip");
            return Object.fromEntries(classesOf(await namesIn(file)).map(({ label, count }) => [label, count]));
        }""",
        list(archive),
    )
    return dict(found)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["cat/1.jpg", "cat/2.PNG", "dog/1.jpeg", "dog/notes.txt"], {"cat": 2, "dog": 1}),
        (["all/cat/1.jpg", "all/dog/1.jpg", "__MACOSX/all/cat/._1.jpg"], {"cat": 1, "dog": 1}),
        (["train/cat/1.jpg", "test/cat/2.jpg", "train/dog/1.jpg"], {"cat": 2, "dog": 1}),
        (["data/train/cat/1.jpg", "data/test/dog/1.jpg"], {"cat": 1, "dog": 1}),
        (["cat/.hidden.jpg", "cat/1.jpg", "1.jpg"], {"cat": 1}),
        (["Straße/größe.jpg"], {"Straße": 1}),
    ],
    ids=["at the top", "in one folder", "as a split", "a split in one folder", "odd ones", "beyond ASCII"],
)
def test_classes_are_read_from_the_archive_s_own_directory(
    reader: Page, names: list[str], classes: dict[str, int]
) -> None:
    assert classes_in(reader, zipped(names, comment=b"a comment at the end")) == classes


def test_classes_of_an_archive_in_the_large_format_are_read_as_well(reader: Page) -> None:
    archive = in_large_format(zipped(["cat/1.jpg", "cat/2.jpg", "dog/1.jpg"]))
    assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg"]
    assert classes_in(reader, archive) == {"cat": 2, "dog": 1}


def in_large_format(archive: bytes) -> bytes:
    """A ZIP file without comment, as one of more than 4 GiB or 65,535 entries ends (APPNOTE 4.3.14 to 4.3.16)."""
    body, end = archive[:-22], archive[-22:]
    count, size, offset = struct.unpack("<HLL", end[10:20])
    record = struct.pack("<LQHHLLQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<LLQL", 0x07064B50, 0, len(body), 1)
    return body + record + locator + end[:8] + struct.pack("<HHLLH", 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
