"""A compose project as tests speak to it: the checkout's compose.yaml with an .env of its own, gone afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.graphs import mean_color_classifier
from tests.server import free_port

KEY = {"Authorization": "Bearer compose-key"}


@dataclass(frozen=True)
class Project:
    """A started compose project: its folder, and where its services answer."""

    name: str
    folder: Path
    lens: str
    prometheus: str

    def shell(self, text: str, *, check: bool = True) -> str:
        """What the commands print, as somebody types them in the project's folder; the first that fails ends them."""
        environment = {**os.environ, "COMPOSE_PROJECT_NAME": self.name, "COMPOSE_ANSI": "never"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def ask(self, question: str) -> list[dict[str, Any]]:
        """Prometheus's answer to an instant query."""
        answer = requests.get(f"{self.prometheus}/api/v1/query", params={"query": question}, timeout=10).json()
        assert answer["status"] == "success", f"{question}: {answer}"
        return list(answer["data"]["result"])

    def upload(self, version: str, bias: tuple[float, ...] | None = None) -> None:
        """Bring in a version of "colors", which names the colour of a picture; ``bias`` makes it name others."""
        files = {
            "model": ("colors.onnx", mean_color_classifier(bias=bias)),
            "labels": ("l.json", b'["red","green","blue"]'),
        }
        fields = {"name": "colors", "version": version, "preprocessing": "zero-one"}
        sent = requests.post(f"{self.lens}/upload", files=files, data=fields, headers=KEY, timeout=60)
        assert sent.status_code == 201, sent.text

    def versions(self, model_id: str) -> list[str]:
        """The versions of one id that it knows."""
        known = requests.get(f"{self.lens}/models", timeout=30).json()["models"]
        return sorted(each["version"] for each in known if each["id"] == model_id)


@contextmanager
def compose_project(
    root: Path, folder: Path, name: str, image: str, settings: Mapping[str, str], up: str
) -> Iterator[Project]:
    """The project, once ``docker compose`` has done what ``up`` says; its volumes go too at the end."""
    (folder / "compose.yaml").write_bytes((root / "compose.yaml").read_bytes())
    (folder / "deploy").symlink_to(root / "deploy")
    lens, prometheus = free_port(), free_port()
    told = {
        "LENS_IMAGE": image,
        "LENS_PUBLISH": f"127.0.0.1:{lens}",
        "PROMETHEUS_PUBLISH": f"127.0.0.1:{prometheus}",
        "LENS_API_KEYS": "compose-key",
        **settings,
    }
    (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in told.items()))
    project = Project(name, folder, f"http://127.0.0.1:{lens}", f"http://127.0.0.1:{prometheus}")
    try:
        project.shell(f"docker compose {up}")
        yield project
    finally:
        project.shell("docker compose --profile '*' down --volumes --timeout 20", check=False)
