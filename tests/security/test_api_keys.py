from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from serving.security.api_keys import KeyRing, bearer

ALL = {"predict", "manage", "admin"}


@pytest.mark.parametrize(
    ("entry", "scopes"),
    [
        ("secret", ALL),
        ("secret:admin", ALL),
        ("secret:manage", {"predict", "manage"}),
        ("secret:predict", {"predict"}),
        ("secret:predict+manage", {"predict", "manage"}),
        (" secret : predict + manage ", {"predict", "manage"}),
        (f"sha256${sha256(b'secret').hexdigest()}:predict", {"predict"}),
        (f"SHA256${sha256(b'secret').hexdigest().upper()}", ALL),
    ],
)
def test_a_key_opens_its_scopes_and_those_within(entry: str, scopes: set[str]) -> None:
    ring = KeyRing.from_text(entry)

    assert ring.scopes("secret") == scopes
    assert len(ring) == 1


def test_a_key_may_hold_colons_where_scopes_follow() -> None:
    assert KeyRing.from_text("se:cr:et:predict").scopes("se:cr:et") == {"predict"}


@pytest.mark.parametrize("token", [None, "", "secre", "secrets", "SECRET", "secret:predict", "\ud800"])
def test_an_unknown_token_opens_nothing(token: str | None) -> None:
    assert KeyRing.from_text("secret,other:predict").scopes(token) is None


def test_the_digest_of_a_key_is_no_key() -> None:
    stored = "sha256$" + sha256(b"secret").hexdigest()

    assert KeyRing.from_text(stored).scopes(stored) is None


def test_without_keys_nothing_is_known() -> None:
    for text in (None, "", " , ,"):
        assert len(KeyRing.from_text(text)) == 0
    assert KeyRing.from_text(None).scopes("secret") is None


def test_keys_come_from_text_and_file_together(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# the team\nfirst:predict\n\n  second:manage  \n")
    ring = KeyRing.from_text("third", file)

    assert [ring.scopes(key) for key in ("first", "second", "third")] == [{"predict"}, {"predict", "manage"}, ALL]
    assert len(ring) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("good,hunter2:hunter3", "API key 2 has an unknown scope"),
        ("hunter2:", "API key 1 has an unknown scope"),
        ("hunter2:predict+", "API key 1 has an unknown scope"),
        ("good,:predict", "API key 2 has no key"),
        ("sha256$hunter2", "API key 1 is no SHA-256 digest"),
        ("hunter2, ,hunter2:predict", "API key 3 was given before"),
    ],
)
def test_a_wrong_entry_is_named_by_its_place_and_not_shown(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        KeyRing.from_text(text)
    assert "hunter" not in str(caught.value)


def test_a_wrong_line_of_the_file_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# team\n\nhunter2:everything\n")

    with pytest.raises(ValueError, match="line 3 of the API key file has an unknown scope"):
        KeyRing.from_text(None, tmp_path / "keys")


def test_a_file_that_cannot_be_read_is_told_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing", "binary"):
        with pytest.raises(ValueError, match="the API key file cannot be read") as caught:
            KeyRing.from_text(None, tmp_path / name)
        assert str(tmp_path) not in str(caught.value)


def test_no_key_is_shown_or_kept() -> None:
    ring = KeyRing.from_text("hunter2:predict")

    assert repr(ring) == str(ring) == "KeyRing(1 keys)"
    assert "hunter2" not in repr(vars(ring))


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer secret", "secret"),
        (b"bearer  secret ", "secret"),
        ("Bearer schlüssel".encode(), "schlüssel"),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Basic c2VjcmV0", None),
        (b"secret", None),
        (b"", None),
    ],
)
def test_the_token_is_what_follows_bearer(value: bytes, token: str | None) -> None:
    assert bearer([(b"host", b"localhost"), (b"authorization", value)]) == token


def test_no_or_two_authorizations_are_no_token() -> None:
    assert bearer([(b"host", b"localhost")]) is None
    assert bearer([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]) is None
