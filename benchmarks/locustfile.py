"""Load on any Lens with locust's chart of requests and latencies in the browser.

``.bench/locust/bin/locust -f benchmarks/locustfile.py --host http://127.0.0.1:3000`` and open http://127.0.0.1:8089;
without a page: ``--headless --users 16 --spawn-rate 16 --run-time 30s``.  ``--picture`` sends a file of yours,
``--features-model iris`` asks a model of features as well.
"""

from __future__ import annotations

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


class Caller(HttpUser):
    """Asks again as soon as it was answered."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Read the picture once."""
        options = self.environment.parsed_options
        path = Path(options.picture)
        self._picture = (path.name, path.read_bytes())
        self._fields = {"model_id": options.model} if options.model else {}
        self._features_model = options.features_model
        self._features = [float(number) for number in options.features.split(",")]

    @task(4)
    def classify(self) -> None:
        """One picture to its best labels."""
        self.client.post("/infer", files={"image": self._picture}, data=self._fields)

    @task(1)
    def predict(self) -> None:
        """One vector of features, where a model for it was named."""
        if self._features_model:
            body = {"model_id": self._features_model, "features": self._features}
            self.client.post("/predict", json=body)
