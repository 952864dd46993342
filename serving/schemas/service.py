"""The health of the service, and the body of every failure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from serving.schemas.schema import Schema


class Health(Schema):
    """Whether the service can predict."""

    status: Literal["ok", "unavailable"]
    Status: Literal["ok", "unavailable"]
    message: str
    model_loaded: bool
    timestamp: str
    models: int
    default: str | None
    runtime: dict[str, Any] = Field(description="ONNX Runtime's version, providers and highest opset.")


class ValidationItem(Schema):
    """One invalid or missing field."""

    type: str
    loc: list[str | int]
    msg: str


class ErrorBody(Schema):
    """Every failure."""

    detail: str | list[ValidationItem]
    code: str
    request_id: str
