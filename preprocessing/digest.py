"""Identities: of bytes, and of one answer about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of ``data``, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def answer_key(content_digest: str, artefact_sha256: str, spec_fingerprint: str, options: Mapping[str, Any]) -> str:
    """The identity of an answer: what was asked about, of which model file, read how, answered how.

    It is the same in every process and whatever the order of ``options``, whose values must be JSON values; two
    different questions have different keys, because the parts are joined as JSON and not as bare text.
    """
    parts = [content_digest, artefact_sha256, spec_fingerprint, dict(options)]
    return sha256_hex(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode())
