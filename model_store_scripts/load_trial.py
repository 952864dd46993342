"""Whether a version can be served here, tried in a child process: what kills it there kills nothing else.

``python -m model_store_scripts.load_trial`` is that child.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preprocessing.spec import ModelSpec
from serving.confinement.child import ChildFailed, Limits, ask_child
from serving.confinement.inside import Request, Work, answer_once
from serving.registry.records import ModelVersion

_MODULE = "model_store_scripts.load_trial"


def find_load_failure(version: ModelVersion, providers: Sequence[str], limits: Limits) -> str | None:
    """Why a worker could not load and warm ``version``; None where it can."""
    request = {
        "path": str(version.model_path),
        "spec": version.spec.model_dump(mode="json"),
        "providers": list(version.spec.execution.providers or providers),
    }
    try:
        ask_child(_MODULE, request, limits, task="its trial")
    except ChildFailed as failure:
        return str(failure)
    return None


def main() -> None:
    """Answer one request; the process ends with it."""
    answer_once(_loader)


def _loader() -> Work:
    from runners.fused_model import open_model
    from runners.warmup import warm_up

    def load(request: Request) -> dict[str, Any]:
        spec = ModelSpec.model_validate(request["spec"])
        model = open_model(Path(request["path"]), spec, threads=1, providers=request["providers"])
        warm_up(model, spec.served)
        model.close()
        return {}

    return load


if __name__ == "__main__":
    main()
