"""The smallest BentoML service: what a start of the framework alone costs."""

from __future__ import annotations

import bentoml

from benchmarks.peers import options


@bentoml.service(name="Hello", workers=options.workers())
class Hello:
    """Says hello."""

    @bentoml.api
    def hello(self, name: str = "world") -> str:
        """A greeting."""
        return f"Hello, {name}"
