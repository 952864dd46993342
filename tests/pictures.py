"""Small pictures made in memory."""

from __future__ import annotations

import io

from PIL import Image

RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)


def picture(color: tuple[int, int, int] = RED, size: tuple[int, int] = (48, 40), kind: str = "JPEG") -> bytes:
    """An encoded picture of one color."""
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, kind)
    return out.getvalue()
