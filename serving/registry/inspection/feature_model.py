"""The spec of any model that is no classifier of pictures, found by feeding it made-up features."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from preprocessing.errors import LabelError
from preprocessing.labels import fit_labels
from preprocessing.spec import ModelSpec, TensorInfo
from runners.rows import Answer, Feed, counts_rows
from serving.errors import ServiceError
from serving.registry.inspection.batching import Batching, declared_batching, tried_batching
from serving.registry.inspection.believed_outputs import believed_outputs
from serving.registry.inspection.class_scores import scores_width
from serving.registry.inspection.made_up import feature_feed, pinned, recipes
from serving.registry.inspection.model_facts import ModelFacts
from serving.registry.inspection.probe import TRIALS, Probe


def features_spec(facts: ModelFacts, probe: Probe, labels: tuple[str, ...] | None) -> ModelSpec:
    """The spec, without threshold; the labels are kept for readers of it, the answers are the model's own.

    Raises:
        ServiceError: ``model_rejected``, where the model fails on everything that it is given.
        LabelError: ``labels`` fit none of its outputs.
    """
    fed = _fed(facts, probe)
    batching = tried_batching(fed.batching, probe, fed.feeds, fed.answers)
    return ModelSpec(
        inputs=fed.inputs,
        outputs=believed_outputs(facts.outputs, fed.answers, batching),
        labels=_fitting(labels, facts, fed),
        batch=batching.batch,
        batch_size=batching.batch_size,
        batchable=batching.batchable,
        opset=facts.opset,
        ir_version=facts.ir_version,
    )


@dataclass(frozen=True, slots=True)
class _Fed:
    """Feeds of one repeated row each that the model accepted, with its answers; none where it wants words unknown."""

    inputs: tuple[TensorInfo, ...]
    batching: Batching
    feeds: list[Feed]
    answers: list[Answer]


def _fed(facts: ModelFacts, probe: Probe) -> _Fed:
    batching = declared_batching(facts.inputs)
    for recipe in recipes(facts.inputs, batching.batch, facts.evidence.axis_sizes):
        made = [feature_feed(facts.inputs, batching, recipe, facts.evidence.words, seed) for seed in range(TRIALS)]
        first = probe.attempt(made[0])
        if first is None:
            continue
        tried = [(made[0], first), *((feed, probe.attempt(feed)) for feed in made[1:])]
        ran = [(feed, answer) for feed, answer in tried if answer is not None]
        return _Fed(
            tuple(pinned(info, recipe, batching.batch) for info in facts.inputs),
            _in_rows(batching, first),
            [feed for feed, _ in ran],
            [answer for _, answer in ran],
        )
    if any(facts.evidence.words.values()):
        # An encoder refuses words that it does not know, and which column knows which is the graph's secret.
        return _Fed(facts.inputs, batching, [], [])
    raise ServiceError("model_rejected", f"The model failed its proof: {probe.failure}")


def _in_rows(declared: Batching, answer: Answer) -> Batching:
    """A first axis of fixed length counts rows only where the outputs have it, too."""
    if declared.rows > 1 and not counts_rows(answer, declared.rows):
        return Batching("none")
    return declared


def _fitting(labels: tuple[str, ...] | None, facts: ModelFacts, fed: _Fed) -> tuple[str, ...] | None:
    """The uploader's labels, which must fit an output; else those noted in the file, if they do."""
    counts = [
        count
        for answer in fed.answers[:1]
        for value in answer.values()
        if (count := _classes(value, fed.batching.rows))
    ]
    if labels is None:
        return _fitted(facts.notes.labels, counts) if facts.notes.labels else None
    fitted = _fitted(labels, counts)
    if fitted is None:
        told = f"its outputs have {', '.join(map(str, counts))}" if counts else "no output has one score a class"
        raise LabelError(f"The {len(labels)} labels do not fit the model: {told}.")
    return fitted


def _fitted(labels: tuple[str, ...], counts: list[int]) -> tuple[str, ...] | None:
    for count in counts:
        with suppress(LabelError):
            return fit_labels(labels, count)
    return None


def _classes(value: Any, rows: int) -> int | None:
    """How many classes ``value`` has a score for in each row."""
    if isinstance(value, list) and len(value) == rows and isinstance(value[0], Mapping):
        return len(value[0])
    width = scores_width(value, rows)
    return width if width is not None and width > 1 else None
