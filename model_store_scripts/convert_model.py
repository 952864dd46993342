"""Makes an ONNX file of a Keras, PyTorch or scikit-learn model, and proves that it answers the same."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer

from model_store_scripts.application import run
from model_store_scripts.arguments import parse_numbers, parse_preprocessing
from model_store_scripts.connection import settings_of
from model_store_scripts.conversion.framework import Framework, framework_of
from model_store_scripts.conversion.parity import Parity
from model_store_scripts.conversion.samples import made_up_samples, read_samples
from model_store_scripts.options import AsJson, Preprocessing
from model_store_scripts.report import CommandFailed, Report, reporting
from preprocessing.spec import ModelSpec
from serving.confinement.child import ChildFailed, Limits, ask_child
from serving.registry.sandbox import Sandbox

EXAMPLES = (
    "convert_model flowers.keras --samples photos/",
    "convert_model net.pt --input-shape 3,224,224 --to net.onnx",
    "convert_model iris.joblib --trust --samples iris.csv",
)
AT_ONCE = 32
"""Rows of one run in the comparison."""

_MAX_FILE_MB = 16 << 10


def convert_model(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A .keras, .h5, .pt2, TorchScript or .joblib file.")
    ],
    to: Annotated[Path | None, typer.Option("--to", dir_okay=False, help="What to write; else FILE.onnx.")] = None,
    samples: Annotated[
        Path | None,
        typer.Option("--samples", exists=True, help="Compare on these: pictures, or rows in a .csv, .npy or .npz."),
    ] = None,
    preprocessing: Preprocessing = None,
    input_shape: Annotated[
        str | None, typer.Option("--input-shape", help="For TorchScript: the shape of one row, such as 3,224,224.")
    ] = None,
    opset: Annotated[int, typer.Option("--opset", min=18, max=21, help="The ONNX opset to write.")] = 18,
    tolerance: Annotated[float, typer.Option("--tolerance", min=0, help="How far answers may differ.")] = 1e-3,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long each of the two steps may take.")] = 900,
    trust: Annotated[bool, typer.Option("--trust", help="Read a pickle, which runs the code that is in it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Convert a model to ONNX, in a process of its own, and compare the answers of both on the same inputs.

    Nothing is written where the ONNX file answers otherwise, or Lens would refuse it. Each framework is an extra.
    """
    with reporting(as_json) as report, TemporaryDirectory() as folder:
        target = to or file.with_suffix(".onnx")
        if target.exists() and not force:
            raise CommandFailed(f"{target} exists; --force replaces it.", "exists")
        framework = framework_of(file, trusted=trust)
        shape = parse_numbers(input_shape, "--input-shape") if input_shape else None
        conversion = _Conversion(framework, file.absolute(), shape, Path(folder), seconds)
        with report.steps(f"{file.name}: convert", 3) as done:
            written = conversion.export(opset)
            done("prove")
            spec = _prove(conversion.onnx, parse_preprocessing(preprocessing))
            done("compare")
            parity = conversion.compare(samples, spec)
            done("done")
        if parity.difference > tolerance:
            raise CommandFailed(_differs(parity, tolerance), "not_the_same")
        _put(conversion.onnx, target)
        _answer(report, target, framework, written, parity, samples)


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One file on its way: each step is a child process, whatever it does; they write to ``folder`` alone."""

    framework: Framework
    file: Path
    input_shape: tuple[int, ...] | None
    folder: Path
    seconds: float

    @property
    def onnx(self) -> Path:
        return self.folder / "converted.onnx"

    def export(self, opset: int) -> int:
        """Write the ONNX file; the opset it has."""
        return int(self._ask({"task": "export", "opset": opset}, "its conversion")["opset"])

    def compare(self, samples: Path | None, spec: ModelSpec) -> Parity:
        """Run both on the samples, or on made-up ones."""
        inputs = read_samples(samples, spec) if samples else made_up_samples(spec)
        path = self.folder / "inputs.npz"
        np.savez(path, **inputs)  # type: ignore[arg-type]
        told = {"task": "compare", "inputs": str(path), "at_once": spec.batch_size or AT_ONCE}
        return Parity(**self._ask(told, "its comparison"))

    def _ask(self, task: dict[str, Any], name: str) -> dict[str, Any]:
        request = {**task, "file": str(self.file), "onnx": str(self.onnx), "input_shape": self.input_shape}
        limits = Limits(self.seconds, None, threads=os.cpu_count() or 1, file_mb=_MAX_FILE_MB)
        try:
            return ask_child(self.framework.child, request, limits, task=name, scratch=self.folder)
        except ChildFailed as failure:
            raise CommandFailed(f"{self.file.name} cannot be converted. {failure}", "not_converted") from None


def _prove(onnx: Path, preprocessing: dict[str, Any] | str | None) -> ModelSpec:
    """What Lens makes of the file, by the proof that every upload gets."""
    settings = settings_of(None)
    return Sandbox(settings.proof_s, settings.proof_memory_mb).prove(onnx, preprocessing=preprocessing)


def _differs(parity: Parity, tolerance: float) -> str:
    return (
        f"The ONNX file answers otherwise: by up to {parity.difference:.3g} on {parity.rows} row(s), {tolerance:g} is "
        f"allowed, and {parity.agreement:.1%} of the answers are the same. Nothing was written."
    )


def _put(source: Path, target: Path) -> None:
    draft = target.with_name(f"{target.name}.part")
    try:
        shutil.copyfile(source, draft)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)


def _answer(
    report: Report, target: Path, framework: Framework, opset: int, parity: Parity, samples: Path | None
) -> None:
    if samples is None:
        report.note("Compared on made-up inputs; --samples compares on real ones.")
    document = {"file": str(target), "framework": framework.name, "opset": opset, "real_samples": samples is not None}
    report.answer(
        {**document, **asdict(parity)},
        f"{target}: opset {opset}, {parity.agreement:.1%} of {parity.rows} answers the same, "
        f"apart by at most {parity.difference:.2g}. Next: import_model {target}",
    )


if __name__ == "__main__":
    run(convert_model, EXAMPLES)
