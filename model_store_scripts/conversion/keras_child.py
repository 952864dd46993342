"""The child that reads Keras files: ``.keras``, and HDF5 as Keras 2 and Keras 3 write it."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_store_scripts.conversion.child import Opener, Refused, answer
from model_store_scripts.conversion.parity import Array
from serving.confinement.inside import Request

_NEWEST = "pip install -r requirements-convert-keras.txt brings a Keras that reads both"


def prepare() -> Opener:
    """Import TensorFlow, which takes seconds."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
    import keras
    import tensorflow
    import tf2onnx

    return lambda request: KerasFile(request, keras, tensorflow, tf2onnx)


class KerasFile:
    """A Keras model, open; it is never trained on, and Lambda layers, which are code, are not read."""

    def __init__(self, request: Request, keras: Any, tensorflow: Any, tf2onnx: Any) -> None:
        path = Path(request["file"])
        _refuse_too_new(written_by(path), keras.__version__)
        self._model: Any = keras.models.load_model(path, compile=False)
        self._tensorflow = tensorflow
        self._tf2onnx = tf2onnx

    def export(self, target: Path, *, opset: int) -> None:
        """See ``Original``."""
        tensors = [
            self._tensorflow.TensorSpec(each.shape, each.dtype, name=f"input_{number}" if number else "input")
            for number, each in enumerate(self._model.inputs)
        ]
        # Not Keras's own export: it refuses a Sequential that was loaded and not called yet.
        call = self._tensorflow.function(lambda *inputs: self._call(inputs))
        self._tf2onnx.convert.from_function(call, input_signature=tensors, opset=opset, output_path=str(target))

    def run(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """See ``Original``."""
        outputs = self._call([self._tensorflow.constant(values) for values in inputs])
        return [each.numpy() for each in self._tensorflow.nest.flatten(outputs)]

    def _call(self, inputs: Sequence[Any]) -> Any:
        return self._model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)


def written_by(path: Path) -> str | None:
    """The version of Keras that wrote a file; None where it does not say."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("metadata.json")).get("keras_version") or "") or None
    import h5py

    with h5py.File(path) as file:
        version = file.attrs.get("keras_version")
    return version.decode() if isinstance(version, bytes) else version


def _refuse_too_new(written: str | None, here: str) -> None:
    if written is not None and int(written.split(".")[0]) > int(here.split(".")[0]):
        raise Refused(f"Keras {written} wrote this file, and Keras {here}, which is here, cannot read it: {_NEWEST}.")


if __name__ == "__main__":
    answer(prepare)
