"""A child that judges many models, ``python -m tests.registry.many_proofs``: most of a proof is its process's start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.confinement.inside import Request, Work, answer_once
from serving.errors import ServiceError


def _judge() -> Work:
    from serving.registry.inspect import inspect_model

    def judged(path: str) -> tuple[str, str]:
        try:
            spec = inspect_model(Path(path), preprocessing=None, labels=None, threshold=0.0)
        except ServiceError as error:
            return error.code, str(error.detail)
        return type(spec).__name__, ""

    def judge(request: Request) -> dict[str, Any]:
        return {path: judged(path) for path in request["paths"]}

    return judge


if __name__ == "__main__":
    answer_once(_judge)
