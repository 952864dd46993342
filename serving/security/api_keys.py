"""API keys: who holds which, and what it opens.

Written as ``key``, ``key:scope`` or ``key:scope+scope``; ``sha256$<hex>`` may stand in place of a key, so that the
configuration need not hold it.  Scopes are ``predict``, ``manage`` and ``admin``, each containing those before it; a
key without scopes has all.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

Scopes = frozenset[str]

_GRANTS: dict[str, Scopes] = {
    "predict": frozenset({"predict"}),
    "manage": frozenset({"predict", "manage"}),
    "admin": frozenset({"predict", "manage", "admin"}),
}
_HASHED = re.compile(r"sha256\$([0-9a-f]{64})", re.IGNORECASE)


class KeyRing:
    """The keys that are known, as SHA-256 digests only."""

    def __init__(self, entries: Iterable[tuple[bytes, Scopes]] = ()) -> None:
        self._entries = tuple(entries)

    @classmethod
    def from_text(cls, text: str | None = None, file: Path | None = None) -> KeyRing:
        """The keys of a comma-separated ``text`` and of a ``file`` with one a line (blank lines and # are skipped).

        Raises:
            ValueError: an entry is wrong, named by its position and never by its content, or the file cannot be read.
        """
        listed = [(f"API key {number}", entry) for number, entry in enumerate((text or "").split(","), 1)]
        if file is not None:
            listed += [(f"line {number} of the API key file", entry) for number, entry in enumerate(_lines(file), 1)]
        entries: dict[bytes, Scopes] = {}
        for place, entry in listed:
            if not entry.strip():
                continue
            digest, scopes = _parse(place, entry.strip())
            if digest in entries:
                raise ValueError(f"{place} was given before; give each key once, its scopes joined by '+'")
            entries[digest] = scopes
        return cls(entries.items())

    def scopes(self, token: str | None) -> Scopes | None:
        """What ``token`` opens, or None where it is no known key."""
        if not token:
            return None
        digest = _digest(token)
        found = None
        # All are compared, so that the time taken tells nothing about which one it was.
        for known, scopes in self._entries:
            if hmac.compare_digest(known, digest):
                found = scopes
        return found

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"KeyRing({len(self)} keys)"


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The token of ``Authorization: Bearer ...`` in raw ASGI headers, or None where there is not exactly one."""
    sent = [value for name, value in headers if name == b"authorization"]
    if len(sent) != 1:
        return None
    scheme, _, token = sent[0].decode(errors="replace").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _parse(place: str, entry: str) -> tuple[bytes, Scopes]:
    key, names = entry, "admin"
    if ":" in entry:
        key, _, names = entry.rpartition(":")
    key = key.strip()
    if not key:
        raise ValueError(f"{place} has no key before its scopes")
    scopes: set[str] = set()
    for name in names.split("+"):
        if name.strip() not in _GRANTS:
            raise ValueError(f"{place} has an unknown scope; scopes are {', '.join(_GRANTS)}, joined by '+'")
        scopes |= _GRANTS[name.strip()]
    return _stored(place, key), frozenset(scopes)


def _stored(place: str, key: str) -> bytes:
    if not key.lower().startswith("sha256$"):
        return _digest(key)
    match = _HASHED.fullmatch(key)
    if match is None:
        raise ValueError(f"{place} is no SHA-256 digest; write sha256$ and 64 hexadecimal digits")
    return bytes.fromhex(match[1])


def _digest(key: str) -> bytes:
    return sha256(key.encode(errors="surrogatepass")).digest()


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError("the API key file cannot be read; it should be UTF-8 text with one key a line") from error
    return ["" if line.lstrip().startswith("#") else line for line in lines]
