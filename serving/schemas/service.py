"""The health of the service, and the body of every failure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """Whether the service can predict."""

    model_config = ConfigDict(protected_namespaces=())

    status: Literal["ok", "unavailable"]
    Status: Literal["ok", "unavailable"]
    message: str
    model_loaded: bool
    timestamp: str
    models: int
    default: str | None
    runtime: dict[str, Any] = Field(description="ONNX Runtime's version, providers and highest opset.")


class ValidationItem(BaseModel):
    """One invalid or missing field."""

    type: str
    loc: list[str | int]
    msg: str


class ErrorBody(BaseModel):
    """Every failure."""

    detail: str | list[ValidationItem]
    code: str
    request_id: str
