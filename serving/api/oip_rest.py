"""The Open Inference Protocol over HTTP, as Triton's, KServe's and MLServer's clients speak it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from preprocessing.errors import InputError
from serving.api.health import HealthAPI
from serving.api.responses import JSON
from serving.errors import ServiceError
from serving.observability.request_context import current
from serving.oip.inference import Inference
from serving.oip.json_body import Rendered, parse_infer, parse_object, render_infer
from serving.oip.parameters import checked_parameters
from serving.oip.repository import ModelRepository
from serving.oip.signature import server_metadata

HEADER_LENGTH = "Inference-Header-Content-Length"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class OpenInferenceAPI:
    """Every path under ``/v2``; ``max_body`` is what a compressed body may become, in bytes."""

    def __init__(
        self, inference: Inference, repository: ModelRepository, health: HealthAPI, *, version: str, max_body: int
    ) -> None:
        self._inference = inference
        self._repository = repository
        self._health = health
        self._version = version
        self._max_body = max_body

    async def server(self, _request: Request) -> Response:
        """Who serves, and which extensions of the protocol."""
        return JSON(server_metadata(self._version))

    async def live(self, _request: Request) -> Response:
        """The process answers."""
        return JSON({"live": True})

    async def ready(self, _request: Request) -> Response:
        """The default model has just proved itself, as for ``/readyz``."""
        await self._health.check()
        return JSON({"ready": True, "live": True})

    async def model(self, request: Request) -> Response:
        """A model's versions and tensors."""
        return JSON(await self._repository.metadata(_reference(request)))

    async def model_ready(self, request: Request) -> Response:
        """A request for the model would be answered."""
        version = self._repository.check_ready(_reference(request))
        return JSON({"name": version.key.id, "ready": True})

    async def model_config(self, request: Request) -> Response:
        """A model's configuration, as Triton's clients ask for it."""
        return JSON(self._repository.config(_reference(request)))

    async def infer(self, request: Request) -> Response:
        """Tensors in, tensors out."""
        asked = parse_infer(await self._body(request), _header_length(request))
        answer = await self._inference.infer(_reference(request), asked, current())
        return _response(render_infer(answer, asked))

    async def index(self, request: Request) -> Response:
        """Every version of every model."""
        wishes = parse_object(await self._body(request))
        return JSON(await self._repository.index(ready_only=bool(wishes.get("ready", False))))

    async def load(self, request: Request) -> Response:
        """Load a model into memory."""
        await self._repository.load(request.path_params["model"], await self._parameters(request))
        return JSON({})

    async def unload(self, request: Request) -> Response:
        """Give back the memory of a model that is not live."""
        await self._repository.unload(request.path_params["model"])
        return JSON({})

    async def _parameters(self, request: Request) -> Mapping[str, Any]:
        return checked_parameters(parse_object(await self._body(request)).get("parameters"), "the request")

    async def _body(self, request: Request) -> bytes:
        body = await request.body()
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding == "identity":
            return body
        if encoding not in ("gzip", "deflate"):
            raise ServiceError("unsupported_media_type", "A body may be compressed with gzip or deflate, nothing else.")
        return await asyncio.to_thread(_decompressed, body, self._max_body)


def _reference(request: Request) -> str:
    parameters = request.path_params
    version = parameters.get("version")
    return f"{parameters['model']}@{version}" if version else str(parameters["model"])


def _header_length(request: Request) -> int | None:
    text = request.headers.get(HEADER_LENGTH)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"{HEADER_LENGTH} must be a whole number of bytes.")
    return int(text)


def _response(rendered: Rendered) -> Response:
    if rendered.header_length is None:
        return Response(rendered.body, media_type="application/json")
    headers = {HEADER_LENGTH: str(rendered.header_length)}
    return Response(rendered.body, media_type="application/octet-stream", headers=headers)


def _decompressed(body: bytes, limit: int) -> bytes:
    """What ``body`` says uncompressed; it is never unpacked further than ``limit`` bytes."""
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        data = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise ServiceError("bad_request", "The body is not compressed as its Content-Encoding says.") from None
    if len(data) > limit:
        raise ServiceError("body_too_large", f"The body is larger than {limit / 2**20:g} MiB when it is unpacked.")
    if not unpacker.eof or unpacker.unused_data:
        raise ServiceError("bad_request", "The compressed body is cut off, or something follows it.")
    return data
