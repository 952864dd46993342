"""Load on any Lens, with locust's charts of requests and latencies.

``make load URL=https://lens.example.org`` writes a report; for charts as they grow,
``.bench/locust/bin/locust -f benchmarks/locustfile.py --host http://127.0.0.1:3000`` and http://127.0.0.1:8089.
``--picture`` sends a file of yours, ``--features-model iris`` asks a model of features as well, ``--cached`` lets the
prediction cache answer, ``--api-key`` is for servers that want one.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

from locust import HttpUser, constant, events, task

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "chelsea.png"


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    """What is sent."""
    parser.add_argument("--picture", type=str, default=str(PICTURE), help="picture that is classified")
    parser.add_argument("--model", type=str, default="", help="model that classifies it; empty: the default")
    parser.add_argument("--features-model", type=str, default="", help="model that takes --features; empty: none")
    parser.add_argument("--features", type=str, default="5.1,3.5,1.4,0.2", help="numbers, comma-separated")
    parser.add_argument("--cached", action="store_true", help="send the very same bytes each time")
    parser.add_argument("--api-key", type=str, default="", env_var="LENS_API_KEY", help="sent as a bearer token")


class Caller(HttpUser):
    """Asks again as soon as it was answered."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Read the picture once."""
        options = self.environment.parsed_options
        path = Path(options.picture)
        self._name, self._picture, self._cached = path.name, path.read_bytes(), options.cached
        self._fields = {"model_id": options.model} if options.model else {}
        self._features_model = options.features_model
        self._features = [float(number) for number in options.features.split(",")]
        if options.api_key:
            self.client.headers["Authorization"] = f"Bearer {options.api_key}"

    @task(4)
    def classify(self) -> None:
        """One picture to its best labels."""
        self.client.post("/infer", files={"image": (self._name, self._bytes())}, data=self._fields)

    @task(1)
    def predict(self) -> None:
        """One vector of features, where a model for it was named."""
        if self._features_model:
            body = {"model_id": self._features_model, "features": self._features}
            self.client.post("/predict", json=body)

    def _bytes(self) -> bytes:
        # What comes after a picture's end changes its digest, and nothing else.
        return self._picture if self._cached else self._picture + os.urandom(8)
