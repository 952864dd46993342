"""Work that is told part by part: what comes when, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from starlette.responses import Response, StreamingResponse

from serving.api.narration import Report, narrated
from serving.api.responses import JSON
from serving.errors import ServiceError
from serving.observability.request_context import begin


def read(chunk: bytes) -> tuple[str, dict[str, Any]]:
    kind, data = chunk.decode().strip().split("\n")
    return kind.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))


def events(answer: StreamingResponse) -> AsyncIterator[Any]:
    return aiter(answer.body_iterator)


async def test_each_phase_is_told_as_it_begins_and_then_the_answer() -> None:
    go_on = asyncio.Event()

    async def work(report: Report) -> Response:
        await asyncio.to_thread(report, "inspecting")
        await go_on.wait()
        report("warming")
        return JSON({"live": True}, status_code=201)

    told = events(await narrated(work))
    assert read(await anext(told)) == ("progress", {"phase": "inspecting"})
    go_on.set()
    assert [read(chunk) async for chunk in told] == [
        ("progress", {"phase": "warming"}),
        ("end", {"status": 201, "answer": {"live": True}}),
    ]


async def test_what_fails_before_the_first_phase_is_answered_like_any_failure() -> None:
    async def work(report: Report) -> Response:
        raise ServiceError("version_exists", "It is there.")

    with pytest.raises(ServiceError, match="It is there"):
        await narrated(work)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ServiceError("model_rejected", "It crashed."), 422, "model_rejected"), (ValueError("oh"), 500, "internal_error")],
    ids=["foreseen", "not foreseen"],
)
async def test_what_fails_later_is_the_last_event(error: Exception, status: int, code: str) -> None:
    context = begin("a-request")

    async def work(report: Report) -> Response:
        report("proving")
        raise error

    told = [read(chunk) async for chunk in events(await narrated(work))]
    assert [kind for kind, _ in told] == ["progress", "end"]
    end = told[-1][1]
    assert (end["status"], end["answer"]["code"], end["answer"]["request_id"]) == (status, code, "a-request")
    assert context.error == code
    assert error.__traceback__ is None, "a failure that was told holds on to what was uploaded"


async def test_the_work_must_end_by_the_request_s_deadline() -> None:
    begin("a-request").deadline = 0.0

    async def work(report: Report) -> Response:
        report("proving")
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    told = [read(chunk) async for chunk in events(await narrated(work))]
    assert told[-1][1]["answer"]["code"] == "deadline_exceeded"


async def test_the_work_ends_where_its_caller_goes_away() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work(report: Report) -> Response:
        report("proving")
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("nobody sets it")

    answer = await narrated(work)

    async def read_on() -> None:
        async for _ in answer.body_iterator:
            begun.set()

    reading = asyncio.ensure_future(read_on())
    await asyncio.wait_for(begun.wait(), 5)
    reading.cancel()
    await asyncio.wait_for(ended.wait(), 5)
