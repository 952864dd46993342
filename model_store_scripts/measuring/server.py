"""Measures a version as callers of a running server meet it: over HTTP, with decoding and everything else."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from model_store_scripts.measuring.latency import Latency, Stopwatch, summarize
from model_store_scripts.stores.multipart import FilePart, Multipart
from model_store_scripts.stores.server import ServerStore

_PICTURE = (640, 480)
_WARM_UP_CALLS = 3

Call = Callable[[ServerStore], object]


def measure_server(
    connect: Callable[[], ServerStore], reference: str, *, batch: int, threads: int, seconds: float
) -> Latency:
    """Ask for ``batch`` made-up rows at a time from ``threads`` callers at once, each with a connection of its own.

    Raises:
        ServiceError: the server refused, and why.
    """
    with closing(connect()) as store:
        call, rows = _prepare(store, reference, batch)
        for _ in range(_WARM_UP_CALLS):
            call(store)
    watch = Stopwatch(seconds)
    with ThreadPoolExecutor(threads) as callers:
        measured = [callers.submit(_measure, connect, call, watch) for _ in range(threads)]
        taken = [each for caller in measured for each in caller.result()]
    return summarize(taken, batch=rows, threads=threads, wall=watch.elapsed)


def _measure(connect: Callable[[], ServerStore], call: Call, watch: Stopwatch) -> list[float]:
    taken: list[float] = []
    with closing(connect()) as store:
        while watch.goes_on(len(taken)):
            started = time.perf_counter()
            call(store)
            taken.append(time.perf_counter() - started)
    return taken


def _prepare(store: ServerStore, reference: str, batch: int) -> tuple[Call, int]:
    """What asks once for ``batch`` rows, and how many rows those are."""
    model_id, _, version = reference.partition("@")
    info = store.get("/models/info", {"id": model_id, **({"version": version} if version else {})})
    if info["kind"] == "image":
        return _pictures(reference, batch), batch
    rows = 1 if info["batch"] == "none" else batch
    body = {
        "model_id": reference,
        "inputs": {each["name"]: _made_up(each, info["batch"], rows) for each in info["inputs"]},
    }
    return lambda other: other.ask("POST", "/predict", body), rows


def _pictures(reference: str, count: int) -> Call:
    fresh = _fresh_pictures()

    def call(store: ServerStore) -> object:
        parts = [FilePart("image", "picture.jpg", next(fresh)) for _ in range(count)]
        return store.send("/infer", Multipart({"model_id": reference}, parts, lambda _: None))

    return call


def _fresh_pictures() -> Iterator[bytes]:
    """JPEGs that cost the same and are all different, so that none is answered from the cache."""
    pixels = np.random.default_rng(0).integers(0, 256, (_PICTURE[1] // 8, _PICTURE[0] // 8, 3), np.uint8)
    encoded = BytesIO()
    Image.fromarray(pixels).resize(_PICTURE).save(encoded, "JPEG")
    # What follows the end of a JPEG is no part of the picture, but of the file and so of its digest.
    return (encoded.getvalue() + str(number).encode() for number in itertools.count())


def _made_up(tensor: dict[str, Any], batch: str, rows: int) -> Any:
    """A value for one input, of ones: its free axes are 1 long, but for the first one's ``rows``."""
    shape = [size if isinstance(size, int) else 1 for size in tensor["shape"] or (None, None)]
    if batch != "none":
        shape[:1] = [rows]
    value = {"string": "1", "bool": True}.get(tensor["dtype_name"], 1)
    return np.full(shape, value, object).tolist()
