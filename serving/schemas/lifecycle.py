"""Changes of what is live, and of names."""

from __future__ import annotations

from pydantic import Field

from serving.schemas.schema import Schema


class ActivateRequest(Schema):
    """Which version becomes live, and whether its id becomes the default."""

    id: str
    version: str = Field(description="A version, or an alias that means one.")
    default: bool = False


class RollbackRequest(Schema):
    """Whose last change of what is live is taken back; without an id that of what answers by default."""

    id: str | None = None


class AliasRequest(Schema):
    """Which version an alias means; null takes the alias away."""

    id: str
    alias: str
    version: str | None


class AliasAnswer(Schema):
    """What the alias means now."""

    id: str
    alias: str
    version: str | None
    live_on: str = Field(examples=["2/2"])
    generation: int
    request_id: str


class DeleteAnswer(Schema):
    """The version that is gone."""

    id: str
    version: str
    deleted: bool
    live_on: str = Field(description="Workers that know, of all.", examples=["2/2"])
    generation: int
    request_id: str


class ActivateAnswer(Schema):
    """The version that is live now."""

    id: str
    version: str
    default: bool
    live_on: str = Field(examples=["2/2"])
    generation: int
    request_id: str
