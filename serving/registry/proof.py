"""The sandbox's child, ``python -m serving.registry.proof``: inspects one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.confinement.inside import Request, Tell, Work, answer_in_parts


def main() -> None:
    """Answer one request; the process ends with it."""
    answer_in_parts(_inspector)


def _inspector(tell: Tell) -> Work:
    from serving.registry.inspect import inspect_model

    def inspect(request: Request) -> dict[str, Any]:
        labels = request["labels"]
        spec = inspect_model(
            Path(request["path"]),
            preprocessing=request["preprocessing"],
            labels=None if labels is None else tuple(labels),
            threshold=request["threshold"],
            tell=tell,
        )
        return {"spec": spec.model_dump(mode="json")}

    return inspect


if __name__ == "__main__":
    main()
