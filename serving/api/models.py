"""The model endpoints: upload, list, describe, and what happened to them."""

from __future__ import annotations

import shutil
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from preprocessing.labels import parse_labels
from serving.api import cursor, description
from serving.api.encoding import zipped
from serving.api.narration import Report, narrated
from serving.api.responses import JSON
from serving.errors import ServiceError, invalid_field, missing_field
from serving.inputs.body import Body, read_body
from serving.observability.request_context import current
from serving.publisher import Published, Publisher, Upload
from serving.registry.full_disk import reporting_full_disk
from serving.registry.history import Change
from serving.registry.records import ModelKey, ModelVersion, Place, Routing, Summary, name_from_filename
from serving.registry.routing_table import model_not_found

PAGE = 1000
"""The most entries that one answer lists."""


class Catalogue(Protocol):
    """What the registry tells about versions."""

    def version_keys(self, model_id: str | None = None) -> list[ModelKey]:
        """Every version, or those of one id; oldest first."""

    def page(self, model_id: str | None, *, after: Place | None, limit: int) -> list[Summary]:
        """The next ``limit`` of them behind ``after``."""

    def history(self, model_id: str | None, *, limit: int, before: int | None = None) -> list[tuple[int, Change]]:
        """What happened, newest first, before change number ``before``."""

    def history_of(self, key: ModelKey, *, limit: int) -> list[tuple[int, Change]]:
        """What happened to one version, newest first."""

    def routing(self) -> Routing:
        """What is live."""

    def get(self, key: ModelKey) -> ModelVersion:
        """One version, or ``model_not_found``."""

    def workspace(self) -> AbstractContextManager[Path]:
        """A folder beside the store that is gone afterwards, also where the process is killed."""


class ModelsAPI:
    """Uploads and the catalogue, as HTTP."""

    def __init__(self, publisher: Publisher, catalogue: Catalogue) -> None:
        self._publisher = publisher
        self._catalogue = catalogue

    async def upload(self, body: Body) -> Response:
        """``/upload``: what it brings is live and the default before 201 is sent."""
        model = body.file("model", "file")
        if model is None:
            raise missing_field("model")
        name = _text(body, "name")
        given = name or _text(body, "id")
        model_id = given or name_from_filename(model.filename or "model.onnx")
        said = {"id": model_id, "name": name or model_id, "version": _text(body, "version")}
        return await self._publish(body, model, **said, activate=True, default=True)

    async def register(self, request: Request) -> Response:
        """``/models/upload``: registers beside the others."""
        body = await read_body(request)
        model = body.file("file", "model")
        values = {name: _text(body, name) for name in ("id", "name", "version")}
        missing = [name for name, value in {"file": model, **values}.items() if not value]
        if missing or model is None:
            detail = missing_field(*missing).detail
            raise ServiceError("missing_upload_field", detail)
        return await self._publish(body, model, **values, activate=_activation(body), default=False)

    async def list(self, request: Request) -> Response:
        """``GET /models[?id=][&limit=][&cursor=]``: the versions, one entry each, a page at a time."""
        limit, after = _limit(request), request.query_params.get("cursor")
        place = cursor.place_of(after) if after else None
        routing = self._catalogue.routing()
        found = await to_thread(self._catalogue.page, _id(request), after=place, limit=limit + 1)
        entries = await to_thread(lambda: [description.entry(version, routing) for version in found[:limit]])
        told = {
            "models": entries,
            "default": routing.default_id,
            "generation": routing.generation,
            "next": cursor.after(found[limit - 1].place) if len(found) > limit else None,
        }
        return await zipped(request, JSON(told))

    async def info(self, request: Request) -> Response:
        """``GET /models/info?id=[&version=]``: all that is known about one version, which an alias may name."""
        model_id = _id(request)
        if model_id is None:
            raise missing_field("id", place="query")
        routing = self._catalogue.routing()
        version = self._catalogue.get(self._wanted(model_id, request.query_params.get("version"), routing))
        changes = await to_thread(self._catalogue.history_of, version.key, limit=PAGE)
        told = [description.change(number, each) for number, each in changes]
        short = description.entry(version.summary, routing)
        return await zipped(request, JSON({**short, **description.description(version), "history": told}))

    async def history(self, request: Request) -> Response:
        """``GET /models/history[?id=][&limit=][&cursor=]``: who did what when, newest first, deletions included."""
        limit, before = _limit(request), request.query_params.get("cursor")
        if before is not None and not before.isdecimal():
            raise invalid_field("cursor", "must be the `next` of an earlier page", place="query")
        found = await to_thread(
            self._catalogue.history, _id(request), limit=limit + 1, before=int(before) if before else None
        )
        told = [description.change(number, each) for number, each in found[:limit]]
        return JSON({"changes": told, "next": str(told[-1]["number"]) if len(found) > limit else None})

    async def _publish(self, body: Body, model: UploadFile, **said: Any) -> Response:
        """What ``model`` became, told part by part where the caller wants that; ``said`` are fields of ``Upload``."""

        async def publish(report: Report) -> Response:
            async with self._stored(model, *_pictures(body)) as (path, *pictures):
                told = {**said, **await _upload_options(body), "path": path, "pictures": tuple(pictures)}
                upload = Upload(**told, actor=current().actor, deadline=current().deadline)
                return _created(await self._publisher.publish(upload, report))

        return await narrated(publish) if _flag(body, "progress") else await publish(lambda _part: None)

    def _wanted(self, model_id: str, version: str | None, routing: Routing) -> ModelKey:
        """The version asked for, else the live one, else the newest."""
        if version:
            return routing.key_named(model_id, version.strip().lower())
        live = routing.live_key(model_id)
        if live is not None:
            return live
        known = self._catalogue.version_keys(model_id)
        if not known:
            raise model_not_found(model_id)
        return known[-1]

    @asynccontextmanager
    async def _stored(self, *uploaded: UploadFile) -> AsyncIterator[tuple[Path, ...]]:
        """What was uploaded as files beside the store, in the same order; gone afterwards."""
        with self._catalogue.workspace() as folder:
            paths = [folder / f"upload-{number}" for number in range(len(uploaded))]
            with reporting_full_disk():
                for file, path in zip(uploaded, paths, strict=True):
                    await to_thread(_write, file, path)
            yield tuple(paths)


