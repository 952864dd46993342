from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from model_store_scripts.pulling.download import IDLE_TRIES, Wanted, fetch
from model_store_scripts.report import CommandFailed
from tests.scripts.website import Website

MODEL = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(MODEL).hexdigest()


def wanted(url: str, digest: str = DIGEST, max_bytes: int = 10**9) -> Wanted:
    return Wanted(url, digest, max_bytes)


def test_a_file_is_fetched_once(tmp_path: Path, website: Website) -> None:
    told: list[int] = []
    url = website.put("/model.onnx", MODEL)
    for _ in range(2):
        assert fetch(wanted(url), tmp_path, told.append).read_bytes() == MODEL
    assert website.asked == [("/model.onnx", None)]
    assert sum(told) == len(MODEL)


def test_what_breaks_off_is_gone_on_with(tmp_path: Path, website: Website) -> None:
    url = website.put("/model.onnx", MODEL, breaks_after=655_360)
    assert fetch(wanted(url), tmp_path, lambda _: None, pause=lambda _: None).read_bytes() == MODEL
    assert [asked for _, asked in website.asked] == [None, "bytes=655360-"]


def test_what_an_earlier_call_left_is_gone_on_with(tmp_path: Path, website: Website) -> None:
    (tmp_path / f"{DIGEST}.part").write_bytes(MODEL[:300_000])
    told: list[int] = []
    assert fetch(wanted(website.put("/m", MODEL)), tmp_path, told.append).read_bytes() == MODEL
    assert website.asked == [("/m", "bytes=300000-")]
    assert sum(told) == len(MODEL)


def test_a_server_that_sends_all_from_the_start_is_understood(tmp_path: Path, website: Website) -> None:
    (tmp_path / f"{DIGEST}.part").write_bytes(MODEL[:300_000])
    url = website.put("/m", MODEL, ranges=False)
    assert fetch(wanted(url), tmp_path, lambda _: None).read_bytes() == MODEL


@pytest.mark.parametrize("left", [b"another file's", bytes(len(MODEL)), bytes(len(MODEL) + 1)])
def test_a_beginning_that_is_another_files_is_thrown_away(tmp_path: Path, website: Website, left: bytes) -> None:
    (tmp_path / f"{DIGEST}.part").write_bytes(left)
    assert fetch(wanted(website.put("/m", MODEL)), tmp_path, lambda _: None).read_bytes() == MODEL


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html><title>Sign in</title></html>", "HTML page"),
        (b"<!-- old -->\n<html></html>", "HTML page"),
        (MODEL[:-1], "has the SHA-256"),
        (b"", "has the SHA-256"),
    ],
)
def test_another_file_is_not_let_in_and_named_for_what_it_is(
    tmp_path: Path, website: Website, body: bytes, told: str
) -> None:
    with pytest.raises(CommandFailed, match=told) as caught:
        fetch(wanted(website.put("/model.onnx", body)), tmp_path, lambda _: None)
    assert caught.value.code == "wrong_file"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_larger_than_allowed_is_not_written_to_its_end(tmp_path: Path, website: Website) -> None:
    with pytest.raises(CommandFailed, match="larger than the 1000 bytes"):
        fetch(wanted(website.put("/m", MODEL), max_bytes=1000), tmp_path, lambda _: None)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_an_address_that_brings_nothing_is_given_up(tmp_path: Path, website: Website) -> None:
    url = website.put("/m", MODEL, breaks_after=0)
    with pytest.raises(CommandFailed, match="broke off") as caught:
        fetch(wanted(url), tmp_path, lambda _: None, pause=lambda _: None)
    assert (caught.value.code, len(website.asked)) == ("unreachable", IDLE_TRIES)


def test_a_refusal_is_told_at_once(tmp_path: Path, website: Website) -> None:
    with pytest.raises(CommandFailed, match="HTTP 404"):
        fetch(wanted(f"{website.url}/nothing"), tmp_path, lambda _: None)
    assert len(website.asked) == 1
