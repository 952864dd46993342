from __future__ import annotations

import gzip

import orjson
from starlette.requests import Request

from serving.api.encoding import zipped
from serving.api.responses import JSON

LONG = {"names": ["somebody"] * 1000}


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw, "query_string": b""})


async def test_a_long_answer_is_sent_small_to_whoever_takes_gzip() -> None:
    sent = await zipped(request(accept_encoding="gzip, br"), JSON(LONG, headers={"Cache-Control": "no-store"}))
    assert orjson.loads(gzip.decompress(bytes(sent.body))) == LONG
    assert sent.headers["Content-Length"] == str(len(sent.body))
    assert (sent.headers["Content-Encoding"], sent.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert sent.headers["Cache-Control"] == "no-store"


async def test_it_stays_as_it_is_for_others_and_where_it_is_short() -> None:
    for asked, content in ((request(), LONG), (request(accept_encoding="gzip"), {"names": []})):
        sent = await zipped(asked, JSON(content))
        assert orjson.loads(bytes(sent.body)) == content
        assert "Content-Encoding" not in sent.headers
