"""The same commands against a running server, and beside one on the same store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from model_store_scripts.stores.store import Listed
from tests.graphs import mean_color_classifier
from tests.scripts.commands import Command
from tests.scripts.website import Website
from tests.server import LensServer, lens_server

KEY = "k-for-the-commands"


@dataclass(frozen=True)
class Served:
    """A server, and how a command names it."""

    server: LensServer
    home: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("--server", self.server.url, "--api-key", KEY)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of one worker that asks everyone for a key."""
    folder = tmp_path_factory.mktemp("served")
    settings = {"LENS_WORKERS": "1", "LENS_API_KEYS": f"{KEY}:manage", "LENS_REQUIRE_KEY": "1"}
    with lens_server(folder, settings) as server:
        yield Served(server, folder / "lens")


def listed(command: Command, served: Served) -> dict[str, Any]:
    return {
        f"{each['id']}@{each['version']}": each for each in command.answers("list_models", *served.options)["models"]
    }


def test_a_model_goes_through_its_life_over_the_api(
    command: Command, served: Served, colors: Path, tmp_path: Path
) -> None:
    options = ("--labels", colors / "labels.txt", "--preprocessing", "zero-one", "--default", *served.options)
    first = command.answers("import_model", colors / "colors.onnx", *options)
    assert (first["version"], first["default"], first["live_on"]) == ("v1", True, "1/1")

    (tmp_path / "colors.onnx").write_bytes(mean_color_classifier(bias=(1.0, 0.0, 0.0)))
    second = command.answers("import_model", tmp_path / "colors.onnx", "--threshold", "0.5", *served.options)
    assert (second["version"], second["live"], second["live_on"]) == ("v2", False, None)

    assert "live on 1/1 workers" in command.says("promote_model", "colors@v2", *served.options)
    command.answers("promote_model", "colors@v1", "--alias", "before", *served.options)
    models = listed(command, served)
    assert (models["colors@v1"]["live"], models["colors@v2"]["live"]) == (False, True)
    assert models["colors@v1"]["aliases"] == ["before"]

    point = ("--batch", "2", "--threads", "2", "--seconds", "0")
    (measured,) = command.answers("benchmark_model", "colors@v1", *point, *served.options)["measured"]
    assert (measured["batch"], measured["threads"]) == (2, 2) and measured["rows_per_s"] > 0


def test_a_change_beside_a_server_is_served_before_the_command_ends(
    command: Command, served: Served, colors: Path
) -> None:
    beside = ("--home", served.home)
    done = command.answers("import_model", colors / "colors.onnx", "--id", "beside", *beside)
    assert (done["live"], done["live_on"]) == (True, "1/1")
    answer = requests.get(
        f"{served.server.url}/models/info?id=beside", headers={"Authorization": f"Bearer {KEY}"}, timeout=20
    )
    assert (answer.json()["live"], answer.json()["source"]) == (True, "import")


def test_a_store_in_use_is_checked_and_backed_up_and_not_restored(
    command: Command, served: Served, tmp_path: Path
) -> None:
    beside = ("--home", served.home)
    versions = len(command.answers("list_models", *beside)["models"])
    assert command.answers("verify_store", "--no-load", *beside)["checked"] == versions
    assert command.answers("backup", tmp_path / "lens.tar", *beside)["versions"] == versions
    command.refusal("restore", tmp_path / "lens.tar", "--force", *beside, code="in_use")
    assert requests.get(f"{served.server.url}/readyz", timeout=20).status_code == 200


def test_without_its_key_the_server_refuses_and_says_so(command: Command, served: Served) -> None:
    for options in (served.options[:2], (*served.options[:3], "another")):
        command.refusal("list_models", *options, code="unauthorized")


def test_a_refusal_of_the_server_is_told_as_one_of_the_store(command: Command, served: Served, tmp_path: Path) -> None:
    (tmp_path / "page.onnx").write_bytes(b"<html>Not Found</html>")
    command.refusal("import_model", tmp_path / "page.onnx", *served.options, code="not_onnx")
    command.refusal("promote_model", "nothing@v1", *served.options, code="model_not_found")


def test_a_command_is_a_program_of_its_own(served: Served) -> None:
    environment = {**os.environ, "LENS_API_KEY": KEY}
    command = [sys.executable, "-m", "model_store_scripts.list_models", "--server", served.server.url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cifar10@v1" in done.stdout


def test_an_address_without_a_lens_is_told(command: Command, website: Website) -> None:
    website.put("/models", b"hello")
    assert "no Lens" in command.refusal("list_models", "--server", website.url, code="no_lens")
    command.refusal("list_models", "--server", "http://127.0.0.1:9", code="unreachable")


def test_a_command_works_on_one_store(command: Command, tmp_path: Path) -> None:
    assert "not both" in command.says("list_models", "--server", "http://127.0.0.1:9", "--home", tmp_path, code=2)


def test_a_list_of_several_pages_is_read_to_its_end(command: Command, website: Website) -> None:
    def page(version: str, next_page: str | None) -> bytes:
        listed = Listed(
            "iris", version, "iris", False, False, [], "features", "fp32", 1, "", "2026-01-01T00:00:00Z", "upload"
        )
        return json.dumps({"models": [{**asdict(listed), "new": "field"}], "next": next_page}).encode()

    website.put("/models", page("v1", "abc"))
    website.put("/models?cursor=abc", page("v2", None))
    models = command.answers("list_models", "--server", website.url)["models"]
    assert [each["version"] for each in models] == ["v1", "v2"]
