from __future__ import annotations

import pytest

from serving.optimization.candidates import candidates

CPU, OPENVINO, CUDA = "CPUExecutionProvider", "OpenVINOExecutionProvider", "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("available", "serving", "modes"),
    [
        ([CPU], [CPU], ["int8"]),
        (["AzureExecutionProvider", CPU], [CPU], ["int8"]),
        ([OPENVINO, CPU], [CPU], ["openvino", "int8"]),
        ([OPENVINO, CPU], [OPENVINO, CPU], ["int8"]),
        (["TensorrtExecutionProvider", CUDA, CPU], [CPU], ["cuda", "tensorrt", "int8"]),
        (["TensorrtExecutionProvider", CUDA, CPU], [CUDA, CPU], ["tensorrt"]),
        ([CPU], [CUDA, CPU], ["int8"]),
    ],
)
def test_the_modes_follow_from_the_providers(available: list[str], serving: list[str], modes: list[str]) -> None:
    assert [candidate.mode for candidate in candidates(available, serving)] == modes


def test_a_mode_names_its_provider_alone_so_that_nothing_else_serves_under_its_name() -> None:
    openvino = next(each for each in candidates([OPENVINO, CPU], [CPU]) if each.mode == "openvino")
    assert openvino.execution.providers == (OPENVINO,)
    assert not openvino.is_quantized and not openvino.is_on_gpu


def test_memory_of_a_gpu_is_no_memory_of_the_child() -> None:
    assert {each.mode: each.is_on_gpu for each in candidates([CUDA, CPU], [CPU])} == {"int8": False, "cuda": True}
