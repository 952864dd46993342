"""The INT8 form of a model that is worth judging: recipe and fp32 layers found by measurement on the calibration
pictures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ModelSpec
from runners.session import OnnxSession
from serving.optimization.calibration import Observations
from serving.optimization.candidates import CPU
from serving.optimization.float_graph import FloatGraph, Layer
from serving.optimization.quantization import RECIPES, Recipe, quantize
from serving.optimization.sensitivity import fewest_kept, rank_by_damage
from serving.optimization.timing import paired_timing

Array = npt.NDArray[Any]
Feeds = Sequence[Mapping[str, Array]]

RANKING_PICTURES = 12
TRIAL_PAIRS = 15
TRIAL_SECONDS = 3.0

EQUALLY_CLOSE = 2.0
"""Recipes whose error is at most so many times the smallest compete by speed: kept layers mend the rest."""


@dataclass(frozen=True, slots=True)
class Found:
    """The INT8 form to be judged, the recipe it was made by, and the layers that it keeps in fp32."""

    model: onnx.ModelProto
    recipe: Recipe
    kept: tuple[str, ...]


class Int8Search:
    """Tries INT8 forms of ``graph`` on calibration pictures.

    Args:
        graph: the model, ready to be quantized.
        observed: what its tensors hold.
        spec: how it is fed and read.
        feeds: the calibration pictures, at least one.
        threads: that compute one run, as when it serves.
        target: the mean error at which no more layers have to be kept.
        deadline: ``time.monotonic()`` at which it contents itself with what it has found out.
    """

    def __init__(
        self,
        graph: FloatGraph,
        observed: Observations,
        spec: ModelSpec,
        feeds: Feeds,
        *,
        threads: int,
        target: float,
        deadline: float,
    ) -> None:
        self._graph = graph
        self._observed = observed
        self._spec = spec
        self._feeds = feeds
        self._threads = threads
        self._target = target
        self._deadline = deadline
        self._session = self._open(graph.model)
        self._exact = self._probabilities(self._session, feeds)

    def run(self) -> Found:
        """The recipe that is fastest among the closest, with as few layers in fp32 as will do."""
        recipe, error = self._best_recipe()
        kept = self._kept_layers(recipe) if error > self._target and self._may_go_on() else ()
        return Found(self._quantize(recipe, kept), recipe, tuple(layer.name for layer in kept))

    def _best_recipe(self) -> tuple[Recipe, float]:
        """With its error where everything is in INT8."""
        may_go_on = self._half_time_is_left()
        tried = [(recipe, *self._trial(recipe)) for recipe in RECIPES if may_go_on()]
        closest = min((error for _, error, _ in tried), default=0.0)
        close = [each for each in tried if each[1] <= EQUALLY_CLOSE * closest]
        recipe, error, _ = max(close, key=lambda each: each[2], default=(RECIPES[-1], math.inf, 0.0))
        return recipe, error

    def _trial(self, recipe: Recipe) -> tuple[float, float]:
        """Error and speed-up where everything is in INT8."""
        session = self._open(self._quantize(recipe, ()))
        feed = self._feeds[0]
        timing = paired_timing(
            lambda: self._session.run(feed), lambda: session.run(feed), rounds=TRIAL_PAIRS, seconds=TRIAL_SECONDS
        )
        return self._error(session, self._feeds), timing.speedup

    def _kept_layers(self, recipe: Recipe) -> Sequence[Layer]:
        def error_keeping(kept: Collection[Layer]) -> float:
            return self._error(self._open(self._quantize(recipe, kept)), self._feeds)

        def damage(layer: Layer) -> float:
            others = [each for each in self._graph.layers if each != layer]
            session = self._open(self._quantize(recipe, others))
            return self._error(session, self._feeds[:RANKING_PICTURES])

        ranked = rank_by_damage(self._graph.layers, damage, self._half_time_is_left())
        return fewest_kept(ranked, error_keeping, self._target, self._may_go_on)

    def _half_time_is_left(self) -> Callable[[], bool]:
        """Comparing may take half of what is left now; the rest is for what follows from it."""
        middle = (time.monotonic() + self._deadline) / 2
        return lambda: time.monotonic() < middle

    def _may_go_on(self) -> bool:
        return time.monotonic() < self._deadline

    def _quantize(self, recipe: Recipe, kept: Collection[Layer]) -> onnx.ModelProto:
        return quantize(self._graph, self._observed, recipe, [each for each in self._graph.layers if each not in kept])

    def _open(self, model: onnx.ModelProto) -> OnnxSession:
        return OnnxSession(model.SerializeToString(), self._spec, threads=self._threads, providers=(CPU,))

    def _error(self, session: OnnxSession, feeds: Feeds) -> float:
        """The mean over pictures of the largest difference of their probabilities."""
        probabilities = self._probabilities(session, feeds)
        return float(np.abs(probabilities - self._exact[: len(feeds)]).max(axis=1).mean())

    def _probabilities(self, session: OnnxSession, feeds: Feeds) -> Array:
        output = self._spec.output
        assert output is not None
        return np.vstack([class_probabilities(session.run(feed)[output.name], output) for feed in feeds])
