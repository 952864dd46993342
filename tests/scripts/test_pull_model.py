from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from model_store_scripts.pulling.download import Wanted, fetch
from model_store_scripts.pulling.zoo import zoo, zoo_model
from model_store_scripts.report import CommandFailed
from tests.scripts.commands import Command
from tests.scripts.website import Website


def test_an_address_is_pulled_and_brought_in(tmp_path: Path, command: Command, website: Website, colors: Path) -> None:
    body = (colors / "colors.onnx").read_bytes()
    url = website.put("/models/My%20Colors.onnx?raw=1", body)
    options = ("--downloads", tmp_path / "downloads", "--labels", colors / "labels.txt")
    answer = command.answers("pull_model", url, "--sha256", hashlib.sha256(body).hexdigest(), *options)
    assert (answer["id"], answer["version"], answer["live"]) == ("my-colors", "v1", True)


def test_an_address_without_a_digest_is_not_asked(command: Command, website: Website) -> None:
    assert "--sha256" in command.says("pull_model", website.put("/m.onnx", b"model"), code=2)
    assert website.asked == []


def test_a_zoo_model_is_asked_of_the_hub_and_let_in_only_as_the_catalogue_knows_it(
    tmp_path: Path, command: Command, website: Website
) -> None:
    path = f"/hub/{zoo_model('squeezenet 1.1').path}"
    website.put(path, b"<html>Not Found</html>")
    options = ("--hub", f"{website.url}/hub/", "--downloads", tmp_path)
    assert "HTML page" in command.refusal("pull_model", "SqueezeNet-1.1", *options, code="wrong_file")
    assert website.asked == [(path, None)]


def test_a_real_zoo_file_is_fetched_as_the_catalogue_knows_it(tmp_path: Path, website: Website, shared: Path) -> None:
    model = zoo_model("MobileNet v2-1.0-qdq")
    url = website.put("/model.onnx", (shared / "models" / "mobilenetv2-12-qdq.onnx").read_bytes())
    fetched = fetch(Wanted(url, model.sha256, model.size), tmp_path, lambda _: None)
    assert fetched.stat().st_size == model.size


def test_the_catalogue_is_listed_with_the_newest_opset_first_choice(command: Command) -> None:
    listed = command.answers("pull_model", "--list")["models"]
    assert len(listed) == len(zoo()) > 100
    assert all(len(each["sha256"]) == 64 and each["size"] > 0 for each in listed)
    assert zoo_model("alexnet").opset == max(each.opset for each in zoo() if each.name == "AlexNet")
    assert zoo_model("alexnet", 7).opset == 7


@pytest.mark.parametrize(("name", "opset", "told"), [("SqueezNet 1.1", None, "SqueezeNet 1.1"), ("AlexNet", 99, "99")])
def test_what_the_zoo_does_not_have_is_told_with_what_comes_close(name: str, opset: int | None, told: str) -> None:
    with pytest.raises(CommandFailed, match=told) as caught:
        zoo_model(name, opset)
    assert caught.value.code == "not_in_zoo"
