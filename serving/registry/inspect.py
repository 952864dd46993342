"""A ``ModelSpec`` derived from the model itself: what it declares, and what it does when it is run.

``inspect_model`` belongs into the sandbox: it runs a file that nobody has vouched for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from preprocessing.errors import SpecError
from preprocessing.spec import ModelSpec
from runners.errors import LoadFailed
from runners.fused_model import open_model
from runners.warmup import warm_up
from serving.errors import ServiceError
from serving.registry.inspection.feature_model import features_spec
from serving.registry.inspection.fusion_trial import TRIAL_RUNS, fuses
from serving.registry.inspection.model_facts import ModelFacts, read_facts
from serving.registry.inspection.picture_model import picture_spec
from serving.registry.inspection.probe import CPU, PATIENCE_S, Probe
from serving.registry.proof_parts import PROVING


def inspect_model(
    path: Path,
    *,
    preprocessing: Mapping[str, Any] | str | None,
    labels: tuple[str, ...] | None,
    threshold: float,
    tell: Callable[[str], None] = lambda _part: None,
) -> ModelSpec:
    """Derive how to feed and read the model at ``path``, and prove it by running it.

    Unless it takes long to load, it is loaded a second time, with all that was found out, as it will be served.

    Args:
        path: the ``.onnx`` file.
        preprocessing: options or a preset; they go before everything that is found out here.
        labels: the names of its classes; None takes those that the file itself holds.
        threshold: confidence (0..1) below which an answer is "unknown".
        tell: is called with ``PROVING`` before the model is run for the first time.

    Raises:
        ServiceError: ``not_onnx``, ``invalid_model``, or ``model_rejected`` where it fails when it is run.
        SpecError: the options make no sense for this model.
        LabelError: the labels do not fit its classes.
    """
    facts = read_facts(path)
    tell(PROVING)
    probe = _open(path, facts)
    spec = picture_spec(facts, probe, preprocessing, labels)
    if spec is None:
        if preprocessing:
            raise SpecError("This model does not classify pictures, so preprocessing options have no use: omit them.")
        spec = features_spec(facts, probe, labels)
    probe.close()
    spec = spec.replaced(threshold=threshold)
    if probe.load_seconds < PATIENCE_S / 2:
        spec = spec.replaced(fused=probe.affords(TRIAL_RUNS) and fuses(path, spec))
        _serve_once(path, spec)
    return spec


def _open(path: Path, facts: ModelFacts) -> Probe:
    try:
        return Probe(path, facts.inputs, facts.outputs)
    except LoadFailed as error:
        raise ServiceError("invalid_model", str(error)) from error


def _serve_once(path: Path, spec: ModelSpec) -> None:
    """The very sessions that a worker will open, warmed as there: what kills it shall kill it here."""
    try:
        model = open_model(path, spec, threads=1, providers=CPU)
        warm_up(model, spec.served)
    except LoadFailed as error:
        raise ServiceError("model_rejected", str(error)) from error
    model.close()
