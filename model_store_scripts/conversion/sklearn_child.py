"""The child that reads pickled scikit-learn estimators and pipelines.  To read one is to run what is in it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_store_scripts.conversion.child import Opener, Refused, answer
from model_store_scripts.conversion.parity import Array


def prepare() -> Opener:
    """Import scikit-learn."""
    import joblib
    import skl2onnx
    import sklearn.base

    warnings.simplefilter("ignore")  # of another version's pickle: what it answers here is what is compared
    return lambda request: SklearnFile(joblib.load(request["file"]), skl2onnx, sklearn.base.is_classifier)


class SklearnFile:
    """An estimator that predicts, with one table of numbers as its input."""

    def __init__(self, estimator: Any, skl2onnx: Any, is_classifier: Any) -> None:
        if not hasattr(estimator, "predict"):
            raise Refused(f"It holds a {type(estimator).__name__}, which predicts nothing.")
        self._estimator = estimator
        self._skl2onnx = skl2onnx
        self._classifies = bool(is_classifier(estimator))

    def export(self, target: Path, *, opset: int) -> None:
        """See ``Original``."""
        table = self._skl2onnx.common.data_types.FloatTensorType([None, self._estimator.n_features_in_])
        # One tensor of probabilities, and not a map for each row.
        options = {id(self._estimator): {"zipmap": False}} if self._classifies else None
        opsets = {"": min(opset, self._skl2onnx.__max_supported_opset__), "ai.onnx.ml": 3}
        model = self._skl2onnx.convert_sklearn(
            self._estimator, initial_types=[("input", table)], options=options, target_opset=opsets
        )
        target.write_bytes(model.SerializeToString())

    def run(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """See ``Original``."""
        told = [self._estimator.predict(inputs[0])]
        if self._classifies and hasattr(self._estimator, "predict_proba"):
            told.append(self._estimator.predict_proba(inputs[0]))
        return told


if __name__ == "__main__":
    answer(prepare)
