from __future__ import annotations

import pytest
from pydantic import ValidationError

from preprocessing.spec import PIXELS, ClassOutput, ImageInput, ModelSpec, TensorInfo

SPEC = ModelSpec(
    inputs=(TensorInfo(name="image", dtype=10, shape=("N", 3, "H", "W")),),
    outputs=(TensorInfo(name="features", dtype=1, shape=None), TensorInfo(name="scores", dtype=1, shape=("N", 5))),
    image=ImageInput(name="image", size=(20, 30), color="BGR", dtype="float16", resize="pad", draft=True),
    output=ClassOutput(name="scores", scores="logits", classes=5),
    labels=tuple("abcde"),
    threshold=0.25,
    fused=True,
)


def test_a_fused_spec_is_served_with_bytes_in_and_the_class_scores_out() -> None:
    served = SPEC.served

    assert served.inputs == (TensorInfo(name=PIXELS, dtype=2, shape=("N", 3, "H", "W")),)
    assert served.outputs == SPEC.outputs[1:]
    assert served.image is not None
    assert (served.image.name, served.image.dtype, served.image.is_raw) == (PIXELS, "uint8", True)


def test_geometry_colours_labels_and_threshold_stay() -> None:
    served = SPEC.served

    assert served.image is not None and SPEC.image is not None
    for field in ("size", "layout", "channels", "color", "resize", "crop", "interpolation", "draft"):
        assert getattr(served.image, field) == getattr(SPEC.image, field)
    assert (served.output, served.labels, served.threshold) == (SPEC.output, SPEC.labels, SPEC.threshold)


def test_any_other_spec_is_served_as_it_is() -> None:
    plain = SPEC.replaced(fused=False)
    features = ModelSpec(inputs=SPEC.inputs, outputs=SPEC.outputs, fused=True)

    assert plain.served is plain
    assert features.served is features


def test_a_spec_stored_before_there_was_fusion_is_valid() -> None:
    stored = SPEC.model_dump(mode="json")
    del stored["fused"]

    assert ModelSpec.model_validate(stored) == SPEC.replaced(fused=False)


def test_a_replaced_field_changes_what_is_computed_from_it() -> None:
    before = SPEC.fingerprint

    assert SPEC.replaced(threshold=0.5).fingerprint != before
    assert SPEC.replaced(threshold=0.5).replaced(threshold=0.25).fingerprint == before


def test_a_replaced_field_is_validated() -> None:
    with pytest.raises(ValidationError):
        SPEC.replaced(threshold=2.0)
