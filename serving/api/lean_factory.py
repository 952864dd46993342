"""What stays of the framework's application: its lifecycle, and how an API is found.

Apart from ``serving.api.factory``, which the framework's parent process imports too: what this brings (an HTTP client,
numpy) is for those who serve.
"""

from __future__ import annotations

from typing import Any

from _bentoml_impl.server.app import ServiceAppFactory
from starlette.requests import Request
from starlette.responses import Response

from serving.api.factory import NativeHandlers
from serving.api.routes import Handler
from serving.inputs.body import read_body


class LeanFactory(ServiceAppFactory):
    """The framework's application for its lifecycle alone: no request passes its middlewares."""

    @property
    def middlewares(self) -> list[Any]:
        """None: tracing, access log, timeout and metrics are the edge's."""
        return []

    def handlers(self) -> NativeHandlers:
        """The native APIs by route, and ``/schema.json``."""
        native = {method.route: self._native(name) for name, method in self.service.apis.items()}
        return {**native, "/schema.json": self.schema_view}

    def _native(self, name: str) -> Handler:
        """The endpoint of one native API: the body, read by us, goes to the method of the running instance."""
        function = self.service.apis[name].func  # not through the attribute: its wrapper costs a signature a call

        async def endpoint(request: Request) -> Response:
            body = await read_body(request)
            if request.scope["query_string"]:
                body.query = dict(request.query_params)
            response: Response = await function(self._service_instance, body)
            return response

        return endpoint
