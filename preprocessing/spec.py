"""``ModelSpec``: everything that is known about how to feed one model version and read its answer.

Preprocessing is data.  The registry derives a spec from the ONNX file once, at upload, stores it as JSON beside the
artefact, and from then on every layer reads the same frozen value.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Dimension = int | str | None
"""One axis of a declared shape: its size, its symbolic name, or None where the file says nothing."""

Layout = Literal["NCHW", "NHWC"]
Color = Literal["RGB", "BGR"]
Resize = Literal["shortest", "squash", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Scores = Literal["logits", "probabilities", "binary_logit", "binary_probability"]
Mode = Literal["fp32", "int8", "openvino", "cuda", "tensorrt"]

PIXELS = "lens.pixels"
"""The input of a fused graph: the picture's bytes, in the layout and the colour order of the model's own input."""

MARGIN_FROM = 65
"""Inputs of at least this many pixels get the usual margin: resized to 256/224 of the size, then cropped."""


class Frozen(BaseModel):
    """Base of the value types: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def replaced(self, **changes: Any) -> Self:
        """The value with some fields changed, validated anew.

        ``model_copy`` would take along what was computed from the old ones.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**fields, **changes})


class TensorInfo(Frozen):
    """One declared input or output.

    ``dtype`` is the ONNX TensorProto number of the element (of a sequence or map: 0 where it has none);
    ``shape`` is None where the file declares no rank; ``kind`` is "tensor" or, for outputs, "sequence" or "map".
    """

    name: str
    dtype: int
    shape: tuple[Dimension, ...] | None
    kind: Literal["tensor", "sequence", "map"] = "tensor"


class ImageInput(Frozen):
    """How a picture becomes the tensor of input ``name``.

    tensor = (pixel * scale - mean) / std per channel, pixel in 0..255, mean and std in the order of the tensor's
    channels (so B, G, R where ``color`` is BGR).  ``size`` is (height, width) in pixels.  ``crop`` is the share of the
    resized shorter side that the centre crop keeps; with ``resize`` = "squash" or "pad" nothing is cropped.
    ``channels`` is 3, or 1 for a model that takes grey pictures.
    """

    name: str
    size: Annotated[tuple[int, int], Field(description="height, width")]
    layout: Layout = "NCHW"
    channels: Literal[1, 3] = 3
    dtype: Literal["float32", "float16", "float64", "uint8"] = "float32"
    color: Color = "RGB"
    resize: Resize = "shortest"
    crop: Annotated[float, Field(gt=0, le=1)] = 0.875
    interpolation: Interpolation = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    draft: bool = False

    @cached_property
    def is_raw(self) -> bool:
        """Whether the tensor's values are the pixels themselves, as bytes."""
        return self.dtype == "uint8" and self.scale == 1 and not any(self.mean) and set(self.std) == {1.0}

    def unscaled(self, name: str) -> ImageInput:
        """The input ``name`` that takes the same pixels as bytes, as they are."""
        zeros, ones = (0.0,) * self.channels, (1.0,) * self.channels
        return self.replaced(name=name, dtype="uint8", scale=1.0, mean=zeros, std=ones)

    @model_validator(mode="after")
    def _channels_agree(self) -> Self:
        if min(self.size) < 1 or max(self.size) > 8192:
            raise ValueError("size must be [height, width], each from 1 to 8192")
        if {len(self.mean), len(self.std)} != {self.channels}:
            raise ValueError(f"mean and std need {self.channels} value(s), one a channel")
        if not all(self.std):
            raise ValueError("std must not be zero")
        return self


class ClassOutput(Frozen):
    """Which output holds the class scores, and what they are.

    ``scores`` = "logits" gets a softmax, "probabilities" is taken as it is; "binary_logit" and "binary_probability"
    are one number p a picture, answered as the two classes [1 - p, p].  ``classes`` counts the answer's classes.
    """

    name: str
    scores: Scores
    classes: Annotated[int, Field(ge=2)]


class Execution(Frozen):
    """How a version is run: as it was uploaded ("fp32"), or in a mode that was judged against that.

    ``providers`` are the ONNX Runtime execution providers that this needs, best first; none leaves them to the runner.
    """

    mode: Mode = "fp32"
    providers: tuple[str, ...] = ()


class ModelSpec(Frozen):
    """The whole contract of one model version.

    ``image`` and ``output`` are set for classifiers of pictures and None for models that take features.
    ``batch`` says what the first axis of every input is: "dynamic", "fixed" at ``batch_size`` rows, or "none".
    ``batchable`` is true only where a trial proved that rows of a batch do not influence each other.
    ``fused`` is true only where a trial proved that the graph may do the arithmetic around the model, too: see
    ``served``.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    image: ImageInput | None = None
    output: ClassOutput | None = None
    labels: tuple[str, ...] | None = None
    batch: Literal["dynamic", "fixed", "none"] = "dynamic"
    batch_size: int | None = None
    batchable: bool = False
    fused: bool = False
    execution: Execution = Execution()
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    opset: int | None = None
    ir_version: int | None = None

    @cached_property
    def fingerprint(self) -> str:
        """A short digest of the whole spec: two specs that answer alike have the same one."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @cached_property
    def served(self) -> ModelSpec:
        """What a worker feeds and reads where it classifies pictures.

        It is the spec itself, but for a fused one: there ``PIXELS`` go in, and the class scores alone come out.
        """
        if not self.fused or self.image is None or self.output is None:
            return self
        image, output = self.image.unscaled(PIXELS), self.output.name
        pixels = self.inputs[0].replaced(name=PIXELS, dtype=_UINT8)
        scores = tuple(tensor for tensor in self.outputs if tensor.name == output)
        return self.replaced(inputs=(pixels,), outputs=scores, image=image, fused=False)


_UINT8 = 2
