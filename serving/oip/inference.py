"""The use case: named tensors in, named tensors out, on whatever version the predictor opens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from preprocessing.digest import sha256_hex
from preprocessing.errors import InputError
from preprocessing.spec import ModelSpec
from runners.runner import Run
from serving.arms import Digest, Opened
from serving.observability.request_context import RequestContext
from serving.oip.classification import best_classes
from serving.oip.datatypes import BYTES, datatype_of
from serving.oip.feed import feed_of
from serving.oip.raw import to_raw
from serving.oip.signature import tensor_outputs
from serving.oip.values import InferAnswer, InferRequest, RequestedOutput, Tensor
from serving.predictor import FeedOf, Options


class Predictions(Protocol):
    """The predictor, as far as tensors need it."""

    async def open(self, options: Options, context: RequestContext, digest: Digest) -> Opened:
        """The version that answers."""

    async def run_tensors(self, opened: Opened, feed: FeedOf, context: RequestContext) -> Run:
        """Run it."""


class Inference:
    """Answers requests of the protocol the way every other request is answered: same queue, deadline and counts."""

    def __init__(self, predictions: Predictions) -> None:
        self._predictions = predictions

    async def infer(self, reference: str, request: InferRequest, context: RequestContext) -> InferAnswer:
        """Run ``request`` on the version that ``reference`` (``name``, ``name@version``) means now.

        Raises:
            ServiceError, InputError, RunnerError: see ``serving.errors``.
        """
        if request.timeout is not None:
            context.deadline = min(context.deadline, time.monotonic() + request.timeout)
        opened = await self._predictions.open(Options(reference), context, lambda: _digest_of(request.inputs))
        version = opened.version
        wanted = _wanted(request.outputs, version.spec)
        run = await self._predictions.run_tensors(opened, lambda spec: feed_of(request.inputs, spec), context)
        outputs = tuple(_output(each, run.outputs[each.name], version.spec) for each in wanted)
        return InferAnswer(version.key.id, version.key.version, request.id, outputs)


async def _digest_of(inputs: Sequence[Tensor]) -> str:
    told = [f"{each.name}{each.array.shape}".encode() + to_raw(each.array, each.datatype) for each in inputs]
    return sha256_hex(b"".join(told))


def _wanted(asked: Sequence[RequestedOutput], spec: ModelSpec) -> Sequence[RequestedOutput]:
    """What to answer: what was asked for, if it is there, else every tensor."""
    there = [info.name for info in tensor_outputs(spec)]
    if not there:
        raise InputError("This model answers no tensors, and the protocol knows nothing else: ask /predict.")
    for each in asked:
        if each.name not in there:
            raise InputError(f"The model has no output tensor {each.name!r}; it has {there}."[:700])
    return asked or [RequestedOutput(name) for name in there]


def _output(asked: RequestedOutput, value: Any, spec: ModelSpec) -> Tensor:
    array = np.asarray(value)
    if asked.classification:
        batched = spec.batch != "none" and array.ndim > 0
        return Tensor(asked.name, BYTES, best_classes(array, asked.classification, spec.labels, batched=batched))
    return Tensor(asked.name, datatype_of(array), array)
