"""Cursors: where the next page of a list begins, as text that means nothing to the caller."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

import orjson

from serving.errors import invalid_field
from serving.registry.records import Place


def after(place: Place) -> str:
    """The cursor of the page that begins behind ``place``."""
    return base64.urlsafe_b64encode(orjson.dumps(list(place))).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """What ``after`` was given.

    Raises:
        ServiceError: ``validation_error``; it is no cursor of ours.
    """
    try:
        model_id, at, version = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return Place(str(model_id), datetime.fromisoformat(at), str(version))
    except (binascii.Error, ValueError, TypeError):
        raise invalid_field("cursor", "must be the `next` of an earlier page", place="query") from None
