"""Several pictures at once, feedback, options, and models that take values."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import requests
from onnx import TensorProto, helper
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.graphs import iris_classifier, model_bytes
from tests.page.browser import Visit
from tests.pictures import BLUE, RED, picture
from tests.server import LensServer


def jpeg(name: str, data: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="image/jpeg", buffer=data)


def downloaded(page: Page, button: str) -> str:
    with page.expect_download() as started:
        page.get_by_role("button", name=button).click()
    return Path(started.value.path()).read_text()


def test_several_pictures_become_a_gallery_with_a_table_to_take_along(tab: Visit) -> None:
    page = tab.open()
    files = [jpeg("=red.jpg", picture(RED)), jpeg("broken.jpg", b"no picture"), jpeg("blue, big.jpg", picture(BLUE))]
    page.set_input_files("#file", files)
    expect(page.get_by_text("2 answered, 1 failed")).to_be_visible()
    expect(page.locator(".tiles strong")).to_have_text(["red", "Failed", "blue"])
    expect(page.locator("tbody tr").nth(1)).to_contain_text("Only images are allowed")
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "Download CSV"))))
    # A spreadsheet would take the first name for a formula.
    assert [row["picture"] for row in rows] == ["'=red.jpg", "broken.jpg", "blue, big.jpg"]
    assert [row["label"] for row in rows] == ["red", "", "blue"]
    assert float(rows[0]["confidence"]) > 0.5
    told = json.loads(downloaded(page, "Download JSON"))
    assert [entry["answer"] and entry["answer"]["predicted_label"] for entry in told] == ["red", None, "blue"]
    tab.excuse("Failed to load resource", "400")


def test_a_wrong_answer_gets_the_next_likely_label_with_one_click(tab: Visit) -> None:
    page = tab.open()
    page.set_input_files("#file", jpeg("odd.jpg", picture((60, 200, 120))))
    expect(page.locator(".best")).to_have_text("green")
    with page.expect_response("**/feedback") as told:
        page.get_by_role("button", name="No, it is blue").click()
    expect(page.get_by_text("Noted: it is blue.")).to_be_visible()
    assert told.value.json()["correct"] is False


def test_a_wrong_answer_gets_its_right_label_and_counts(tab: Visit, lens: LensServer) -> None:
    page = tab.open()
    with page.expect_response("**/predict") as answered:
        page.set_input_files("#file", jpeg("odd.jpg", picture((90, 200, 90))))
    page.get_by_role("button", name="No", exact=True).click()
    page.get_by_label("It is", exact=True).fill("blue")
    with page.expect_response("**/feedback") as told:
        page.get_by_role("button", name="Tell it").click()
    expect(page.get_by_text("Noted: it is blue.")).to_be_visible()
    assert told.value.json()["correct"] is False
    assert told.value.json()["request_id"] == answered.value.json()["request_id"]


def test_a_right_answer_takes_one_click(tab: Visit) -> None:
    page = tab.open()
    page.set_input_files("#file", jpeg("red.jpg", picture(RED)))
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("Noted: it was right.")).to_be_visible()


def test_options_hold_for_the_next_question_and_the_threshold_is_explained(tab: Visit) -> None:
    page = tab.open()
    page.get_by_text("Model and options").click()
    page.get_by_label("Model", exact=True).select_option("colors@v1")
    page.get_by_label("Classes listed").fill("2")
    page.get_by_label("Threshold").fill("0.9")
    page.set_input_files("#file", jpeg("grey.jpg", picture((128, 120, 120))))
    expect(page.locator(".best")).to_have_text("unknown")
    expect(page.locator(".sure")).to_contain_text("under the threshold of 90.0%")
    expect(page.locator("#answer .bars li")).to_have_count(2)


def test_a_picture_lying_on_its_side_is_shown_upright(tab: Visit) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.new("RGB", (80, 40), RED).save(out, "JPEG", exif=exif)
    page = tab.open()
    page.set_input_files("#file", jpeg("upright.jpg", out.getvalue()))
    preview = page.get_by_role("img", name="The picture upright.jpg")
    expect(preview).to_be_visible()
    assert preview.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [40, 80]


def test_a_model_of_features_gets_a_form_made_from_its_inputs(tab: Visit, lens: LensServer) -> None:
    _bring(lens, "flowers", iris_classifier())
    page = tab.open()
    page.get_by_text("Model and options").click()
    page.get_by_label("Model", exact=True).select_option("flowers")
    expect(page.locator("#features legend")).to_have_text("input float32 [N, 4]")
    expect(page.locator("#features .values input")).to_have_count(4)
    page.get_by_label("input 2", exact=True).fill("7.5")
    page.get_by_label("input 2", exact=True).press("Tab")
    assert json.loads(page.locator("#request").input_value()) == {"features": [0.5, 7.5, 0.5, 0.5]}
    page.locator("#request").fill('{"features": [1, 2, 3, 4]}')
    expect(page.get_by_label("input 4", exact=True)).to_have_value("4")
    with page.expect_response("**/predict") as answered:
        page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer .outputs dt")).to_have_text("output")
    expect(page.locator("#answer .best")).to_have_text(str(int(answered.value.json()["prediction"][0])))
    page.locator("#request").fill('{"features": [1, 2]')
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer .problem")).to_contain_text("not valid JSON")
    page.locator("#request").fill('{"features": [1, 2]}')
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer .problem")).to_contain_text("4")
    tab.excuse("Failed to load resource", "400")


def test_inputs_of_several_types_have_their_names_their_types_and_a_sample(tab: Visit, lens: LensServer) -> None:
    _bring(lens, "prices", price_of_a_ticket())
    page = tab.open()
    page.get_by_text("Model and options").click()
    page.get_by_label("Model", exact=True).select_option("prices")
    expect(page.locator("#features legend")).to_have_text(["age float32 [N, 1]", "city string [N, 1]"])
    sample = {"inputs": {"age": [0.5], "city": ["text"]}}
    assert json.loads(page.locator("#request").input_value()) == sample
    page.get_by_label("age 1", exact=True).fill("30")
    page.get_by_label("city 1", exact=True).fill("Rome")
    page.get_by_label("city 1", exact=True).press("Tab")
    assert json.loads(page.locator("#request").input_value()) == {"inputs": {"age": [30], "city": ["Rome"]}}
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer .outputs dt")).to_have_text("price")
    expect(page.locator("#answer .best")).to_have_text("50")
    page.get_by_role("button", name="Sample values").click()
    assert json.loads(page.locator("#request").input_value()) == sample


def price_of_a_ticket() -> bytes:
    """A number and a text in: the age, and 20 more for Rome."""
    return model_bytes(
        [
            helper.make_node(
                "LabelEncoder",
                ["city"],
                ["fare"],
                domain="ai.onnx.ml",
                keys_strings=["Rome"],
                values_floats=[20.0],
                default_float=0.0,
            ),
            helper.make_node("Add", ["age", "fare"], ["price"]),
        ],
        [
            helper.make_tensor_value_info("age", TensorProto.FLOAT, ["N", 1]),
            helper.make_tensor_value_info("city", TensorProto.STRING, ["N", 1]),
        ],
        [helper.make_tensor_value_info("price", TensorProto.FLOAT, ["N", 1])],
    )


def _bring(lens: LensServer, model_id: str, model: bytes) -> None:
    fields = {"id": model_id, "name": model_id, "version": "v1"}
    files = {"file": ("model.onnx", model)}
    requests.post(f"{lens.url}/models/upload", files=files, data=fields, timeout=60).raise_for_status()
