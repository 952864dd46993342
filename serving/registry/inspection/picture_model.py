"""The spec of a classifier of pictures, found by showing it some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocessing.errors import LabelError
from preprocessing.labels import fit_labels
from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ClassOutput, ImageInput, ModelSpec
from preprocessing.transforms import to_tensor
from runners.rows import Answer
from serving.errors import ServiceError
from serving.registry.inspection.batching import declared_batching, tried_batching
from serving.registry.inspection.believed_outputs import believed_outputs
from serving.registry.inspection.class_scores import class_output
from serving.registry.inspection.model_facts import ModelFacts
from serving.registry.inspection.picture_input import Options, channel_is_open, picture_inputs, scaling_is_open
from serving.registry.inspection.pixel_scale import SAMPLES, sample_pictures, wants_raw_pixels, with_raw_pixels
from serving.registry.inspection.probe import TRIALS, Probe

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def picture_spec(facts: ModelFacts, probe: Probe, options: Options, labels: tuple[str, ...] | None) -> ModelSpec | None:
    """The spec, without threshold; None where the model takes no pictures or gives no class scores for them.

    Raises:
        ServiceError: ``model_rejected``, where it gives no finite score.
        SpecError: ``options`` make no sense for this model.
        LabelError: ``labels`` do not fit its classes.
    """
    shown = _first_accepted(facts, probe, options)
    if shown is None:
        return None
    wanted = labels or facts.notes.labels
    output = class_output(
        shown.answers + shown.show.extremes(shown.image),
        facts.outputs,
        rows=shown.show.rows,
        last_operator=facts.evidence.last_operator,
        labels=len(wanted) if wanted else None,
    )
    if output is None:
        return None
    if scaling_is_open(options, facts.notes, facts.evidence.pixel_range) and probe.affords(2 * SAMPLES + TRIALS):
        shown = _rescaled(shown, output)
    _require_finite(shown.answers, output)
    return _spec(facts, probe, shown, output, labels)


class _Show:
    """Sample pictures, given to the model in one way or another, ``rows`` equal ones at a time."""

    def __init__(self, probe: Probe, rows: int) -> None:
        self._probe = probe
        self.rows = rows

    def feeds(self, image: ImageInput, count: int = TRIALS) -> list[dict[str, Array]]:
        return [self._feed(image, to_tensor(picture, image)) for picture in sample_pictures(count, image.size)]

    def answers(self, image: ImageInput, count: int = TRIALS) -> list[Answer] | None:
        """An answer for each picture; None where the model fails on one."""
        answers = []
        for feed in self.feeds(image, count):
            answer = self._probe.attempt(feed)
            if answer is None:
                return None
            answers.append(answer)
        return answers

    def extremes(self, image: ImageInput) -> list[Answer]:
        """Answers to tensors far outside what pictures give: there bounded and unbounded scores part."""
        tensor = to_tensor(next(sample_pictures(1, image.size)), image)
        tensors = [np.zeros_like(tensor), np.full_like(tensor, 255)]
        if image.dtype != "uint8":
            noise = np.random.default_rng(1).normal(scale=100, size=tensor.shape)
            tensors.append(noise.astype(tensor.dtype))
        answers = (self._probe.attempt(self._feed(image, tensor)) for tensor in tensors)
        return [answer for answer in answers if answer is not None]

    def takes_any_channels(self, image: ImageInput) -> bool:
        """Whether two channels are as good as ``image.channels``; no network for pictures accepts them."""
        height, width = image.size
        shape = (2, height, width) if image.layout == "NCHW" else (height, width, 2)
        return self._probe.attempt(self._feed(image, np.zeros(shape, image.dtype))) is not None

    def probabilities(self, image: ImageInput, output: ClassOutput) -> Floats | None:
        """[pictures, classes]; None where the model fails, or a score is not finite."""
        answers = self.answers(image, SAMPLES)
        scores = np.stack([_first_row(answer, output) for answer in answers]) if answers else None
        if scores is None or not np.isfinite(scores).all():
            return None
        return np.asarray(class_probabilities(scores, output))

    def _feed(self, image: ImageInput, tensor: Array) -> dict[str, Array]:
        return {image.name: np.repeat(tensor[None], self.rows, axis=0)}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A way of feeding pictures that the model accepted, and its answers to ``TRIALS`` of them."""

    show: _Show
    image: ImageInput
    answers: list[Answer]


def _first_accepted(facts: ModelFacts, probe: Probe, options: Options) -> _Shown | None:
    for image in picture_inputs(facts.inputs, options, facts.notes, facts.evidence.pixel_range):
        show = _Show(probe, declared_batching(facts.inputs).rows)
        answers = show.answers(image)
        if answers is None:
            continue
        if not options and channel_is_open(facts.inputs[0]) and show.takes_any_channels(image):
            return None
        return _Shown(show, image, answers)
    return None


def _rescaled(shown: _Shown, output: ClassOutput) -> _Shown:
    """The same with raw pixels, where the model shows that it wants those."""
    if not wants_raw_pixels(shown.image, lambda image: shown.show.probabilities(image, output)):
        return shown
    image = with_raw_pixels(shown.image)
    answers = shown.show.answers(image)
    return shown if answers is None else _Shown(shown.show, image, answers)


def _require_finite(answers: list[Answer], output: ClassOutput) -> None:
    if not any(np.isfinite(_first_row(answer, output)).all() for answer in answers):
        raise ServiceError(
            "model_rejected", f"The model's scores '{output.name}' were not finite numbers for any test picture."
        )


def _first_row(answer: Answer, output: ClassOutput) -> Array:
    """The first picture's scores as [width]; all rows of a probe's feed are the same picture."""
    width = 1 if output.scores.startswith("binary") else output.classes
    scores: Array = np.asarray(answer[output.name]).reshape(-1, width)[0]
    return scores


def _spec(
    facts: ModelFacts, probe: Probe, shown: _Shown, output: ClassOutput, labels: tuple[str, ...] | None
) -> ModelSpec:
    batching = tried_batching(declared_batching(facts.inputs), probe, shown.show.feeds(shown.image), shown.answers)
    return ModelSpec(
        inputs=facts.inputs,
        outputs=believed_outputs(facts.outputs, shown.answers, batching),
        image=shown.image,
        output=output,
        labels=_fitting(labels, facts.notes.labels, output.classes),
        batch=batching.batch,
        batch_size=batching.batch_size,
        batchable=batching.batchable,
        opset=facts.opset,
        ir_version=facts.ir_version,
    )


def _fitting(labels: tuple[str, ...] | None, noted: tuple[str, ...] | None, classes: int) -> tuple[str, ...] | None:
    """The uploader's labels, which must fit; else those noted in the file, if they do."""
    if labels is not None:
        return fit_labels(labels, classes)
    try:
        return fit_labels(noted, classes) if noted else None
    except LabelError:
        return None
