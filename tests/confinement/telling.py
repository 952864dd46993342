"""A child that tells the parts it is asked to tell: ``python -m tests.confinement.telling``."""

from __future__ import annotations

from typing import Any

from serving.confinement.inside import Tell, Work, answer_in_parts


def main() -> None:
    """Answer one request."""
    answer_in_parts(_teller)


def _teller(tell: Tell) -> Work:
    def work(request: dict[str, Any]) -> dict[str, Any]:
        for part in request["parts"]:
            tell(part)
        return {"told": len(request["parts"])}

    return work


if __name__ == "__main__":
    main()
