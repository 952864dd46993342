"""The converter, on files that the frameworks themselves write: each test needs its extra and is skipped without it."""

from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
from PIL import Image

from model_store_scripts.conversion.child import Refused
from model_store_scripts.conversion.framework import FRAMEWORKS, Framework
from model_store_scripts.conversion.keras_child import KerasFile
from tests.scripts.commands import Command

NEEDS = {framework.name: framework for framework in FRAMEWORKS}


def needs(name: str) -> pytest.MarkDecorator:
    framework = NEEDS[name]
    missing = [module for module in framework.modules if find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"pip install -r {framework.requirements}")


def write(code: str, *arguments: object) -> None:
    """Let a framework write a file, in a process of its own: importing one takes seconds and changes this one."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures of different colours and sizes, and something that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, color in enumerate(("red", "teal", "white")):
        Image.new("RGB", (40 + number, 30), color).save(folder / f"{color}.png")
    (folder / "notes.txt").write_text("not a picture")
    return folder


@needs("Keras")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_keras_file_becomes_an_onnx_file_that_answers_the_same(
    tmp_path: Path, pictures: Path, command: Command, name: str
) -> None:
    write(
        "import sys, keras; from keras import layers\n"
        "keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3),"
        " layers.GlobalAveragePooling2D(), layers.Dense(3, activation='softmax')]).save(sys.argv[1])",
        tmp_path / name,
    )
    answer = command.answers("convert_model", tmp_path / name, "--samples", pictures)
    assert (answer["rows"], answer["agreement"]) == (3, 1.0)
    assert answer["difference"] < 1e-5
    assert onnx.load(tmp_path / "model.onnx").ir_version <= 10


@needs("Keras")
@pytest.mark.parametrize("name", ["seed_cifar10_model.h5", "cifar10_rakaso.keras", "mlperf_tiny_resnet8.h5"])
def test_the_keras_files_of_the_field_convert_and_agree(
    tmp_path: Path, command: Command, shared: Path, name: str
) -> None:
    samples = shared / "cifar10" / "test_samples"
    target = tmp_path / "made.onnx"
    answer = command.answers("convert_model", shared / "keras" / name, "--to", target, "--samples", samples)
    assert (answer["agreement"], answer["real_samples"]) == (1.0, True)
    assert answer["difference"] < 1e-4


NETWORK = (
    "import sys, torch; torch.manual_seed(0)\n"
    "net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),"
    " torch.nn.Flatten(), torch.nn.Linear(4, 3)).eval()\n"
    "example = (torch.rand(2, 3, 32, 32),)\n"
)


@needs("PyTorch")
@pytest.mark.parametrize(
    ("saves", "options"),
    [
        ("torch.jit.script(net).save(sys.argv[1])", ("--input-shape", "3,32,32")),
        (
            "torch.export.save(torch.export.export(net, example,"
            " dynamic_shapes=({0: torch.export.Dim('N', max=512)},)), sys.argv[1])",
            (),
        ),
    ],
    ids=["torchscript", "exported"],
)
def test_a_torch_file_becomes_an_onnx_file_that_answers_the_same(
    tmp_path: Path, pictures: Path, command: Command, saves: str, options: tuple[str, ...]
) -> None:
    file = tmp_path / "net.pt2"
    write(NETWORK + saves, file)
    answer = command.answers("convert_model", file, "--samples", pictures, *options)
    assert (answer["rows"], answer["agreement"]) == (3, 1.0)
    assert answer["difference"] < 1e-5


@needs("PyTorch")
def test_weights_without_their_module_are_refused_with_the_way_to_save_both(tmp_path: Path, command: Command) -> None:
    write(NETWORK + "torch.save(net.state_dict(), sys.argv[1])", tmp_path / "weights.pt")
    assert "torch.export.save" in command.refusal("convert_model", tmp_path / "weights.pt", code="not_converted")


@needs("PyTorch")
def test_torchscript_without_a_shape_is_asked_for_one(tmp_path: Path, command: Command) -> None:
    write(NETWORK + "torch.jit.script(net).save(sys.argv[1])", tmp_path / "net.pt")
    assert "--input-shape" in command.refusal("convert_model", tmp_path / "net.pt", code="not_converted")


IRIS = (
    "import sys, joblib; from sklearn.datasets import load_iris; from sklearn.pipeline import make_pipeline\n"
    "from sklearn.preprocessing import StandardScaler; from sklearn.linear_model import LogisticRegression\n"
    "rows, kinds = load_iris(return_X_y=True)\n"
    "joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, kinds), sys.argv[1])"
)


@needs("scikit-learn")
def test_a_scikit_learn_file_becomes_an_onnx_file_that_answers_the_same(tmp_path: Path, command: Command) -> None:
    write(IRIS, tmp_path / "iris.joblib")
    rows = tmp_path / "rows.csv"
    with rows.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["sepal length", "sepal width", "petal length", "petal width"], [5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
        )
    answer = command.answers("convert_model", tmp_path / "iris.joblib", "--trust", "--samples", rows)
    assert (answer["rows"], answer["agreement"]) == (2, 1.0)
    assert answer["difference"] < 1e-5


@needs("scikit-learn")
def test_a_pickle_is_not_read_unless_it_is_trusted(tmp_path: Path, command: Command) -> None:
    write(IRIS, tmp_path / "iris.joblib")
    assert "--trust" in command.refusal("convert_model", tmp_path / "iris.joblib", code="not_trusted")
    assert not (tmp_path / "iris.onnx").exists()


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda each: each.name)
def test_a_missing_extra_is_named_with_the_way_to_install_it(
    tmp_path: Path, command: Command, root: Path, framework: Framework
) -> None:
    assert (root / framework.requirements).is_file()
    if all(find_spec(module) for module in framework.modules):
        pytest.skip(f"{framework.requirements} is installed here")
    file = tmp_path / f"model{min(framework.suffixes)}"
    file.write_bytes(b"whatever")
    refusal = command.refusal("convert_model", file, code="missing_extra")
    assert f"pip install -r {framework.requirements}" in refusal


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, command: Command) -> None:
    for name in ("model.h5", "model.onnx"):
        (tmp_path / name).write_bytes(b"precious")
    assert "--force" in command.refusal("convert_model", tmp_path / "model.h5", code="exists")
    assert (tmp_path / "model.onnx").read_bytes() == b"precious"


def test_a_file_of_no_known_kind_is_told_which_are(tmp_path: Path, command: Command) -> None:
    (tmp_path / "model.caffemodel").write_bytes(b"whatever")
    assert ".keras" in command.refusal("convert_model", tmp_path / "model.caffemodel", code="unknown_format")


def test_a_file_of_a_newer_keras_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.10.0"}')
    with pytest.raises(Refused, match=r"Keras 3\.10\.0 wrote .* Keras 2\.15\.0, .* requirements-convert-keras\.txt"):
        KerasFile({"file": str(file)}, SimpleNamespace(__version__="2.15.0"), None, None)
