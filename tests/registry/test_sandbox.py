"""Foreign files in the sandbox: every one ends as a spec or as one clear refusal, in time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from preprocessing.spec import ModelSpec
from serving.confinement.child import Limits, ask_child
from serving.errors import ServiceError
from serving.registry.sandbox import Sandbox
from tests.confined import gave_up_rights
from tests.graphs import iris_classifier, mean_color_classifier, model_bytes
from tests.registry.inspecting import Save
from tests.registry.picture_models import picture_model
from tests.runners.onnx_files import counting
from tests.waiting import until

SANDBOX = Sandbox(seconds=18, memory_mb=2048)


def refusal(path: Path, sandbox: Sandbox = SANDBOX, **options: object) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        sandbox.prove(path, **options)  # type: ignore[arg-type]
    told = str(refused.value.detail)
    assert str(path.parent) not in told and "Traceback" not in told and ".cc:" not in told
    return refused.value


def test_an_honest_model_comes_back_as_its_spec_and_each_part_of_its_proof_is_told(save: Save) -> None:
    told = list[str]()
    spec = SANDBOX.prove(
        save(mean_color_classifier()),
        preprocessing={"preset": "zero-one", "resize": "squash"},
        labels=("r", "g", "b"),
        threshold=0.85,
        report=told.append,
    )
    assert told == ["inspecting", "proving"]
    assert spec.image is not None and spec.image.resize == "squash"
    assert (spec.labels, spec.threshold, spec.batchable) == (("r", "g", "b"), 0.85, True)


def test_it_works_from_any_folder_and_from_several_threads(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(iris_classifier())
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(SANDBOX.prove, [path, Path("model.onnx")])
    assert first == second


def test_every_kind_of_refusal_keeps_its_code(save: Save) -> None:
    told = list[str]()
    text = refusal(save(b"a text, no more"), report=told.append)
    assert told == ["inspecting"], "nothing of it was run"
    assert (text.code, text.status) == ("not_onnx", 400)
    no_output = onnx.load_model_from_string(iris_classifier())
    no_output.graph.ClearField("output")
    unusable = refusal(save(bytes(no_output.SerializeToString())))
    assert (unusable.code, unusable.status) == ("invalid_model", 422)


def test_labels_and_options_that_do_not_fit_are_refused(save: Save) -> None:
    path = save(picture_model())
    assert refusal(path, labels=("a", "b")).code == "invalid_labels"
    assert refusal(path, preprocessing={"size": [64, 64]}).code == "invalid_preprocessing"
    assert refusal(path, preprocessing="no-such-preset").status == 422


def memory_eater(gigabytes: int) -> bytes:
    """Allocates at run time, and touches what it got."""
    return model_bytes(
        [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("ReduceProd", ["shape"], ["count"], keepdims=1),
            helper.make_node("Mul", ["count", "each"], ["size"]),
            helper.make_node("ConstantOfShape", ["size"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        {"each": np.array([gigabytes * 2**26], np.int64)},
    )


@pytest.mark.parametrize("gigabytes", [4, 1024])
def test_a_model_that_eats_memory_is_refused(gigabytes: int, save: Save) -> None:
    error = refusal(save(memory_eater(gigabytes)))
    assert (error.code, error.status) == ("model_rejected", 422)
    assert "2048 MiB" in str(error.detail)


def test_an_input_that_no_memory_could_hold_is_said_to_need_too_much(save: Save) -> None:
    passed_on = model_bytes(
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2**62, 2**62])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "M"])],
    )
    error = refusal(save(passed_on))
    assert (error.code, "2048 MiB" in str(error.detail)) == ("model_rejected", True)


def endless(folder: Path) -> Path:
    return counting(folder / "endless.onnx", at_least=10**18)


def test_a_model_that_never_returns_is_ended_in_time(tmp_path: Path) -> None:
    began = time.monotonic()
    error = refusal(endless(tmp_path), Sandbox(seconds=2, memory_mb=1024))
    assert time.monotonic() - began < 4
    assert error.code == "model_rejected" and "within 2 seconds" in str(error.detail)


@dataclass
class AtWork:
    """A child that is busy with an endless model, and the refusal that its end leads to."""

    child: int
    refused: Future[ServiceError]


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[AtWork]:
    path = endless(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        refused = pool.submit(refusal, path)
        child = until(_child_at_work)
        yield AtWork(child, refused)
        if not refused.done():
            os.kill(child, signal.SIGKILL)


def test_a_crash_is_told_by_its_signal(at_work: AtWork) -> None:
    os.kill(at_work.child, signal.SIGFPE)
    error = at_work.refused.result(timeout=20)
    assert error.code == "model_rejected" and "SIGFPE" in str(error.detail)


def test_the_child_has_none_of_our_secrets_and_little_else(at_work: AtWork) -> None:
    process = Path(f"/proc/{at_work.child}")
    names = {entry.split("=")[0] for entry in (process / "environ").read_text().split("\0") if entry}
    passed_on = {"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH"}
    settled = {"ORT_DISABLE_TELEMETRY", "PYTHONDONTWRITEBYTECODE"}
    assert {name for name in names if not name.endswith("_THREADS")} <= passed_on | settled
    limits = (process / "limits").read_text()
    told = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
    assert (told["Max file size"], told["Max core file size"]) == ("0", "0")
    assert int(told["Max address space"]) < 8 << 30
    assert os.getsid(at_work.child) == at_work.child


def _child_at_work() -> int | None:
    """The child of this process that has given up its rights."""
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if gave_up_rights(child):
                return child.pid
    return None


ODD_CODES = {
    "bad_custom_op_domain": "invalid_model",
    "bad_cycle": "invalid_model",
    "bad_empty_file": "not_onnx",
    "bad_gzipped": "not_onnx",
    "bad_ir_version_99": "invalid_model",
    "bad_no_outputs": "invalid_model",
    "bad_opset_99": "invalid_model",
    "bad_random_64k": "not_onnx",
    "bad_real_model_truncated": "not_onnx",
    "bad_shape_mismatch_matmul": "invalid_model",
    "bad_text": "not_onnx",
    "bad_truncated_half": "not_onnx",
    "bad_unknown_op_default_domain": "invalid_model",
    "dos_alloc_at_run_1TiB": "model_rejected",
    "dos_loop_practically_forever": "model_rejected",
    "ext_data_length_beyond_file": "invalid_model",
    "ext_data_ok": "invalid_model",
    "ext_data_path_traversal_etc_passwd": "invalid_model",
    "githubhtml_mobilenetv2-7": "not_onnx",
    "ok_or_bad_newest_opset_28": "invalid_model",
    "onnxtest_test_gradient_of_add": "invalid_model",
    "ortex_superres_imagebytes_in_customop": "invalid_model",
    "ortgo_example_float16": "invalid_model",
}
LOCALE_BOUND = "onnxtest_test_strnorm_model_monday_casesensintive_lower"


WILD = ("dos_", "squeezenet_v1.0_dynamic_hw")


def odd_files(shared: Path, *, wild: bool) -> list[Path]:
    """The odd files that need a process of their own, or the others."""
    paths = sorted((shared / "odd_onnx").rglob("*.onnx"))
    assert len(paths) == 66
    return [path for path in paths if path.stem.startswith(WILD) is wild]


def test_every_odd_file_is_a_spec_or_its_own_refusal(shared: Path) -> None:
    paths = odd_files(shared, wild=False)
    limits = Limits(seconds=60, memory_mb=4096)
    judged = ask_child("tests.registry.many_proofs", {"paths": list(map(str, paths))}, limits, task="the test")
    assert not [detail for _, detail in judged.values() if str(shared) in detail]
    found = {path.stem: judged[str(path)][0] for path in paths}
    # Whether StringNormalizer loads depends on the locales of the machine.
    assert found.pop(LOCALE_BOUND) in {"invalid_model", ModelSpec.__name__}
    assert found == {name: ODD_CODES.get(name, ModelSpec.__name__) for name in found}


def test_every_odd_file_that_would_harm_its_process_harms_the_sandbox_only(shared: Path) -> None:
    def judged(path: Path) -> str:
        try:
            return type(Sandbox(seconds=2 if path.stem.startswith("dos_") else 18, memory_mb=4096).prove(path)).__name__
        except ServiceError as error:
            assert str(shared) not in str(error.detail)
            return error.code

    paths = odd_files(shared, wild=True)
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip((path.stem for path in paths), pool.map(judged, paths), strict=True))
    assert found == {path.stem: ODD_CODES.get(path.stem, ModelSpec.__name__) for path in paths}
