"""All that is known of a model before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from preprocessing.spec import TensorInfo
from serving.registry.inspection.file_notes import FileNotes, read_notes
from serving.registry.inspection.graph_evidence import GraphEvidence, read_evidence
from serving.registry.inspection.onnx_file import (
    declared_inputs,
    declared_outputs,
    metadata_of,
    opset_of,
    read_onnx,
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the file declares, notes and hints at; without the weights, which may be large."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    notes: FileNotes
    evidence: GraphEvidence
    opset: int | None
    ir_version: int


def read_facts(path: Path) -> ModelFacts:
    """The facts about the file at ``path``.

    Raises:
        ServiceError: ``not_onnx`` or ``invalid_model``, as ``read_onnx`` and the declarations ask.
    """
    model = read_onnx(path)
    inputs = declared_inputs(model)
    return ModelFacts(
        inputs=inputs,
        outputs=declared_outputs(model),
        notes=read_notes(metadata_of(model)),
        evidence=read_evidence(model.graph, inputs),
        opset=opset_of(model),
        ir_version=model.ir_version,
    )
