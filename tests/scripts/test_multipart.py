from __future__ import annotations

from email import message_from_bytes
from pathlib import Path

from model_store_scripts.stores.multipart import FilePart, Multipart


def received(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form, as another implementation reads them."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    return {
        str(part.get_param("name", header="Content-Disposition")): part.get_payload(decode=True)
        for part in message.get_payload()
    }


def test_a_form_is_received_as_it_was_meant_and_as_long_as_it_said(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(bytes(range(256)) * 3000)
    told: list[int] = []
    parts = [FilePart("file", "model.onnx", tmp_path / "model"), FilePart("labels", "labels", "a\nü".encode())]
    form = Multipart({"id": "x", "name": "Übung"}, parts, told.append)
    body = b"".join(form)
    assert len(form) == len(body)
    assert received(form.content_type, body) == {
        "id": b"x", "name": "Übung".encode(), "file": bytes(range(256)) * 3000, "labels": "a\nü".encode()
    }  # fmt: skip
    assert sum(told) == 768_000 + 4
