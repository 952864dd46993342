"""A picture model with its scaling inside: the picture's bytes go in, a quarter of what its floats would be.

The graph does what ``preprocessing.transforms.scaled`` does, operation by operation.  Layout and colour order are no
part of it: Pillow hands out the bytes in any order as fast as in its own.  What the model only copies to join it is
no longer copied (``runners.concat_elimination``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from preprocessing.spec import PIXELS, ImageInput, ModelSpec
from preprocessing.transforms import affine
from runners.concat_elimination import eliminate_concats

FIRST_OPSET = 7
"""Older Mul and Add do not broadcast."""

CHANNELS_FROM = 13
"""The opset from which DequantizeLinear takes a factor a channel: Cast and Mul in half the time."""

LARGEST = 64 << 20
"""Bytes.  A larger model runs too long to gain from it, and would take twice as long to load."""

_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE}


class NotFusible(Exception):
    """A model cannot take over the scaling; the message says why."""


def fuse(model: bytes, spec: ModelSpec) -> bytes:
    """The ONNX file ``model`` with the scaling of ``spec`` in its graph: fed and read as ``spec.served`` says.

    The operator set and the file format stay as they are; of its outputs the class scores are left, and its own nodes
    but for channels joined for one convolution.  The same file and spec always give the same bytes.

    Raises:
        NotFusible: there is nothing to fuse, or the file is too old or too large.
    """
    if spec.image is None or spec.output is None:
        raise NotFusible("It does not classify pictures.")
    if spec.image.dtype == "uint8":
        raise NotFusible("It takes bytes already.")
    if spec.batch == "none":
        raise NotFusible("It has no batch axis.")
    if spec.opset is None or spec.opset < FIRST_OPSET:
        raise NotFusible(f"Its operators are older than opset {FIRST_OPSET}.")
    if len(model) > LARGEST:
        raise NotFusible(f"It is larger than {LARGEST >> 20} MiB.")
    proto = onnx.ModelProto.FromString(model)
    _feed_pixels(proto.graph, spec.image, spec.opset)
    _keep_output(proto.graph, spec.output.name)
    eliminate_concats(proto.graph)
    return bytes(proto.SerializeToString(deterministic=True))


def _feed_pixels(graph: onnx.GraphProto, image: ImageInput, opset: int) -> None:
    """Let ``PIXELS`` be the input; what was the input becomes the name of the scaled tensor."""
    given = _named(graph.input, image.name)
    given.name = PIXELS
    given.type.tensor_type.elem_type = TensorProto.UINT8
    # Nodes stand in the order in which they can run.
    nodes = [*_scaling(image, opset), *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _scaling(image: ImageInput, opset: int) -> Iterator[onnx.NodeProto]:
    """From ``PIXELS`` to the name of the model's own input."""
    factor, offset = affine(image)
    computed, wanted = helper.np_dtype_to_tensor_dtype(factor.dtype), _TYPES[image.dtype]
    yield _constant("lens.offset", offset)
    if opset >= CHANNELS_FROM and image.layout == "NCHW" and computed == TensorProto.FLOAT:
        yield _constant("lens.factor", factor.ravel())
        yield helper.make_node("DequantizeLinear", [PIXELS, "lens.factor"], ["lens.product"], axis=1)
    else:
        yield _constant("lens.factor", factor)
        yield helper.make_node("Cast", [PIXELS], ["lens.values"], to=computed)
        yield helper.make_node("Mul", ["lens.values", "lens.factor"], ["lens.product"])
    yield helper.make_node("Add", ["lens.product", "lens.offset"], [image.name if wanted == computed else "lens.sum"])
    if wanted != computed:
        yield helper.make_node("Cast", ["lens.sum"], [image.name], to=wanted)


def _keep_output(graph: onnx.GraphProto, name: str) -> None:
    kept = onnx.ValueInfoProto()
    kept.CopyFrom(_named(graph.output, name))
    del graph.output[:]
    graph.output.append(kept)


def _named(tensors: Iterable[onnx.ValueInfoProto], name: str) -> onnx.ValueInfoProto:
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    raise NotFusible(f"It has no {name!r}, which the spec names.")


def _constant(name: str, values: np.ndarray) -> onnx.NodeProto:
    """A node, because a file before IR version 4 would need an initializer among its inputs as well."""
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values, name))
