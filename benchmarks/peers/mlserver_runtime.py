"""MLServer: a custom runtime behind the Open Inference Protocol, the JPEG as a base64 element of a JSON body.

Run as a module it writes the settings that MLServer reads and starts it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers import options
from benchmarks.peers.classifier import PictureClassifier


class Classifier(MLModel):
    """Runs what adaptive batching put together, each picture an element of the request's one input."""

    async def load(self) -> bool:
        """Load the model."""
        self._pictures = PictureClassifier()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The best labels of each picture, each as JSON text."""
        pictures = Base64Codec.decode_input(payload.inputs[0])
        ranked = self._pictures.classify_tensors([self._pictures.tensor(picture) for picture in pictures])
        answers = [json.dumps({"predictions": each}) for each in ranked]
        output = StringCodec.encode_output("answer", answers, use_bytes=False)
        return InferenceResponse(model_name=self.name, outputs=[output])


def write_settings(folder: Path) -> None:
    """The server's settings, and the model's, in ``folder``; batching is off unless it is asked for."""
    together = options.batch() > 1
    server = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": options.port(),
        "grpc_port": int(os.environ["BENCH_PORT_2"]),
        "metrics_port": int(os.environ["BENCH_PORT_3"]),
        # One worker alone is run in the server's own process.
        "parallel_workers": options.workers() if options.workers() > 1 else 0,
    }
    model = {
        "name": "classifier",
        "implementation": "benchmarks.peers.mlserver_runtime.Classifier",
        "max_batch_size": options.batch() if together else 0,
        "max_batch_time": 0.002 if together else 0,
    }
    (folder / "settings.json").write_text(json.dumps(server))
    (folder / "model-settings.json").write_text(json.dumps(model))


if __name__ == "__main__":
    write_settings(options.state())
    command = str(Path(sys.executable).with_name("mlserver"))
    os.execv(command, [command, "start", str(options.state())])
