"""The child that reads PyTorch files: exported programs (``.pt2``), and TorchScript."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_store_scripts.conversion.child import Opener, Original, Refused, answer
from model_store_scripts.conversion.parity import Array
from serving.confinement.inside import Request

_NO_CODE = (
    "This file holds weights, and not what is computed with them. Where its class is known, save the whole: "
    "torch.export.save(torch.export.export(model.eval(), (example,)), 'model.pt2')"
)
_NO_SHAPE = "TorchScript does not say what it takes: add --input-shape, such as 3,224,224 for one picture"


def prepare() -> Opener:
    """Import PyTorch, which takes seconds."""
    import torch

    warnings.simplefilter("ignore")  # of TorchScript's age
    return lambda request: _open(request, torch)


def _open(request: Request, torch: Any) -> Original:
    path = Path(request["file"])
    match kind_of(path):
        case "torchscript":
            if not request["input_shape"]:
                raise Refused(_NO_SHAPE)
            return TorchScript(path, request["input_shape"], torch)
        case "exported":
            return ExportedProgram(path, torch)
    raise Refused(_NO_CODE)


def kind_of(path: Path) -> str:
    """What a file is: torchscript, exported, or other, which cannot be converted: weights, or pickled objects."""
    if not zipfile.is_zipfile(path):
        return "other"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        return "torchscript"
    is_exported = any(name.endswith(("models/model.json", "serialized_exported_program.json")) for name in names)
    return "exported" if is_exported else "other"


class TorchScript:
    """A scripted or traced module; ``shape`` is that of one row of its one input."""

    def __init__(self, path: Path, shape: Sequence[int], torch: Any) -> None:
        self._torch = torch
        self._shape = shape
        self._module: Any = torch.jit.load(path, map_location="cpu").eval()

    def export(self, target: Path, *, opset: int) -> None:
        """See ``Original``."""
        axes = {name: {0: "N"} for name in ("input", "output")}
        self._torch.onnx.export(
            self._module,
            (self._torch.zeros(1, *self._shape),),
            target,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes=axes,
            opset_version=opset,
            dynamo=False,  # the newer exporter takes no TorchScript
        )

    def run(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """See ``Original``."""
        return _arrays(self._torch, self._module, inputs)


class ExportedProgram:
    """What ``torch.export`` wrote: it knows its inputs itself, and which of their axes are free."""

    def __init__(self, path: Path, torch: Any) -> None:
        self._torch = torch
        self._program: Any = torch.export.load(path)

    def export(self, target: Path, *, opset: int) -> None:
        """See ``Original``."""
        exported = self._torch.onnx.export(self._program, dynamo=True, opset_version=opset)
        exported.save(target, external_data=False)

    def run(self, inputs: Sequence[Array]) -> Sequence[Array]:
        """See ``Original``."""
        return _arrays(self._torch, self._program.module(), inputs)


def _arrays(torch: Any, module: Any, inputs: Sequence[Array]) -> list[Array]:
    with torch.no_grad():
        outputs = module(*(torch.from_numpy(values) for values in inputs))
    return [each.numpy() for each in (outputs if isinstance(outputs, list | tuple) else [outputs])]


if __name__ == "__main__":
    answer(prepare)
