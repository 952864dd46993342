"""The endpoints that change which version answers: activate, roll back, alias, delete."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from serving import schemas
from serving.api.predictions import validation_detail
from serving.api.responses import JSON
from serving.errors import ServiceError, missing_field
from serving.inputs.body import read_body
from serving.observability.request_context import current
from serving.registry.records import LiveReport, ModelKey, Routing, valid_name

Asked = TypeVar("Asked", bound=BaseModel)


class Lifecycle(Protocol):
    """Changes what is live on every worker."""

    async def activate(self, key: ModelKey, *, default: bool, actor: str) -> LiveReport:
        """Make a version live for its id."""

    async def roll_back(self, model_id: str | None, *, actor: str) -> tuple[ModelKey, LiveReport]:
        """Make live again what was live before."""

    async def set_alias(self, model_id: str, alias: str, version: str | None, *, actor: str) -> LiveReport:
        """Let an alias mean a version, or nothing."""

    async def delete(self, key: ModelKey, *, actor: str) -> LiveReport:
        """Remove a version that nothing names."""


class Routes(Protocol):
    """What the registry tells about what is live."""

    def routing(self) -> Routing:
        """What is live now."""


class LifecycleAPI:
    """The life of a version after its upload, as HTTP."""

    def __init__(self, lifecycle: Lifecycle, routes: Routes) -> None:
        self._lifecycle = lifecycle
        self._routes = routes

    async def activate(self, request: Request) -> Response:
        """``POST /models/activate``: live on every worker before the answer."""
        asked = await _asked(request, schemas.ActivateRequest)
        key = self._routes.routing().key_named(valid_name(asked.id, "id"), valid_name(asked.version, "version"))
        return self._answers_now(key, await self._lifecycle.activate(key, default=asked.default, actor=current().actor))

    async def roll_back(self, request: Request) -> Response:
        """``POST /models/rollback``: back to what was live before; each call goes one step further."""
        asked = await _asked(request, schemas.RollbackRequest)
        model_id = valid_name(asked.id, "id") if asked.id else None
        return self._answers_now(*await self._lifecycle.roll_back(model_id, actor=current().actor))

    async def set_alias(self, request: Request) -> Response:
        """``PUT /models/alias``: ``id@alias`` means that version from now on, or nothing where it is null."""
        asked = await _asked(request, schemas.AliasRequest)
        model_id, alias = valid_name(asked.id, "id"), valid_name(asked.alias, "alias")
        named = valid_name(asked.version, "version") if asked.version else None
        version = self._routes.routing().key_named(model_id, named).version if named else None
        report = await self._lifecycle.set_alias(model_id, alias, version, actor=current().actor)
        return _done(report, id=model_id, alias=alias, version=version)

    async def delete(self, request: Request) -> Response:
        """``DELETE /models?id=&version=``: gone for every request that begins after the answer."""
        given = {name: request.query_params.get(name, "") for name in ("id", "version")}
        if missing := [name for name, value in given.items() if not value]:
            raise missing_field(*missing, place="query")
        model_id, version = (given[name].strip().lower() for name in ("id", "version"))
        # An alias is taken for its version, which the answer then says cannot go while it is named.
        key = self._routes.routing().key_named(model_id, version)
        report = await self._lifecycle.delete(key, actor=current().actor)
        return _done(report, id=key.id, version=key.version, deleted=True)

    def _answers_now(self, key: ModelKey, report: LiveReport) -> JSON:
        default = self._routes.routing().default_id == key.id
        return _done(report, id=key.id, version=key.version, default=default)


async def _asked(request: Request, kind: type[Asked]) -> Asked:
    try:
        return kind.model_validate((await read_body(request)).fields)
    except ValidationError as error:
        raise ServiceError("validation_error", validation_detail(error)) from None


def _done(report: LiveReport, **what: Any) -> JSON:
    request_id = current().request_id
    return JSON({**what, "live_on": report.live_on, "generation": report.generation, "request_id": request_id})
