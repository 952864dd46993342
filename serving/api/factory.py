"""``LensService``: a BentoML service whose ASGI application is our edge.

The service stays a BentoML service in every respect that a user meets: decorator, configuration, workers, lifecycle
hooks, ``/schema.json``, BentoML's clients.  What changes is how a request reaches an API: the edge's route table leads
to the method itself, past the framework's middlewares and endpoint wrapper (docs/decisions/0006 has the measurement).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from _bentoml_impl.server.app import ServiceAppFactory
from _bentoml_sdk import Service
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from serving.api.routes import Handler
from serving.inputs.body import read_body

NativeHandlers = dict[str, Handler]
EdgeBuilder = Callable[[Any, ASGIApp, NativeHandlers], ASGIApp]


class _LeanFactory(ServiceAppFactory):
    """The framework's application for its lifecycle alone: no request passes its middlewares."""

    @property
    def middlewares(self) -> list[Any]:
        """None: tracing, access log, timeout and metrics are the edge's."""
        return []


class LensService(Service[Any]):
    """A BentoML service that lets its class wrap the framework's application.

    The decorated class offers ``__edge__(lifespan, handlers) -> ASGIApp``; handlers are the native APIs by route, and
    ``/schema.json``.  Its ``trusted_proxies`` are the addresses whose forwarding headers uvicorn may believe, by comma.
    """

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """The application that uvicorn serves.

        A dependent service (``is_main`` false) keeps the framework's own stack: only the main service reaches it.
        """
        if not is_main:
            return super().to_asgi(is_main)
        os.environ["FORWARDED_ALLOW_IPS"] = self.inner.trusted_proxies  # uvicorn's default is to believe loopback
        self.inject_config()
        factory = _LeanFactory(self, is_main=True)
        application: ASGIApp = self.inner.__edge__(factory(), self._handlers(factory))
        return application

    def needs_task_db(self) -> bool:
        """No: the table of jobs is ours, and outlives a start."""
        return False

    def _handlers(self, factory: ServiceAppFactory) -> NativeHandlers:
        native = {method.route: _native(factory, name) for name, method in self.apis.items()}
        return {**native, "/schema.json": factory.schema_view}


def _native(factory: ServiceAppFactory, name: str) -> Handler:
    """The endpoint of one native API: the body, read by us, goes to the method of the running instance."""
    function = factory.service.apis[name].func  # not through the attribute: its wrapper costs a signature a call

    async def endpoint(request: Request) -> Response:
        body = await read_body(request)
        if request.scope["query_string"]:
            body.query = dict(request.query_params)
        response: Response = await function(factory._service_instance, body)
        return response

    return endpoint
