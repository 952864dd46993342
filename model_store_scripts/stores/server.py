"""The store behind a running server, spoken to over its HTTP API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import requests

from model_store_scripts.report import Advance, CommandFailed
from model_store_scripts.stores.multipart import FilePart, Multipart
from model_store_scripts.stores.store import Aliased, Brought, Listed, NewModel, Promoted
from serving.errors import STATUS, ServiceError
from serving.registry.records import ModelKey, valid_name

CONNECT_S, ANSWER_S, UPLOAD_S = 10.0, 60.0, 900.0
"""Seconds to connect, to wait for an answer, and to wait for an upload to be judged and live."""

_TRIES = 5
_NUMBERED = re.compile(r"v([0-9]{1,9})")


T = TypeVar("T", Aliased, Listed, Promoted)


class ServerStore:
    """A ``Store`` at ``url``; ``api_key`` is None where the server asks for none."""

    def __init__(self, url: str, api_key: str | None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        if api_key:
            # Not as a plain header: requests would prefer what it finds in a .netrc.
            self._session.auth = _Bearer(api_key)

    def versions(self) -> list[Listed]:
        """See ``Store``."""
        return [_made(Listed, entry) for entry in self._entries()]

    def add(self, model: NewModel, advance: Advance) -> Brought:
        """See ``Store``."""
        answer = self._upload(model, advance)
        made, live_on, default = answer["model"], answer["live_on"], False
        if model.default:
            promoted = self.activate(ModelKey(made["id"], made["version"]), default=True)
            live_on, default = promoted.live_on, promoted.default
        return Brought(made["id"], made["version"], answer["kind"], live_on is not None, default, live_on)

    def activate(self, key: ModelKey, *, default: bool) -> Promoted:
        """See ``Store``."""
        body = {"id": key.id, "version": key.version, "default": default}
        return _made(Promoted, self.ask("POST", "/models/activate", body))

    def set_alias(self, key: ModelKey, alias: str) -> Aliased:
        """See ``Store``."""
        body = {"id": key.id, "alias": alias, "version": key.version}
        return _made(Aliased, self.ask("PUT", "/models/alias", body))

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The answer to a GET.

        Raises:
            ServiceError: the server refused, and why.
            CommandFailed: what answers is no Lens.
        """
        url, timeout = self._url + path, (CONNECT_S, ANSWER_S)
        return _answer(self._session.get(url, params=params, timeout=timeout, allow_redirects=False))

    def ask(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request with JSON in it; raises as ``get``."""
        url, timeout = self._url + path, (CONNECT_S, ANSWER_S)
        return _answer(self._session.request(method, url, json=body, timeout=timeout, allow_redirects=False))

    def send(self, path: str, form: Multipart) -> dict[str, Any]:
        """The answer to a POST of a form; raises as ``get``."""
        headers, timeout = {"Content-Type": form.content_type}, (CONNECT_S, UPLOAD_S)
        url = self._url + path
        return _answer(self._session.post(url, data=form, headers=headers, timeout=timeout, allow_redirects=False))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _entries(self, model_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Every version, or those of one id, as the server lists them: page after page."""
        params = {} if model_id is None else {"id": model_id}
        while True:
            page = self.get("/models", params)
            yield from page["models"]
            if not page.get("next"):
                return
            params["cursor"] = page["next"]

    def _upload(self, model: NewModel, advance: Advance) -> dict[str, Any]:
        """Upload as ``model.version``, or as the next one: where another upload was quicker, as the one after it."""
        for left in reversed(range(_TRIES)):
            version = model.version or self._next_version(valid_name(model.id, "id"))
            try:
                return self._send(model, version, advance)
            except ServiceError as error:
                if error.code != "version_exists" or model.version or not left:
                    raise
        raise AssertionError("unreachable")

    def _next_version(self, model_id: str) -> str:
        numbers = [_NUMBERED.fullmatch(entry["version"]) for entry in self._entries(model_id)]
        return f"v{max((int(match[1]) for match in numbers if match), default=0) + 1}"

    def _send(self, model: NewModel, version: str, advance: Advance) -> dict[str, Any]:
        return self.send("/models/upload", Multipart(_fields(model, version), _files(model), advance))


class _Bearer(requests.auth.AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _fields(model: NewModel, version: str) -> dict[str, str]:
    options = model.preprocessing
    return {
        "id": model.id,
        "name": model.name,
        "version": version,
        **({"threshold": str(model.threshold)} if model.threshold else {}),
        **({"activate": "true"} if model.activate or model.default else {}),
        **({} if options is None else {"preprocessing": options if isinstance(options, str) else json.dumps(options)}),
    }


def _files(model: NewModel) -> list[FilePart]:
    labels = [] if model.labels is None else [FilePart("labels", "labels", model.labels)]
    return [FilePart("file", "model.onnx", model.path), *labels]


def _made(kind: type[T], answer: Mapping[str, Any]) -> T:
    """The value that an answer tells, and more, of which this version of Lens may know nothing."""
    return kind(**{field.name: answer[field.name] for field in fields(kind)})


def _answer(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
        if response.ok and isinstance(body, dict):
            return body
        code, detail = body["code"], body["detail"]
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(
            f"What answers there is no Lens, or something stands before it (HTTP {response.status_code}).", "no_lens"
        ) from None
    if code not in STATUS:  # a newer server may know more
        raise CommandFailed(str(detail), str(code))
    raise ServiceError(code, detail)
