from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from preprocessing.spec import PIXELS, ClassOutput, ImageInput, ModelSpec, TensorInfo
from preprocessing.transforms import scaled
from runners.fusion import LARGEST, NotFusible, fuse

HEIGHT, WIDTH = 6, 5
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE}
UNEVEN: dict[str, Any] = {"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 2.0), "scale": 1 / 255}


def _shape(image: ImageInput, rows: int | str | None) -> list[int | str | None]:
    return [rows, image.channels, *image.size] if image.layout == "NCHW" else [rows, *image.size, image.channels]


def _echo(image: ImageInput, rows: int | str | None = "N", *, opset: int = 17, ir_version: int = 8) -> bytes:
    """A model that answers its own input, and half of it."""
    shape, dtype = _shape(image, rows), TYPES[image.dtype]
    half = numpy_helper.from_array(np.array(0.5, image.dtype), "half")
    nodes = [helper.make_node("Identity", ["image"], ["same"]), helper.make_node("Mul", ["image", "half"], ["halved"])]
    inputs = [helper.make_tensor_value_info("image", dtype, shape)]
    if ir_version < 4:
        inputs.append(helper.make_tensor_value_info("half", dtype, []))
    outputs = [helper.make_tensor_value_info(name, dtype, shape) for name in ("halved", "same")]
    graph = helper.make_graph(nodes, "echo", inputs, outputs, [half])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    return bytes(model.SerializeToString())


def _image(**fields: Any) -> ImageInput:
    return ImageInput(**{"name": "image", "size": (HEIGHT, WIDTH), **UNEVEN, **fields})


def _spec(image: ImageInput, *, rows: int | str | None = "N", opset: int = 17, **fields: Any) -> ModelSpec:
    shape = tuple(_shape(image, rows))
    dtype = int(TYPES.get(image.dtype, TensorProto.UINT8))
    return ModelSpec(
        inputs=(TensorInfo(name="image", dtype=dtype, shape=shape),),
        outputs=tuple(TensorInfo(name=name, dtype=dtype, shape=shape) for name in ("halved", "same")),
        image=image,
        output=ClassOutput(name="same", scores="probabilities", classes=2),
        fused=True,
        opset=opset,
        **fields,
    )


def _pixels(image: ImageInput, rows: int = 2) -> np.ndarray:
    shape = [int(axis or 0) for axis in _shape(image, rows)]
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _run(model: bytes, pixels: np.ndarray) -> list[np.ndarray]:
    return list(ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {PIXELS: pixels}))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize(("opset", "ir_version"), [(7, 3), (12, 7), (13, 7), (21, 10)])
def test_the_graph_scales_pixels_to_the_very_values_that_are_scaled_before_it(
    layout: Any, dtype: Any, opset: int, ir_version: int
) -> None:
    image = _image(layout=layout, dtype=dtype)
    model = _echo(image, opset=opset, ir_version=ir_version)

    (values,) = _run(fuse(model, _spec(image, opset=opset)), pixels := _pixels(image))

    assert values.dtype == dtype
    assert np.array_equal(values, scaled(pixels, image))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_grey_pictures_are_scaled_too(layout: Any) -> None:
    image = _image(layout=layout, channels=1, mean=(0.3,), std=(0.7,))

    (values,) = _run(fuse(_echo(image), _spec(image)), pixels := _pixels(image))

    assert np.array_equal(values, scaled(pixels, image))


def test_axes_operators_and_format_stay_as_the_file_has_them() -> None:
    image = _image()
    fused = onnx.ModelProto.FromString(fuse(_echo(image, 4), _spec(image, rows=4)))

    assert [axis.dim_value for axis in fused.graph.input[0].type.tensor_type.shape.dim] == [4, 3, HEIGHT, WIDTH]
    assert (fused.opset_import[0].version, fused.ir_version) == (17, 8)
    onnx.checker.check_model(fused, full_check=True)


def test_the_class_scores_are_the_only_output() -> None:
    image = _image()
    fused = onnx.ModelProto.FromString(fuse(_echo(image), _spec(image)))

    assert [tensor.name for tensor in fused.graph.output] == ["same"]


def test_it_is_fed_and_read_as_the_served_spec_says() -> None:
    spec = _spec(_image(color="BGR", layout="NHWC"))
    fused = onnx.ModelProto.FromString(fuse(_echo(_image(layout="NHWC")), spec))

    assert [tensor.name for tensor in fused.graph.input] == [tensor.name for tensor in spec.served.inputs]
    assert fused.graph.input[0].type.tensor_type.elem_type == spec.served.inputs[0].dtype
    assert [tensor.name for tensor in fused.graph.output] == [tensor.name for tensor in spec.served.outputs]


def test_the_same_file_and_spec_give_the_same_bytes() -> None:
    image = _image()

    assert fuse(_echo(image), _spec(image)) == fuse(_echo(image), _spec(image))


def test_what_cannot_be_fused_is_refused_with_its_reason() -> None:
    image = _image()
    model, spec = _echo(image), _spec(image)

    for reason, unfit in {
        "not classify pictures": spec.replaced(image=None),
        "takes bytes already": spec.replaced(image=image.unscaled("image")),
        "no batch axis": spec.replaced(batch="none"),
        "older than opset 7": spec.replaced(opset=6),
        "no 'picture'": spec.replaced(image=image.replaced(name="picture")),
        "no 'scores'": spec.replaced(output=ClassOutput(name="scores", scores="logits", classes=2)),
    }.items():
        with pytest.raises(NotFusible, match=reason):
            fuse(model, unfit)
    with pytest.raises(NotFusible, match="larger than"):
        fuse(model + bytes(LARGEST), spec)


def test_channels_joined_for_one_convolution_are_joined_no_longer() -> None:
    image, random = _image(), np.random.default_rng(3)
    weights = {"a": (16, 3), "b": (16, 3), "c": (8, 32)}
    nodes = [
        helper.make_node("Conv", ["image", "a"], ["left"]),
        helper.make_node("Conv", ["image", "b"], ["right"]),
        helper.make_node("Concat", ["left", "right"], ["both"], axis=1),
        helper.make_node("Conv", ["both", "c"], ["same"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fire",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, HEIGHT, WIDTH])],
        [helper.make_tensor_value_info("same", TensorProto.FLOAT, ["N", 8, HEIGHT, WIDTH])],
        [
            numpy_helper.from_array(random.normal(size=(*shape, 1, 1)).astype(np.float32), name)
            for name, shape in weights.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    fused, pixels = fuse(model, _spec(image)), _pixels(image)
    plain = ort.InferenceSession(model, providers=["CPUExecutionProvider"])

    assert "Concat" not in [node.op_type for node in onnx.ModelProto.FromString(fused).graph.node]
    np.testing.assert_allclose(
        _run(fused, pixels)[0], plain.run(None, {"image": scaled(pixels, image)})[0], rtol=1e-4, atol=1e-4
    )
