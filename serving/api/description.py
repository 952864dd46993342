"""Versions and what happened to them, as callers see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from preprocessing.elements import NUMPY_TYPES
from preprocessing.spec import ModelSpec, TensorInfo
from serving.registry.history import Change
from serving.registry.records import ModelVersion, Routing, Summary

DTYPES = {**NUMPY_TYPES, 0: "undefined", 8: "string", 16: "bfloat16"}
"""ONNX TensorProto numbers and the names people know them by."""


def entry(version: Summary, routing: Routing) -> dict[str, Any]:
    """One version in a list."""
    key = version.key
    live = routing.live_key(key.id) == key
    return {
        "id": key.id,
        "name": version.name,
        "version": key.version,
        "path": version.public_path,
        "live": live,
        "default": live and routing.default_id == key.id,
        "aliases": routing.aliases_of(key),
        "state": "damaged" if _is_damaged(version) else "live" if live else "ready",
        "kind": version.kind,
        "size_bytes": version.size_bytes,
        "sha256": version.sha256,
        "created_at": moment(version.created_at),
        "source": version.source,
        "mode": version.mode,
        "optimized_from": version.optimized_from,
        "speedup": version.speedup,
        "retrained_from": version.retrained_from,
        "metrics": {name: value for name, value in version.metrics.items() if name != "retraining"},
    }


def description(version: ModelVersion) -> dict[str, Any]:
    """What else is known about one version."""
    spec = version.spec
    return {
        **signature(spec),
        "labels": spec.labels,
        "preprocessing": dump(spec.image),
        "output": dump(spec.output),
        "batch": spec.batch,
        "batchable": spec.batchable,
        "threshold": spec.threshold,
        "opset": spec.opset,
        "ir_version": spec.ir_version,
        "actor": version.actor,
        "providers": spec.execution.providers,
        "optimization": version.summary.optimization,
        "retraining": version.metrics.get("retraining"),
        "files": version.files,
    }


def signature(spec: ModelSpec) -> dict[str, Any]:
    """The inputs and outputs as callers know them."""
    return {"inputs": [_tensor(item) for item in spec.inputs], "outputs": [_tensor(item) for item in spec.outputs]}


def change(number: int, told: Change) -> dict[str, Any]:
    """One thing that happened."""
    return {
        "number": number,
        "generation": told.generation,
        "at": moment(told.at),
        "actor": told.actor,
        "kind": told.kind,
        "id": told.id,
        "version": told.version,
        "alias": told.alias,
        "previous_id": told.previous_id,
        "previous_version": told.previous_version,
        "reason": told.reason,
    }


def moment(at: datetime) -> str:
    """A moment in UTC, as RFC 3339 writes it."""
    return at.isoformat().replace("+00:00", "Z")


def dump(value: BaseModel | None) -> dict[str, Any] | None:
    """The value as JSON takes it."""
    return value.model_dump(mode="json") if value else None


def _is_damaged(version: Summary) -> bool:
    """Whether its file is not there or not whole; its digest is read at a start only, for it takes long."""
    try:
        return version.model_path.stat().st_size != version.size_bytes
    except OSError:
        return True


def _tensor(item: TensorInfo) -> dict[str, Any]:
    name = DTYPES.get(item.dtype, "unknown") if item.kind == "tensor" else item.kind
    return {"name": item.name, "dtype": item.dtype, "dtype_name": name, "shape": item.shape}
