"""The work as requests: one JPEG, in the body that each kind of server takes, or four features as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_BOUNDARY = "----workload"
_PROTOCOL_PATH = "/v2/models/classifier/infer"


@dataclass(frozen=True)
class Work:
    """One request, sent again and again: ``body`` is posted to ``path``."""

    name: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def features() -> Work:
    """Four features of an iris as JSON."""
    body = json.dumps({"model_id": "iris", "features": [5.1, 3.5, 1.4, 0.2]}).encode()
    return Work("iris JSON", "/predict", {"Content-Type": "application/json"}, body)


def multipart(name: str, pictures: Sequence[bytes]) -> Work:
    """JPEGs in the fields ``image`` of a form."""
    form = b"".join(_part(picture) for picture in pictures) + f"--{_BOUNDARY}--\r\n".encode()
    return Work(name, "/infer", {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}, form)


def raw(name: str, pictures: Sequence[bytes]) -> Work:
    """A JPEG as the body."""
    (picture,) = pictures
    return Work(name, "/inference", {"Content-Type": "image/jpeg"}, picture)


def protocol_base64(name: str, pictures: Sequence[bytes]) -> Work:
    """The Open Inference Protocol's JSON, the JPEG in base64."""
    data = [base64.b64encode(picture).decode() for picture in pictures]
    tensor = {"datatype": "BYTES", "shape": [len(data), 1], "parameters": {"content_type": "base64"}, "data": data}
    body = json.dumps({"inputs": [{"name": "image", **tensor}]}).encode()
    return Work(name, _PROTOCOL_PATH, {"Content-Type": "application/json"}, body)


def protocol_binary(name: str, pictures: Sequence[bytes]) -> Work:
    """The Open Inference Protocol's binary extension: a JSON header, then the JPEG behind its length."""
    data = b"".join(len(picture).to_bytes(4, "little") + picture for picture in pictures)
    tensor = {"datatype": "BYTES", "shape": [len(pictures), 1], "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [{"name": "image", **tensor}], "outputs": [{"name": "answer"}]}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return Work(name, _PROTOCOL_PATH, headers, head + data)


def best_answer(body: Any) -> Any:
    """What tells that the work was done, whatever shape the answer has: the best label, or the class number."""
    if "results" in body:
        return [best_answer(each) for each in body["results"]]
    if isinstance(body.get("outputs"), list):
        return best_answer(json.loads(body["outputs"][0]["data"][0]))
    return body["predictions"][0]["label"] if "predictions" in body else body["prediction"]


def _part(picture: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="picture.jpg"\r\n'
    return f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + picture + b"\r\n"
