"""The options that a request, an input or an output may carry beside its data.

Parameters that are nobody's are let through, as the protocol wants; those that promise something Lens does not do are
refused, because an answer without it would be a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preprocessing.errors import InputError
from serving.oip.values import RequestedOutput

MICROSECONDS = 1_000_000


def checked_parameters(parameters: object, what: str) -> Mapping[str, Any]:
    """``parameters`` of ``what`` (such as "the request"), if Lens can keep what they ask for.

    Raises:
        InputError: they are no object, or ask for shared memory or for a sequence.
    """
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        raise InputError(f"'parameters' of {what} must be an object.")
    if "shared_memory_region" in parameters:
        raise InputError(f"Lens has no shared memory with its callers: send the data of {what} in the request.")
    if parameters.get("sequence_id"):
        raise InputError("Models here keep no state between requests, so there are no sequences: omit 'sequence_id'.")
    return parameters


def timeout_of(parameters: Mapping[str, Any]) -> float | None:
    """The caller's own deadline in seconds; the protocol's parameter is in microseconds.

    Raises:
        InputError: it is no number above zero.
    """
    timeout = parameters.get("timeout")
    if timeout is None or timeout == 0:
        return None
    if type(timeout) is not int or timeout < 0:
        raise InputError("The parameter 'timeout' must be a whole number of microseconds.")
    return timeout / MICROSECONDS


def requested_output(name: object, parameters: object) -> RequestedOutput:
    """One entry of ``outputs``.

    Raises:
        InputError: it has no name, or its parameters make no sense.
    """
    if not isinstance(name, str) or not name:
        raise InputError("Each entry of 'outputs' needs a 'name'.")
    options = checked_parameters(parameters, f"output {name!r}")
    classes = options.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise InputError(f"The parameter 'classification' of output {name!r} must be a whole number from 1.")
    binary = options.get("binary_data")
    return RequestedOutput(name, classes, None if binary is None else bool(binary))
