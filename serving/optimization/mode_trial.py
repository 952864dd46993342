"""The task "judge" of the optimizer's child: compares a mode with the exact version, each as it would serve."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ModelSpec
from runners.fused_model import open_model
from runners.model import Model
from runners.warmup import warm_up
from serving.confinement.inside import Request
from serving.errors import ServiceError
from serving.optimization.evidence import read_evidence
from serving.optimization.judging import judge
from serving.optimization.pictures import Feed, picture_feeds
from serving.optimization.report import Judged
from serving.optimization.timing import paired_timing

TIMING_PAIRS = 150
TIMING_SHARE = 0.2
"""Of the time for the whole task, what is kept for timing."""

Array = npt.NDArray[Any]


def judge_mode(request: Request) -> dict[str, Any]:
    """Judge and time ``candidate`` against ``exact``, on as many pictures as time allows; on none of those that it was
    calibrated on.

    Raises:
        ServiceError: there is no picture to judge it on.
        RunnerError: one of them cannot be loaded or run.
    """
    end = time.monotonic() + float(request["seconds"]) * (1 - TIMING_SHARE)
    exact, candidate = (_Side(request[side], int(request["threads"])) for side in ("exact", "candidate"))
    evidence = read_evidence([Path(source) for source in request["pictures"]])
    answers: list[tuple[Array, Array]] = []
    feed: Feed = {}
    pictures = evidence.judged if request["calibrated"] else evidence.every
    for feed in picture_feeds(pictures, exact.spec.served):
        answers.append((exact.probabilities(feed), candidate.probabilities(feed)))
        if time.monotonic() > end:
            break
    if not answers:
        raise ServiceError("bad_request", "There are too few pictures that can be decoded to judge it on.")
    judgement = judge(np.stack([pair[0] for pair in answers]), np.stack([pair[1] for pair in answers]))
    timing = paired_timing(
        lambda: exact.run(feed),
        lambda: candidate.run(feed),
        rounds=TIMING_PAIRS,
        seconds=float(request["seconds"]) * TIMING_SHARE,
    )
    return Judged(judgement=judgement, timing=timing).model_dump()


class _Side:
    """One of the two, loaded and warmed as a worker does it."""

    def __init__(self, side: dict[str, Any], threads: int) -> None:
        self.spec = ModelSpec.model_validate(side["spec"])
        path, providers = Path(side["path"]), side["providers"]
        self._model: Model = open_model(path, self.spec, threads=threads, providers=providers)
        warm_up(self._model, self.spec.served)

    def run(self, feed: Feed) -> dict[str, Any]:
        return self._model.run(feed)

    def probabilities(self, feed: Feed) -> Array:
        """What it says of each class."""
        output = self.spec.output
        assert output is not None
        return np.asarray(class_probabilities(self.run(feed)[output.name], output)[0])
