"""What the exported files answer on the test pictures; they are looked at once, and choose nothing."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch

from preprocessing.postprocess import class_probabilities
from preprocessing.spec import ClassOutput
from serving.quality.calibration import Calibration, calibration
from training.dataset import SIDE, Dataset, Ints, Pixels
from training.export import MODEL_NAME
from training.network import Net
from training.normalisation import Floats, preprocess

_BATCH = 500
_NOISE = 1_000
_COMPARED = 1_000
_TIMED = 100
_BINS = 15


@dataclass(frozen=True)
class Evaluation:
    """The answers, and how far they are from torch.

    ``probabilities`` is float32 [N, classes], ``answers`` and ``truth`` are class indices [N]; ``noise_confidence``
    is the largest probability for pictures of uniform noise.  ``parity_error`` is the largest absolute difference of a
    logit from torch's; ``milliseconds`` is the median for one picture alone.
    """

    probabilities: Floats
    truth: Ints
    noise_confidence: Floats
    parity_error: float
    milliseconds: float

    @property
    def answers(self) -> Ints:
        """The class that is answered, [N]."""
        return self.probabilities.argmax(1)

    @property
    def confidence(self) -> Floats:
        """Its probability, [N]."""
        return np.asarray(self.probabilities.max(1))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether it is the true one, [N]."""
        return self.answers == self.truth

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.right.mean())

    @property
    def confusion(self) -> Ints:
        """Counts [true class, answer]."""
        counts = np.zeros((self.probabilities.shape[1],) * 2, np.int64)
        np.add.at(counts, (self.truth, self.answers), 1)
        return counts

    @property
    def calibration(self) -> Calibration:
        """How far confidence is from accuracy, over 15 bins of equal width."""
        return calibration(self.confidence, self.right, bins=_BINS)


class ExportedModel:
    """The files in a folder: the model through ONNX Runtime, the preprocessing as it is written."""

    def __init__(self, folder: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        model = folder / f"{MODEL_NAME}.onnx"
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._how = json.loads((folder / f"{MODEL_NAME}.preprocessing.json").read_text())

    def tensor(self, pixels: Pixels) -> Floats:
        """uint8 [N, 32, 32, 3] -> float32 [N, 3, 32, 32]."""
        return preprocess(pixels, self._how)

    def logits(self, pixels: Pixels) -> Floats:
        """uint8 [N, 32, 32, 3] -> float32 [N, classes]."""
        starts = range(0, len(pixels), _BATCH)
        return np.concatenate([self._run(self.tensor(pixels[first : first + _BATCH])) for first in starts])

    def probabilities(self, pixels: Pixels) -> Floats:
        """uint8 [N, 32, 32, 3] -> float32 [N, classes], by the service's own softmax."""
        logits = self.logits(pixels)
        return class_probabilities(logits, ClassOutput(name="logits", scores="logits", classes=logits.shape[1]))

    def milliseconds(self, pixels: Pixels) -> float:
        """Median time of one run with ``pixels`` [1, 32, 32, 3]."""
        image, spent = self.tensor(pixels), []
        for _ in range(_TIMED):
            began = time.perf_counter()
            self._run(image)
            spent.append(time.perf_counter() - began)
        return float(np.median(spent) * 1000)

    def _run(self, image: Floats) -> Floats:
        return np.asarray(self._session.run(["logits"], {"image": image})[0])


def evaluate(folder: Path, network: Net, dataset: Dataset, threads: int) -> Evaluation:
    """Ask the files in ``folder`` themselves, and ``network``, which they were exported from."""
    model = ExportedModel(folder, threads)
    noise = np.random.default_rng(0).integers(0, 256, (_NOISE, SIDE, SIDE, 3), dtype=np.uint8)
    return Evaluation(
        probabilities=model.probabilities(dataset.x_test),
        truth=dataset.y_test,
        noise_confidence=model.probabilities(noise).max(1),
        parity_error=parity_error(model, network, dataset.x_test[:_COMPARED]),
        milliseconds=model.milliseconds(dataset.x_test[:1]),
    )


def parity_error(model: ExportedModel, network: Net, pixels: Pixels) -> float:
    """The largest absolute difference between a logit of the files and of ``network`` for ``pixels``."""
    with torch.no_grad():
        expected = network(torch.from_numpy(model.tensor(pixels))).numpy()
    return float(np.abs(model.logits(pixels) - expected).max())
