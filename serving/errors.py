"""Every failure that a caller can meet, and the one body it is told in.

    {"detail": <text, or a list of {type, loc, msg}>, "code": "<snake_case>", "request_id": "..."}

``ServiceError`` is raised by the serving layer.  Errors of the core (``preprocessing.errors``, ``runners.errors``)
carry only a code and a safe message; ``STATUS`` below is the one place where a code meets its HTTP status.
"""

from __future__ import annotations

from typing import Any

from preprocessing.errors import InputError
from runners.errors import Overloaded, RunnerError


class CannotStart(Exception):
    """A process cannot start as it is set up; the message says why, and what to do."""


STATUS: dict[str, int] = {
    # 400: malformed input
    "bad_request": 400,
    "invalid_json": 400,
    "invalid_multipart": 400,
    "not_an_image": 400,
    "image_damaged": 400,
    "invalid_input": 400,
    "invalid_features": 400,
    "wrong_feature_count": 400,
    "wrong_input_kind": 400,
    "inference_failed": 400,
    "url_unreachable": 400,
    "url_forbidden": 400,
    "not_onnx": 400,
    "missing_upload_field": 400,
    "bad_archive": 400,
    # 401, 403: who may
    "unauthorized": 401,
    "forbidden": 403,
    "origin_forbidden": 403,
    # 404, 405, 409
    "not_found": 404,
    "model_not_found": 404,
    "method_not_allowed": 405,
    "version_exists": 409,
    "conflict": 409,
    "job_cancelled": 409,
    # 413, 415
    "body_too_large": 413,
    "image_too_large": 413,
    "unsupported_media_type": 415,
    # 422: a field is missing or invalid; a model is refused
    "validation_error": 422,
    "invalid_name": 422,
    "invalid_labels": 422,
    "invalid_preprocessing": 422,
    "invalid_model": 422,
    "model_rejected": 422,
    # 422: nothing can be learned
    "no_backbone": 422,
    "too_few_pictures": 422,
    "suspect_labels": 422,
    "unsupported_base": 422,
    "torch_missing": 422,
    "retraining_limit": 422,
    # 429
    "rate_limited": 429,
    # 500: ours
    "internal_error": 500,
    # 503, 504: come back later
    "overloaded": 503,
    "draining": 503,
    "no_model": 503,
    "not_ready": 503,
    "model_not_loaded": 503,
    "model_load_failed": 503,
    "activation_failed": 503,
    "no_memory": 503,
    "storage_full": 503,
    "job_interrupted": 503,
    "runner_error": 503,
    "deadline_exceeded": 504,
}
"""Error code -> HTTP status.  The table in docs/reference.md is compared with it by a test."""

RETRY_AFTER = {429: 1, 503: 1}
"""Seconds said in ``Retry-After`` where the error itself names none."""

Detail = str | list[dict[str, Any]]


class ServiceError(Exception):
    """A failure with its public face: ``code`` (a key of ``STATUS``), ``detail``, and headers if any."""

    def __init__(self, code: str, detail: Detail, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail if isinstance(detail, str) else code)
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    @property
    def status(self) -> int:
        """The HTTP status of this error."""
        return STATUS[self.code]

    @property
    def text(self) -> str:
        """``detail`` as one line."""
        if isinstance(self.detail, str):
            return self.detail
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in self.detail)


def missing_field(*names: str, place: str = "body") -> ServiceError:
    """The 422 for fields that were not sent, in the list form that validation errors have."""
    detail = [{"type": "missing", "loc": [place, name], "msg": "field required"} for name in names]
    return ServiceError("validation_error", detail)


def invalid_field(name: str, message: str, place: str = "body") -> ServiceError:
    """The 422 for one field whose value is not allowed."""
    return ServiceError("validation_error", [{"type": "value_error", "loc": [place, name], "msg": message}])


def public_error(error: BaseException) -> ServiceError:
    """Give any exception its public face.  What is not known here becomes a 500 that tells nothing."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, Overloaded):
        return ServiceError(error.code, str(error), headers={"Retry-After": str(error.retry_after)})
    if isinstance(error, InputError | RunnerError):
        return ServiceError(error.code, str(error))
    return ServiceError("internal_error", "Something went wrong on our side; the log has the request id.")


def release_frames(error: BaseException) -> None:
    """Let go of all that ``error``, and what it came from, holds: to be called once it has been told and logged.

    A frame that awaited a failure is in its traceback and has the future that has the failure: a cycle, and in it are
    the request's bytes and pixels.  Megabytes a damaged picture would wait for the garbage collector, which counts
    objects, not bytes.
    """
    held: BaseException | None = error
    while held is not None:
        held.__traceback__ = None
        held = held.__context__
