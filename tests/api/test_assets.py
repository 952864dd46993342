from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from serving.api.assets import answer, edition
from serving.api.pages import WEB, Pages
from serving.errors import ServiceError

TEXT = "body { color: black }\n" * 50
MOST_TRANSFERRED = 150_000


def request(path: str = "/", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": path, "headers": raw, "query_string": b""})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a page, with a file beside it that is nobody's business."""
    web = tmp_path / "web"
    web.mkdir()
    (web / "style.css").write_text(TEXT)
    (web / "notes.txt").write_text("not for browsers")
    (tmp_path / "secret.css").write_text("not for anybody")
    return web


async def test_a_file_is_sent_small_to_whoever_takes_gzip(folder: Path) -> None:
    sent = await answer(request(accept_encoding="br, gzip;q=0.8"), folder, "style.css")
    assert sent.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(bytes(sent.body)).decode() == TEXT
    assert sent.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepted", [{}, {"accept_encoding": "identity"}, {"accept_encoding": "gzip;q=0"}])
async def test_and_as_it_is_to_whoever_does_not(folder: Path, accepted: dict[str, str]) -> None:
    sent = await answer(request(**accepted), folder, "style.css")
    assert bytes(sent.body).decode() == TEXT
    assert "Content-Encoding" not in sent.headers


async def test_what_a_browser_has_already_is_not_sent_again_until_it_changes(folder: Path) -> None:
    tag = (await answer(request(), folder, "style.css")).headers["ETag"]
    again = await answer(request(if_none_match=f'"other", {tag}', accept_encoding="gzip"), folder, "style.css")
    assert (again.status_code, again.body, again.headers["ETag"]) == (304, b"", tag)
    (folder / "style.css").write_text("changed")
    changed = await answer(request(if_none_match=tag), folder, "style.css")
    assert (changed.status_code, changed.body) == (200, b"changed")


@pytest.mark.parametrize("name", ["gone.css", "notes.txt", "../secret.css", "", "/etc/hostname"])
async def test_nothing_else_can_be_had(folder: Path, name: str) -> None:
    with pytest.raises(ServiceError, match="no such file"):
        await answer(request(), folder, name)


async def test_the_page_names_its_files_by_their_edition_which_is_kept_for_good(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    text = bytes((await pages.index(request())).body).decode()
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert {address.split("/")[2] for address in addresses} == {f"~{edition(WEB)}"}
    for address in addresses:
        kept = await pages.static(request(address))
        assert "immutable" in kept.headers["Cache-Control"]


@pytest.mark.parametrize("address", ["/static/app.js", "/static/~0123456789ab/app.js"], ids=["none", "another"])
async def test_without_an_edition_or_with_another_a_file_is_asked_about(tmp_path: Path, address: str) -> None:
    asked = await Pages(tmp_path).static(request(address))
    assert asked.headers["Cache-Control"] == "no-cache"
    assert bytes(asked.body) == (WEB / "app.js").read_bytes()


def test_an_edition_changes_with_any_file_and_comes_back_with_it(folder: Path) -> None:
    before = edition(folder)
    (folder / "style.css").write_text("changed")
    assert edition(folder) != before
    (folder / "style.css").write_text(TEXT)
    assert edition(folder) == before


def test_libraries_are_what_their_digests_say() -> None:
    lines = (WEB / "vendor" / "SHA256SUMS").read_text().split("\n")
    told = {name.removeprefix("./"): digest for digest, name in (line.split() for line in lines if line)}
    there = {path.name: path for path in (WEB / "vendor").iterdir() if path.suffix in {".js", ".css", ".woff2"}}
    assert told == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}


async def test_the_first_view_is_small_and_names_only_files_that_there_are() -> None:
    sizes = [len(await _body("index.html"))]
    wanted, seen = _named((WEB / "index.html").read_text(), WEB), set[Path]()
    while wanted:
        path = wanted.pop()
        seen.add(path)
        sizes.append(len(await _body(str(path.relative_to(WEB)))))
        if path.suffix in {".js", ".css"}:
            wanted |= _named(path.read_text(), path.parent) - seen
    assert len(seen) > 20
    assert sum(sizes) < MOST_TRANSFERRED


def _named(text: str, folder: Path) -> set[Path]:
    """The files that a page, a module or a style sheet brings with it; what is imported later is not."""
    ours = {WEB / name for name in re.findall(r'(?:src|href)="/static/([^"]+)"', text)}
    modules = re.findall(r'^(?:import|export)[^;]*?from\s*"(\.[^"]+)"', text, re.MULTILINE)
    return ours | {(folder / name).resolve() for name in [*modules, *re.findall(r'url\("([^"]+)"\)', text)]}


async def _body(name: str) -> bytes:
    sent: Response = await answer(request(accept_encoding="gzip"), WEB, name)
    return bytes(sent.body)
