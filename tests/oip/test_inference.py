"""The use case, with the predictor played by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocessing.errors import InputError
from preprocessing.spec import ModelSpec, TensorInfo
from runners.runner import Run
from serving.arms import Digest, Opened
from serving.observability.request_context import RequestContext
from serving.oip.inference import Inference
from serving.oip.values import InferAnswer, InferRequest, RequestedOutput, Tensor
from serving.predictor import FeedOf, Options
from serving.registry.records import ModelKey, ModelVersion

NUMBERS = (TensorInfo(name="a", dtype=1, shape=("N", 2)), TensorInfo(name="b", dtype=1, shape=("N", 2)))
MAP = TensorInfo(name="told", dtype=0, shape=None, kind="map")
ROWS = Tensor("a", "FP32", np.array([[1, 2], [4, 3]], np.float32))


class Doubling:
    """A predictor whose models answer a with a, and b with twice a."""

    def __init__(self, outputs: tuple[TensorInfo, ...]) -> None:
        spec = ModelSpec(inputs=NUMBERS[:1], outputs=outputs, labels=("cat", "dog"))
        key = ModelKey("iris", "v3")
        self.version = ModelVersion(key, "Iris", spec, "0" * 64, 1, Path("m"), datetime.now(UTC), "tester", "upload")
        self.asked: list[Any] = []

    async def open(self, options: Options, context: RequestContext, digest: Digest) -> Opened:
        self.asked += [options.model_id, await digest()]
        return Opened(self.version)

    async def run_tensors(self, opened: Opened, feed: FeedOf, context: RequestContext) -> Run:
        tensors, rows = feed(opened.version.spec)
        return Run({"a": tensors["a"], "b": 2 * tensors["a"], "told": [{}]}, 0.001, rows)


async def infer(
    outputs: tuple[RequestedOutput, ...] = (), *, there: tuple[TensorInfo, ...] = (*NUMBERS, MAP), **more: Any
) -> InferAnswer:
    request = InferRequest(inputs=(ROWS,), outputs=outputs, **more)
    return await Inference(Doubling(there)).infer("iris@champion", request, RequestContext("an-id"))


async def test_every_tensor_is_answered_by_the_version_that_the_name_means() -> None:
    predictions, request = Doubling((*NUMBERS, MAP)), InferRequest(inputs=(ROWS,), id="7")
    answer = await Inference(predictions).infer("iris@champion", request, RequestContext("an-id"))
    assert (answer.model, answer.version, answer.id) == ("iris", "v3", "7")
    assert [(each.name, each.datatype, each.array.tolist()) for each in answer.outputs] == [
        ("a", "FP32", [[1, 2], [4, 3]]),
        ("b", "FP32", [[2, 4], [8, 6]]),
    ]


async def test_inputs_are_told_apart_by_all_that_they_hold() -> None:
    predictions = Doubling(NUMBERS)
    same, other = np.array(ROWS.array), np.array([[1, 2], [4, 5]], np.float32)
    for array in (ROWS.array, same, other):
        request = InferRequest(inputs=(Tensor("a", "FP32", array),))
        await Inference(predictions).infer("iris", request, RequestContext("an-id"))
    digests = predictions.asked[1::2]
    assert digests[0] == digests[1] != digests[2]


async def test_what_was_asked_for_is_answered_in_that_order() -> None:
    answer = await infer((RequestedOutput("b"), RequestedOutput("a", classification=1)))
    assert [each.name for each in answer.outputs] == ["b", "a"]
    assert answer.outputs[1].array.tolist() == [["2.000000:1:dog"], ["4.000000:0:cat"]]


async def test_an_output_that_is_no_tensor_cannot_be_asked_for() -> None:
    with pytest.raises(InputError, match="no output tensor 'told'; it has"):
        await infer((RequestedOutput("told"),))
    with pytest.raises(InputError, match="no tensors"):
        await infer(there=(MAP,))


async def test_the_callers_timeout_shortens_the_deadline_and_never_lengthens_it() -> None:
    soon = RequestContext("an-id", deadline=time.monotonic() + 5)
    unchanged = soon.deadline
    inference = Inference(Doubling(NUMBERS))
    await inference.infer("iris", InferRequest(inputs=(ROWS,), timeout=3600), soon)
    assert soon.deadline == unchanged
    await inference.infer("iris", InferRequest(inputs=(ROWS,), timeout=1), soon)
    assert soon.deadline < unchanged
