"""Who is compared: Lens and its peers, each with the configurations that its documentation suggests for this work."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import requests

from benchmarks import environments
from benchmarks.models import PictureModel, picture_models
from benchmarks.peers.preprocessing import Recipe, read_recipe
from benchmarks.servers import ROOT, Configuration, Variant
from benchmarks.workload import Work, multipart, protocol_base64, protocol_binary, raw

CORES = len(os.sched_getaffinity(0))
LENS = "Lens"
BATCH = 8
SHARED = ROOT.parent / "shared"
"""Models and photos that are used where they are present."""
_UPLOAD_SECONDS = 300
_OPTIMIZE_SECONDS = "240"
"""Twice what Lens takes by itself: on a busy machine a ResNet-50 would run out of that, and stay exact."""


@dataclass(frozen=True)
class Peer:
    """A system that is compared.

    Attributes:
        name: what reports call it.
        key: what the command line calls it.
        environment: its virtual environment.
        script: its command for a configuration and a port, after the interpreter.
        configurations: those that are tried, the usual best one first.
        wire: the body that it takes pictures in, as its documentation advises.
        ready: answers 200 once it serves.
        onnx_runtime: whether it runs models by ONNX Runtime, as Lens does.
    """

    name: str
    key: str
    environment: str
    script: Callable[[Configuration, int], list[str]]
    configurations: Sequence[Configuration]
    wire: Callable[[str, Sequence[bytes]], Work] = multipart
    ready: str = "/livez"
    onnx_runtime: bool = True

    def variant(self, configuration: Configuration | None = None) -> Variant:
        """The peer in one configuration; without, the usual best."""
        chosen = configuration or self.configurations[0]
        python = str(environments.python_of(self.environment))
        return Variant(
            self.name,
            lambda port: [python, *self.script(chosen, port)],
            chosen,
            self.wire,
            self.ready,
            absent=environments.why_absent(self.environment),
        )


def uvicorn(app: str, configuration: Configuration, port: int) -> list[str]:
    """What serves ``app`` with uvicorn as fast as it can."""
    options = ["--port", str(port), "--workers", str(configuration.workers), "--loop", "uvloop", "--http", "httptools"]
    return ["-m", "uvicorn", f"benchmarks.peers.{app}:{configuration.mode}", *options, "--no-access-log"]


def bentoml(service: str, configuration: Configuration, port: int) -> list[str]:
    """What serves a BentoML service."""
    return ["-m", "bentoml", "serve", f"benchmarks.peers.{service}", "--host", "127.0.0.1", "--port", str(port)]


def _module(name: str, configuration: Configuration, port: int) -> list[str]:
    return ["-m", f"benchmarks.peers.{name}"]


def _mosec(configuration: Configuration, port: int) -> list[str]:
    options = ["--address", "127.0.0.1", "--port", str(port), "--timeout", "30000", "--log-level", "warning"]
    return ["-m", "benchmarks.peers.mosec_server", *options]


MANY, BATCHING, ONE = Configuration(CORES), Configuration(CORES, 1, BATCH), Configuration(1, CORES, BATCH)
POOLED_ONE, IN_LINE_ONE = Configuration(1, CORES, mode="pooled"), Configuration(1, CORES, mode="in_line")
POOLED_MANY, IN_LINE_MANY = Configuration(CORES, mode="pooled"), Configuration(CORES, mode="in_line")

PEERS = (
    Peer(
        "FastAPI + ONNX Runtime, 1 worker",
        "fastapi-1",
        "fastapi",
        partial(uvicorn, "fastapi_ort"),
        (POOLED_ONE, IN_LINE_ONE),
    ),
    Peer(
        f"FastAPI + ONNX Runtime, {CORES} workers",
        "fastapi-n",
        "fastapi",
        partial(uvicorn, "fastapi_ort"),
        (IN_LINE_MANY, POOLED_MANY),
    ),
    Peer("LitServe", "litserve", "litserve", partial(_module, "litserve_api"), (MANY, BATCHING, ONE)),
    Peer(
        "BentoML, stock",
        "bentoml",
        "bentoml",
        partial(bentoml, "bento_depends:StockDepends"),
        (BATCHING, ONE),
    ),
    Peer("mosec", "mosec", "mosec", _mosec, (MANY, BATCHING, ONE), raw, "/"),
    Peer(
        "MLServer",
        "mlserver",
        "mlserver",
        partial(_module, "mlserver_runtime"),
        (MANY, ONE, BATCHING),
        protocol_base64,
        "/v2/models/classifier/ready",
    ),
    Peer("Ray Serve", "ray", "ray", partial(_module, "ray_serve"), (MANY, ONE, BATCHING)),
    Peer(
        "PyTriton",
        "pytriton",
        "triton",
        partial(_module, "pytriton_server"),
        (BATCHING, MANY, ONE),
        protocol_binary,
        "/v2/models/classifier/ready",
    ),
    Peer(
        "Triton front end, Python backend",
        "triton",
        "triton",
        partial(_module, "triton_server"),
        (BATCHING, MANY, ONE),
        protocol_binary,
        "/v2/models/classifier/ready",
    ),
    Peer(
        "OpenVINO behind FastAPI",
        "openvino",
        "openvino",
        partial(uvicorn, "fastapi_openvino"),
        (IN_LINE_MANY, POOLED_ONE, IN_LINE_ONE),
        onnx_runtime=False,
    ),
)
QUICK_PEERS = ("fastapi-1", "fastapi-n", "triton")
"""The peers of ONNX Runtime that came nearest so far."""
GOAL_PEERS = (*QUICK_PEERS, "litserve", "openvino")
"""Those that a goal can hang on."""


def lens(
    name: str = LENS,
    *,
    draft: bool = False,
    evidence: Path | None = None,
) -> Variant:
    """Lens as it comes, but for the cache: the same picture comes every time and is to be classified every time.

    With ``evidence`` it has twice the time to try its modes.

    Args:
        name: what reports call it.
        draft: whether the model's preprocessing allows draft decoding.
        evidence: a ZIP of pictures that faster modes of execution are judged on; without, the model stays exact.
    """
    return Variant(
        name,
        lambda port: [sys.executable, "-m", "bentoml", "serve", "service:Lens"],
        Configuration(CORES, mode="as it comes"),
        multipart,
        "/readyz",
        {"LENS_CACHE_MB": "0", **({"LENS_OPTIMIZE_S": _OPTIMIZE_SECONDS} if evidence else {})},
        partial(upload_models, draft=draft, evidence=evidence),
    )


def hello_world() -> Variant:
    """The smallest BentoML service."""
    peer = Peer("BentoML, hello world", "hello", "bentoml", partial(bentoml, "bento_hello:Hello"), (MANY,))
    return replace(peer.variant(), ready="/readyz")


def shared_models() -> dict[str, PictureModel]:
    """The models that can be had here."""
    return picture_models(SHARED)


def upload_models(url: str, models: Path, model: str, *, draft: bool = False, evidence: Path | None = None) -> str:
    """Bring the iris model and the picture's into Lens over HTTP, the picture's as the default.

    Answers the mode of execution that was chosen and why, where there was a choice.
    """
    _post(f"{url}/models/upload", {"id": "iris", "name": "iris", "version": "v1"}, {"file": models / "iris.onnx"})
    fields = {"name": model, "preprocessing": preprocessing_of(read_recipe(models, model), draft=draft)}
    files = {"model": models / f"{model}.onnx", "labels": models / f"{model}.labels.json"}
    if evidence is not None:
        fields["optimize"], files["pictures"] = "auto", evidence
    answer = _post(f"{url}/upload", fields, files)
    return f"mode {answer['mode']}: {answer['optimization']['reason']}" if evidence else ""


def preprocessing_of(recipe: Recipe, *, draft: bool = False) -> str:
    """The recipe in Lens's words."""
    return json.dumps({"preset": "imagenet", "mean": list(recipe.mean), "std": list(recipe.std), "draft": draft})


def _post(url: str, fields: dict[str, str], files: dict[str, Path]) -> Any:
    with ExitStack() as opened:
        parts = {name: (path.name, opened.enter_context(path.open("rb"))) for name, path in files.items()}
        response = requests.post(url, data=fields, files=parts, timeout=_UPLOAD_SECONDS)
    if not response.ok:
        raise RuntimeError(f"{url} answered {response.status_code}: {response.text}")
    return response.json()
