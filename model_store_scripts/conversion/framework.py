"""The frameworks whose files can be converted, and what each needs to be installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from model_store_scripts.report import CommandFailed


@dataclass(frozen=True, slots=True)
class Framework:
    """``suffixes`` are its files'; ``modules`` must be installed, which is what the file ``requirements`` is for.

    ``runs_code`` says that whoever wrote a file decides what happens when it is read.
    """

    name: str
    suffixes: frozenset[str]
    modules: tuple[str, ...]
    requirements: str
    child: str
    runs_code: bool = False


FRAMEWORKS = (
    Framework(
        name="Keras",
        suffixes=frozenset({".h5", ".hdf5", ".keras"}),
        modules=("tensorflow", "keras", "tf2onnx"),
        requirements="requirements-convert-keras.txt",
        child="model_store_scripts.conversion.keras_child",
    ),
    Framework(
        name="PyTorch",
        suffixes=frozenset({".pt", ".pth", ".pt2", ".ts", ".torchscript"}),
        modules=("torch", "onnxscript"),
        requirements="requirements-convert-torch.txt",
        child="model_store_scripts.conversion.torch_child",
    ),
    Framework(
        name="scikit-learn",
        suffixes=frozenset({".joblib", ".pkl", ".pickle"}),
        modules=("sklearn", "skl2onnx"),
        requirements="requirements-convert-sklearn.txt",
        child="model_store_scripts.conversion.sklearn_child",
        runs_code=True,
    ),
)


def framework_of(file: Path, *, trusted: bool) -> Framework:
    """The framework that ``file`` comes from, by its name.

    Raises:
        CommandFailed: none is known, it is not installed here, or its files run code and this one is not ``trusted``.
    """
    found = next((each for each in FRAMEWORKS if file.suffix.lower() in each.suffixes), None)
    if found is None:
        known = ", ".join(sorted(suffix for each in FRAMEWORKS for suffix in each.suffixes))
        raise CommandFailed(f"{file.name} is none of {known}.", "unknown_format")
    missing = [module for module in found.modules if find_spec(module) is None]
    if missing:
        remedy = f"pip install -r {found.requirements}"
        raise CommandFailed(f"A {found.name} file needs {' and '.join(missing)}: {remedy}", "missing_extra")
    if found.runs_code and not trusted:
        raise CommandFailed(
            f"{file.name} is a pickle, and to read one is to run the code in it: say --trust if you know who made it.",
            "not_trusted",
        )
    return found
