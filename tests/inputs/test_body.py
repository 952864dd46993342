from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from serving.errors import ServiceError
from serving.inputs.body import IN_MEMORY, MAX_FILES, read_body

BOUNDARY = "edge"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def _part(disposition: str, data: bytes) -> bytes:
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + data + b"\r\n"


def _form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _request(data: bytes, *, length: bool = True, piece: int = 1 << 16, media_type: str = FORM) -> Request:
    """A request whose body comes in pieces; without its length, as chunked encoding sends it."""
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)] or [b""]
    messages = [
        {"type": "http.request", "body": each, "more_body": number < len(pieces)}
        for number, each in enumerate(pieces, 1)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    headers = [(b"content-type", media_type.encode())]
    headers.append((b"content-length", str(len(data)).encode()) if length else (b"transfer-encoding", b"chunked"))
    return Request({"type": "http", "method": "POST", "path": "/infer", "headers": headers}, receive)


async def _plain(request: Request) -> dict[str, Any]:
    """What the body says: the fields, and each file's name and bytes."""
    body = await read_body(request)
    files = {name: [(file.filename, await file.read()) for file in many] for name, many in body.files.items()}
    await request.close()
    return {"fields": body.fields, "files": files}


async def test_a_form_becomes_fields_and_files() -> None:
    form = _form(
        _part('name="image"; filename="a.jpg"', b"\xff\xd8one"),
        _part('name="top_k"', b"5"),
        _part('name="image"; filename="b.jpg"', b"two\r\n--"),
        _part('name="model_id"', b"007"),
    )

    body = await _plain(_request(form))

    assert body["files"] == {"image": [("a.jpg", b"\xff\xd8one"), ("b.jpg", b"two\r\n--")]}
    assert body["fields"] == {"top_k": 5, "model_id": "007"}


# Starlette forgets the file of a part that is cut short, whichever way it is read.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(st.tuples(st.sampled_from(["image", "file"]), st.binary(max_size=300)), max_size=4),
    fields=st.lists(st.tuples(st.sampled_from(["top_k", "image_url"]), st.text(max_size=20)), max_size=3),
    cut=st.integers(0, 40),
    piece=st.integers(1, 200),
)
def test_a_form_means_the_same_in_one_piece_and_in_many(
    files: list[tuple[str, bytes]], fields: list[tuple[str, str]], cut: int, piece: int
) -> None:
    parts = [_part(f'name="{name}"; filename="{at}"', data) for at, (name, data) in enumerate(files)]
    parts += [_part(f'name="{name}"', text.encode()) for name, text in fields]
    form = _form(*parts)
    form = form[: len(form) - cut]

    async def read(*, length: bool) -> Any:
        try:
            return await _plain(_request(form, length=length, piece=piece))
        except ServiceError as error:
            return error.code

    assert asyncio.run(read(length=True)) == asyncio.run(read(length=False))


async def test_a_large_picture_that_fits_in_memory_is_never_written_to_a_file() -> None:
    picture = bytes(2 << 20)

    request = _request(_form(_part('name="image"; filename="a"', picture)))

    (file,) = (await read_body(request)).files["image"]

    assert file._in_memory
    assert await file.read() == picture
    await request.close()


async def test_a_body_over_the_bound_is_parsed_as_it_comes() -> None:
    picture = bytes(IN_MEMORY + 1)

    request = _request(_form(_part('name="image"; filename="a"', picture)))

    (file,) = (await read_body(request)).files["image"]

    assert not file._in_memory
    assert await file.read() == picture
    await request.close()


@pytest.mark.parametrize("length", [True, False])
async def test_a_form_that_is_none_is_refused(length: bool) -> None:
    for media_type, data in {
        "multipart/form-data": _form(),
        FORM: b"no boundary here",
        FORM + "; charset=utf-8": _form(_part('filename="nameless"', b"x")),
    }.items():
        with pytest.raises(ServiceError) as refused:
            await read_body(_request(data, length=length, media_type=media_type))
        assert refused.value.code == "invalid_multipart"


@pytest.mark.parametrize("length", [True, False])
async def test_too_many_files_are_told_how_many_may_come_and_what_to_do(length: bool) -> None:
    parts = [_part(f'name="pictures"; filename="{number}.png"', b"x") for number in range(MAX_FILES + 1)]
    with pytest.raises(ServiceError, match=r"at most 64 files.*one ZIP") as refused:
        await read_body(_request(_form(*parts), length=length))
    assert refused.value.code == "invalid_multipart"


async def test_who_goes_away_in_the_middle_is_not_answered() -> None:
    request = _request(_form(_part('name="image"; filename="a"', b"x" * 50)), piece=20)
    for _ in range(2):
        await request.receive()
    full = request.receive

    async def gone() -> Message:
        message = await full()
        return message if message.get("more_body") else {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await read_body(Request(request.scope, gone))
