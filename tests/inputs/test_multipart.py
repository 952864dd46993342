from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import httpx
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from serving.inputs.multipart import Item, plain_form

FORM = "multipart/form-data; boundary=edge"

Told = list[tuple[str, str | tuple[str | None, str | None, bytes]]]


def _plain(data: bytes, content_type: str = FORM, most: int = 64) -> list[Item] | None:
    return plain_form(data, content_type, max_files=most, max_fields=most)


async def _told(items: list[Item]) -> Told:
    """What the items say: texts, and each file's name, type and bytes."""
    return [
        (name, (value.filename, value.content_type, await value.read()) if isinstance(value, UploadFile) else value)
        for name, value in items
    ]


async def _told_by_starlette(data: bytes) -> Told | None:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield data

    try:
        form = await MultiPartParser(Headers({"content-type": FORM}), stream()).parse()
    except MultiPartException:
        return None
    told = await _told(form.multi_items())
    await form.close()
    return told


_PICTURE = ("a.jpg", b"\xff\xd8 a picture", "image/jpeg")


@pytest.mark.parametrize("client", [requests, httpx])
async def test_the_forms_of_usual_clients_are_plain(client: type) -> None:
    send = client.Request("POST", "http://host/infer", data={"top_k": "5"}, files={"image": _PICTURE})
    if client is requests:
        prepared = send.prepare()
        body = prepared.body
    else:
        prepared, body = send, send.read()

    items = _plain(body, prepared.headers["content-type"])

    assert items is not None
    assert await _told(items) == [("top_k", "5"), ("image", ("a.jpg", "image/jpeg", _PICTURE[1]))]


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\nContent-Length: 1',
        'form-data; filename="a.jpg"; name="image"',
        'form-data; name="a\\"b"',
        'form-data; name="a%22b"',
        "form-data; name=image",
        'form-data; filename="nameless"',
        'form-data; name=""',
    ],
)
def test_another_way_to_write_a_part_is_left_to_a_full_parser(disposition: str) -> None:
    assert _plain(f"--edge\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--edge--\r\n".encode()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"--edge--\r\n",
        b'a preamble\r\n--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--edge--\r\n',
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--edge',
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--edge--\r\nafter the end',
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--edges\r\n--edge--\r\n',
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--edge--\r\n',
    ],
)
def test_a_body_of_another_shape_is_left_to_a_full_parser(data: bytes) -> None:
    assert _plain(data) is None


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", FORM + "; charset=latin-1", 'multipart/form-data; boundary="ed ge"']
)
def test_another_content_type_is_left_to_a_full_parser(content_type: str) -> None:
    data = b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--edge--\r\n'

    assert _plain(data, content_type) is None
    assert _plain(data, 'Multipart/Form-Data; boundary="edge"') == [("a", "x")]


@pytest.mark.parametrize("kind", ['; filename="f"', ""])
def test_too_many_parts_are_left_to_a_full_parser(kind: str) -> None:
    part = f'--edge\r\nContent-Disposition: form-data; name="a"{kind}\r\n\r\nx\r\n'.encode()

    assert _plain(part * 3 + b"--edge--\r\n", most=3) is not None
    assert _plain(part * 4 + b"--edge--\r\n", most=3) is None


_PIECES = st.sampled_from(
    [
        b"--edge\r\n", b"\r\n--edge\r\n", b"\r\n--edge--\r\n", b"\r\n--edge", b"--", b"\r\n", b"\r\n\r\n", b"\n", b"x",
        b"\xff\xd8\x00", b"Content-Type: text/plain", b"Content-Disposition: form-data", b'; name="a"', b'; name="b"',
        b'; filename="f"', b"; filename=f", b'; name="a\\"b"', b": ",
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
        b'\r\n--edge\r\nContent-Disposition: form-data; name="f"; filename="f.jpg"\r\n\r\n',
        b'\r\n--edge\r\ncontent-disposition: form-data; name="g"; filename=""\r\nContent-Type: image/png\r\n\r\n',
    ]
)  # fmt: skip


# Starlette forgets the file of a part that is cut short.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(_PIECES, max_size=9), whole=st.booleans())
def test_what_is_taken_for_a_plain_form_means_what_a_full_parser_reads(pieces: list[bytes], whole: bool) -> None:
    start = b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n' if whole else b""
    data = start + b"".join(pieces) + (b"\r\n--edge--\r\n" if whole else b"")

    items = _plain(data)

    if items is not None:
        assert asyncio.run(_told(items)) == asyncio.run(_told_by_starlette(data))
