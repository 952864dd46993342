"""The Open Inference Protocol over gRPC: its methods, each from message to message.

The messages are generated, so they are untyped here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from serving.api.health import HealthAPI
from serving.api.routes import Kind, Route, Scope
from serving.errors import ServiceError
from serving.observability.request_context import current
from serving.oip import messages_pb2 as messages
from serving.oip.inference import Inference
from serving.oip.parameters import checked_parameters
from serving.oip.proto_codec import parameters_of, parse_infer, render_infer
from serving.oip.repository import ModelRepository
from serving.oip.signature import server_metadata

SERVICE = "inference.GRPCInferenceService"

Message = Any


@dataclass(frozen=True, slots=True)
class Method:
    """One gRPC method as a route: who may call it and what limits it has are those of any other.

    ``route.handler`` takes a ``request`` message; a ``streamed`` method answers each message of a stream, in order.
    """

    name: str
    route: Route
    request: Any
    streamed: bool = False

    def parse(self, data: bytes) -> Message:
        """The request message that ``data`` is.

        Raises:
            ServiceError: ``bad_request``; it is none.
        """
        try:
            return self.request.FromString(data)
        except DecodeError:
            raise ServiceError("bad_request", f"That is no message of {self.route.path}.") from None


class OpenInferenceMethods:
    """Every method of ``GRPCInferenceService`` that Lens has."""

    def __init__(self, inference: Inference, repository: ModelRepository, health: HealthAPI, *, version: str) -> None:
        self._inference = inference
        self._repository = repository
        self._health = health
        self._version = version

    def __iter__(self) -> Iterator[Method]:
        yield _method("ServerLive", self.server_live)
        yield _method("ServerReady", self.server_ready)
        yield _method("ServerMetadata", self.server_metadata)
        yield _method("ModelReady", self.model_ready, "predict")
        yield _method("ModelMetadata", self.model_metadata, "predict")
        yield _method("ModelConfig", self.model_config, "predict")
        yield _method("ModelInfer", self.infer, "predict", "prediction")
        yield _method("ModelStreamInfer", self.infer_one_of_many, "predict", "prediction", streamed=True)
        yield _method("RepositoryIndex", self.index, "predict")
        yield _method("RepositoryModelLoad", self.load, "manage", "upload")
        yield _method("RepositoryModelUnload", self.unload, "manage", "upload")

    async def server_live(self, _message: Message) -> Message:
        """The process answers."""
        return messages.ServerLiveResponse(live=True)

    async def server_ready(self, _message: Message) -> Message:
        """Whether the default model has just proved itself."""
        try:
            await self._health.check()
        except ServiceError:
            return messages.ServerReadyResponse(ready=False)
        return messages.ServerReadyResponse(ready=True)

    async def server_metadata(self, _message: Message) -> Message:
        """Who serves, and which extensions of the protocol."""
        return messages.ServerMetadataResponse(**server_metadata(self._version))

    async def model_ready(self, message: Message) -> Message:
        """Whether a request for the model would be answered; what there is not is not ready, as Triton answers it."""
        try:
            self._repository.check_ready(_reference(message.name, message.version))
        except ServiceError as error:
            if error.code not in ("not_ready", "model_not_found"):
                raise
            return messages.ModelReadyResponse(ready=False)
        return messages.ModelReadyResponse(ready=True)

    async def model_metadata(self, message: Message) -> Message:
        """A model's versions and tensors."""
        metadata = await self._repository.metadata(_reference(message.name, message.version))
        return messages.ModelMetadataResponse(**metadata)

    async def model_config(self, message: Message) -> Message:
        """A model's configuration."""
        config = self._repository.config(_reference(message.name, message.version))
        return messages.ModelConfigResponse(config=config)

    async def infer(self, message: Message) -> Message:
        """Tensors in, tensors out."""
        request = parse_infer(message)
        reference = _reference(message.model_name, message.model_version)
        return render_infer(await self._inference.infer(reference, request, current()), request)

    async def infer_one_of_many(self, message: Message) -> Message:
        """One request of a stream; its failure is an answer too, and ends nothing."""
        return messages.ModelStreamInferResponse(infer_response=await self.infer(message))

    async def index(self, message: Message) -> Message:
        """Every version of every model."""
        return messages.RepositoryIndexResponse(models=await self._repository.index(ready_only=message.ready))

    async def load(self, message: Message) -> Message:
        """Load a model into memory."""
        parameters = checked_parameters(parameters_of(message.parameters), "the request")
        await self._repository.load(message.model_name, parameters)
        return messages.RepositoryModelLoadResponse()

    async def unload(self, message: Message) -> Message:
        """Give back the memory of a model that is not live."""
        await self._repository.unload(message.model_name)
        return messages.RepositoryModelUnloadResponse()


def stream_failure(error: ServiceError) -> Message:
    """A failure in the place of an answer of a stream."""
    return messages.ModelStreamInferResponse(error_message=error.text)


def _method(name: str, call: Any, scope: Scope = "public", kind: Kind = "quick", *, streamed: bool = False) -> Method:
    request = getattr(messages, "ModelInferRequest" if kind == "prediction" else f"{name}Request")
    return Method(name, Route("POST", f"/{SERVICE}/{name}", call, scope, kind), request, streamed)


def _reference(model: str, version: str) -> str:
    return f"{model}@{version}" if version else model
