"""A worker as the framework starts it, without its server: prints what the garbage collector does after the start,
and what requests that failed leave for it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import grpc
import grpc.aio

import service
from tests.pictures import picture

CROWD = 300
"""Requests at once that a queue of 64 refuses most of."""

GRPC = "/inference.GRPCInferenceService"
NO_MESSAGE = b"\xff" * 1000
CALLS = 4

SALT = b"<salt>"
PICTURE, TEXT = picture(size=(640, 480)), b"no picture"


@dataclass(frozen=True)
class Failing:
    """What is sent, each time with another number for ``SALT``, and how many at once."""

    path: str
    content_type: str
    body: bytes
    at_once: int = 4  # the last one's may still be held by the thread that ran it


def form(*files: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n%b\r\n'
    return b"".join(head % file for file in files) + b"--b--\r\n"


FORM = "multipart/form-data; boundary=b"
FAILING = {
    "text": Failing("/predict", "image/jpeg", TEXT + SALT),
    "cut short": Failing("/predict", "image/jpeg", PICTURE[:-200] + SALT),
    "one of two": Failing("/infer", FORM, form(PICTURE + SALT, TEXT + SALT)),
    "no field": Failing("/predict", "application/json", b"{}"),
    "no such model": Failing("/predict", "application/json", b'{"model_id": "nobody", "image": "aGk="}'),
    "forbidden": Failing("/predict", "application/json", b'{"image_url": "http://127.0.0.1:9/cat.jpg"}'),
    "crowd": Failing("/predict", "image/jpeg", PICTURE + SALT, CROWD),
}


@asynccontextmanager
async def started(application: Any) -> AsyncIterator[None]:
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    inbox.put_nowait({"type": "lifespan.startup"})
    lifespan = asyncio.ensure_future(application({"type": "lifespan", "asgi": {}, "state": {}}, inbox.get, outbox.put))
    message = await outbox.get()
    assert message["type"] == "lifespan.startup.complete", message
    yield
    inbox.put_nowait({"type": "lifespan.shutdown"})
    await lifespan


async def post(application: Any, path: str, content_type: str, body: bytes) -> int:
    """The status of the answer."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": body, "more_body": False})
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000),
        "state": {},
    }
    await application(scope, inbox.get, outbox.put)
    return int((await outbox.get())["status"])


@contextmanager
def frames_left(counts: Callable[[FrameType], bool] = lambda _: True) -> Iterator[list[str]]:
    """Functions whose locals only the garbage collector would let go of, after the block."""
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    found: list[str] = []
    yield found
    gc.collect()
    frames = [each for each in gc.garbage if isinstance(each, FrameType) and counts(each)]
    found += sorted({each.f_code.co_qualname for each in frames})
    gc.set_debug(0)
    gc.garbage.clear()


async def failures(application: Any) -> dict[str, Any]:
    """By kind of failure: the statuses, and the frames that are left."""
    told = {}
    for name, each in FAILING.items():
        gc.disable()
        with frames_left() as left:
            bodies = [each.body.replace(SALT, b"%d" % number) for number in range(each.at_once)]
            answers = (post(application, each.path, each.content_type, body) for body in bodies)
            statuses = await asyncio.gather(*answers)
            await asyncio.sleep(0)  # the books are written in the next turn
        gc.enable()
        told[name] = {"statuses": Counter(statuses), "left": left}
    return told


async def refused_calls(channel: grpc.aio.Channel) -> list[str]:
    call = channel.unary_unary(f"{GRPC}/ModelInfer")
    codes = []
    for _ in range(CALLS):
        try:
            await call(NO_MESSAGE)
        except grpc.aio.AioRpcError as refusal:
            codes.append(refusal.code().name)
    return codes


async def refused_stream(channel: grpc.aio.Channel) -> list[str]:
    stream = channel.stream_stream(f"{GRPC}/ModelStreamInfer")(iter([NO_MESSAGE] * CALLS))
    return ["refused" if b"message" in answer else "answered" async for answer in stream]


async def grpc_failures() -> dict[str, Any]:
    """The same of gRPC, whose own ``abort`` leaves frames: those that hold what was sent."""
    told = {}
    async with grpc.aio.insecure_channel(f"127.0.0.1:{os.environ['LENS_GRPC_PORT']}") as channel:
        for name, ask in {"grpc call": refused_calls, "grpc stream": refused_stream}.items():
            gc.disable()
            with frames_left(holds_a_message) as left:
                statuses = await ask(channel)
                await asyncio.sleep(0)
            gc.enable()
            told[name] = {"statuses": Counter(statuses), "left": left}
    return told


def holds_a_message(frame: FrameType) -> bool:
    return any(value == NO_MESSAGE for value in frame.f_locals.values() if isinstance(value, bytes))


async def main() -> None:
    application = service.Lens.to_asgi()
    paused = not gc.isenabled()
    async with started(application):
        found = {"paused": paused, "collects": gc.isenabled(), "kept": gc.get_freeze_count()}
        print(json.dumps(found | {"failures": await failures(application) | await grpc_failures()}))


asyncio.run(main())
