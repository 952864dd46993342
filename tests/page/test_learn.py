"""The third view: classes before the start, the job as it goes on, the report, and the decision."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterable

import pytest
import requests
from playwright.sync_api import FilePayload, Page, expect

from tests.page.browser import Visit
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


def colored(*labels: str, count: int) -> bytes:
    """A ZIP file of pictures of about those colors, no two alike, in folders of their names."""
    dice, out = random.Random(7), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for label in labels:
            for number in range(count):
                red, green, blue = (part + dice.randint(-35, 35) for part in HUES[label])
                archive.writestr(f"{label}/{number}.png", picture((red, green, blue), kind="PNG"))
    return out.getvalue()


def choose(page: Page, archive: bytes) -> None:
    page.set_input_files("#archive", FilePayload(name="pictures.zip", mimeType="application/zip", buffer=archive))


def jobs(lens: LensServer) -> list[dict[str, object]]:
    return list(requests.get(f"{lens.url}/jobs", timeout=10).json()["jobs"])


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
    expect(page.locator(".job .chart canvas")).to_have_count(2)
    version = str(jobs(lens)[0]["version"])
    expect(page.locator("#job-title")).to_have_text(f"colors {version}")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".job")).to_contain_text(f"{version} is gone")
    info = requests.get(f"{lens.url}/models/info", params={"id": "colors", "version": version}, timeout=10)
    assert info.status_code == 404


def test_a_job_is_cancelled(tab: Visit, lens: LensServer) -> None:
    page = tab.open("/#learn")
    choose(page, colored("red", "green", "blue", count=30))
    page.get_by_role("button", name="Start learning").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".job .badge").first).to_have_text("Cancelled", timeout=30_000)
    assert jobs(lens)[0]["state"] == "cancelled"


def test_a_file_that_is_no_archive_is_told_before_it_is_sent(tab: Visit) -> None:
    page = tab.open("/#learn")
    choose(page, b"this is not a ZIP file, whatever its name says")
    expect(page.get_by_role("alert")).to_have_text("This is no ZIP file.")
    choose(page, zipped(["notes.txt"]))
    expect(page.get_by_role("alert")).to_have_text("There is no folder with pictures in it.")


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
    tab: Visit, names: list[str], classes: dict[str, int]
) -> None:
    page = tab.open()
    found = page.evaluate(
        """async (bytes) => {
            const { namesIn, classesOf } = await import("/static/learn/archive.js");
            const file = new File([new Uint8Array(bytes)], "a.zip");
            return Object.fromEntries(classesOf(await namesIn(file)).map(({ label, count }) => [label, count]));
        }""",
        list(zipped(names, comment=b"a comment at the end")),
    )
    assert found == classes
