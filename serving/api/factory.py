"""``LensService``: a BentoML service whose ASGI application is our edge.

The service stays a BentoML service in every respect that a user meets: decorator, configuration, workers, lifecycle
hooks, ``/schema.json``, BentoML's clients.  What changes is how a request reaches an API: the edge's route table leads
to the method itself, past the framework's middlewares and endpoint wrapper (docs/decisions/0006 has the measurement).
"""

from __future__ import annotations

import os
from typing import Any

from _bentoml_sdk import Service
from starlette.types import ASGIApp

from serving import garbage
from serving.api.routes import Handler

NativeHandlers = dict[str, Handler]


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
        garbage.pause()  # until the application has started
        # The framework's parent process never gets here, and starts a quarter sooner without this.
        from serving.api.lean_factory import LeanFactory

        os.environ["FORWARDED_ALLOW_IPS"] = self.inner.trusted_proxies  # uvicorn's default is to believe loopback
        self.inject_config()
        factory = LeanFactory(self, is_main=True)
        application: ASGIApp = self.inner.__edge__(factory(), factory.handlers())
        return application

    def needs_task_db(self) -> bool:
        """No: the table of jobs is ours, and outlives a start."""
        return False