def _write(file: UploadFile, path: Path) -> None:
    file.file.seek(0)
    with path.open("wb") as out:
        shutil.copyfileobj(file.file, out, 1 << 20)


async def _upload_options(body: Body) -> dict[str, Any]:
    return {
        "labels": await _labels(body),
        "preprocessing": _preprocessing(body.fields.get("preprocessing")),
        "threshold": _threshold(body.fields.get("threshold")),
        "optimize": _wants_optimizing(body),
    }


def _wants_optimizing(body: Body) -> bool:
    """Whether other modes of execution are to be tried."""
    given = str(body.fields.get("optimize", "off")).strip().lower()
    if given in {"auto", "true", "1", "yes", "on"}:
        return True
    if given in {"off", "false", "0", "no", "none", "", "fp32"}:
        return False
    raise invalid_field("optimize", "must be auto or off")


def _pictures(body: Body) -> list[UploadFile]:
    """The pictures to judge other modes on; they are not stored where nobody wants to know."""
    return body.all_files("pictures") if _wants_optimizing(body) else []


async def _labels(body: Body) -> tuple[str, ...] | None:
    file = body.file("labels")
    if file is not None:
        return parse_labels(await file.read())
    given = body.fields.get("labels")
    if given is None or given == "":
        return None
    return parse_labels(given.encode() if isinstance(given, str) else orjson.dumps(given))


def _preprocessing(given: Any) -> dict[str, Any] | str | None:
    """A preset's name or an object; JSON text is read here so that both forms look alike from now on."""
    if given is None or given == "":
        return None
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            raise ServiceError("invalid_preprocessing", "The preprocessing is not valid JSON.") from None
    if not isinstance(given, str | dict):
        raise ServiceError("invalid_preprocessing", "The preprocessing must be a preset's name or an object.")
    return given


def _threshold(given: Any) -> float:
    if given is None or given == "":
        return 0.0
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise invalid_field("threshold", "must be a number from 0 to 1")
    return float(given)


def _text(body: Body, name: str) -> str | None:
    value = body.fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float):
        raise invalid_field(name, "must be text")
    return str(value)


def _activation(body: Body) -> bool | None:
    """Whether the version goes live; "never" lets even the first of an id wait, to be looked at before."""
    if body.fields.get("activate") == "never":
        return False
    return True if _flag(body, "activate") else None


def _flag(body: Body, name: str) -> bool:
    value = body.fields.get(name)
    return value is True or (isinstance(value, str | int) and str(value).lower() in {"1", "true", "yes", "on"})


def _id(request: Request) -> str | None:
    given = request.query_params.get("id")
    return given.strip().lower() if given else None


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", str(PAGE))
    if not given.isdecimal() or not 1 <= int(given) <= PAGE:
        raise invalid_field("limit", f"must be a whole number from 1 to {PAGE}", place="query")
    return int(given)


def _created(published: Published) -> JSON:
    version, report, optimization = published.version, published.report, published.optimization
    key = version.key
    current().model_id, current().model_version = key.id, key.version
    return JSON(
        {
            "model": {"id": key.id, "name": version.name, "version": key.version, "path": version.summary.public_path},
            "info": description.signature(version.spec),
            "live": report is not None,
            "default": published.default,
            "live_on": report.live_on if report else None,
            "kind": "image" if version.spec.image else "features",
            "preprocessing": description.dump(version.spec.image),
            "labels": len(version.spec.labels) if version.spec.labels else None,
            "mode": optimization.mode if optimization else version.spec.execution.mode,
            "optimization": description.dump(optimization),
            "request_id": current().request_id,
        },
        status_code=201,
    )
