"""PyTriton: Triton's HTTP server around Python functions, the JPEG as binary data of the inference protocol."""

from __future__ import annotations

import json
import os
import sysconfig
from collections.abc import Callable

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.peers import options
from benchmarks.peers.classifier import PictureClassifier


def instance() -> Callable[..., object]:
    """A function of its own session, for one of Triton's instances."""
    pictures = PictureClassifier()

    @batch
    def infer(image: np.ndarray) -> list[np.ndarray]:
        ranked = pictures.classify_tensors([pictures.tensor(data) for (data,) in image])
        return [np.array([[json.dumps({"predictions": each}).encode()] for each in ranked], dtype=bytes)]

    return infer


if __name__ == "__main__":
    together = options.batch()
    # Triton's Python stub has to load this interpreter's library, not another of the same minor version.
    os.environ["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=options.port(),
        grpc_address="127.0.0.1",
        grpc_port=int(os.environ["BENCH_PORT_2"]),
        metrics_port=int(os.environ["BENCH_PORT_3"]),
    )
    with Triton(config=config, workspace=options.state() / "triton") as triton:
        triton.bind(
            model_name="classifier",
            infer_func=[instance() for _ in range(options.workers())],
            inputs=[Tensor(name="image", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="answer", dtype=bytes, shape=(1,))],
            config=ModelConfig(max_batch_size=together, batching=True, batcher=DynamicBatcher()),
        )
        triton.serve()
