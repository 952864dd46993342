"""What a model file answers to many pictures."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.learning.tasks import THREADS
from preprocessing.spec import ModelSpec
from serving.learning.backbone import Backbone, cut
from serving.learning.extractor import Extractor
from serving.learning.task import Learned, LearningTask

_AT_A_TIME = 500


def features(backbone: Backbone, spec: ModelSpec, pictures: np.ndarray) -> np.ndarray:
    """float32 [pictures, features] of ``pictures``, uint8 [pictures, height, width, 3]."""
    with closing(Extractor(backbone, spec, threads=THREADS)) as extractor:
        parts = [
            extractor.features(
                [extractor.tensor(Image.fromarray(each)) for each in pictures[start : start + _AT_A_TIME]]
            )
            for start in range(0, len(pictures), _AT_A_TIME)
        ]
    return np.vstack(parts)


def named(model: Path, spec: ModelSpec, seen: np.ndarray) -> np.ndarray:
    """The labels that the model's last layer gives to features [pictures, features], [pictures]."""
    assert spec.labels is not None
    head = cut(model, spec)
    return np.array(spec.labels)[(seen @ head.weights.T + head.bias).argmax(axis=1)]


def candidate_of(task: LearningTask, learned: Learned) -> tuple[Path, ModelSpec]:
    """The candidate's file, and how it is read."""
    assert task.spec.output is not None
    scores = "logits" if task.spec.output.scores == "logits" else "probabilities"
    output = task.spec.output.replaced(classes=len(learned.labels), scores=scores)
    return learned.model, task.spec.replaced(output=output, labels=learned.labels, fused=False)
