"""Changes and questions as HTTP requests, each with one of three ends: done, refused, or nobody knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from chaos.book import Activate, Delete, Name, Operation, Register, RollBack
from chaos.models import token_model

ANSWER_SECONDS = 120
"""Longer than the service's own time-outs: an answer that comes later than this is none."""


@dataclass(frozen=True)
class Done:
    """It was acknowledged with a 2xx."""

    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """It was answered with an error, which promises that nothing was changed."""

    status: int
    code: str

    @property
    def is_for_later(self) -> bool:
        """Whether the caller is to try again, and is not at fault."""
        return self.status in (429, 503, 507)


@dataclass(frozen=True)
class Lost:
    """No answer came: the change may have been made."""

    reason: str


Reply = Done | Refused | Lost


def perform(url: str, model_id: str, operation: Operation, *, size_bytes: int = 0) -> Reply:
    """Ask for the change of ``model_id``; ``size_bytes`` as in ``models.token_model``."""
    match operation:
        case Register(version, token):
            part, path = ("model", "/upload") if operation.default else ("file", "/models/upload")
            fields = {"id": model_id, "name": model_id, "version": version}
            fields |= {"activate": "true"} if operation.activate and not operation.default else {}
            files = {part: (f"{model_id}.onnx", token_model(token, size_bytes))}
            return ask("POST", url + path, data=fields, files=files)
        case Activate(version):
            return ask("POST", f"{url}/models/activate", json={"id": model_id, "version": version})
        case RollBack():
            return ask("POST", f"{url}/models/rollback", json={"id": model_id})
        case Delete(version):
            return ask("DELETE", f"{url}/models", params={"id": model_id, "version": version})
        case Name(alias, version):
            body = {"id": model_id, "alias": alias, "version": version}
            return ask("PUT", f"{url}/models/alias", json=body)


def ask(method: str, url: str, **options: Any) -> Reply:
    """One request on a connection of its own."""
    try:
        response = requests.request(method, url, timeout=ANSWER_SECONDS, **options)
        body = response.json()
    except (requests.RequestException, ValueError) as error:
        return Lost(type(error).__name__)
    if response.ok:
        return Done(body)
    return Refused(response.status_code, str(body.get("code")))


def status_of(url: str) -> int:
    """The status of a GET; 0 where no answer came."""
    try:
        return requests.get(url, timeout=ANSWER_SECONDS).status_code
    except requests.RequestException:
        return 0


def token_of(url: str, reference: str) -> int | None:
    """What the version that ``reference`` means answers; None where there is no good answer."""
    reply = ask("POST", f"{url}/predict", json={"model_id": reference, "features": [1.0]})
    if not isinstance(reply, Done):
        return None
    answer: Any = reply.body["prediction"]
    while isinstance(answer, list):
        (answer,) = answer
    return int(answer)
