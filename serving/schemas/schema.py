"""What the public API's models have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """A model whose validator is made when it is first needed: most of them only document, and no start waits."""

    model_config = ConfigDict(defer_build=True, protected_namespaces=())
