"""How people say what a model expects: a preset's name, a JSON object, or both."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from preprocessing.errors import SpecError
from preprocessing.spec import MARGIN_FROM, ImageInput

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "imagenet": {
            "color": "RGB",
            "scale": 1 / 255,
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
        },
        "tf": {"color": "RGB", "scale": 1 / 127.5, "mean": 1.0, "std": 1.0},
        "zero-one": {"scale": 1 / 255, "mean": 0.0, "std": 1.0},
        "raw": {"scale": 1.0, "mean": 0.0, "std": 1.0},
        "caffe": {"color": "BGR", "scale": 1.0, "mean": (103.939, 116.779, 123.68), "std": 1.0},
    }
)
"""Name -> options: ImageNet statistics, -1..1, 0..1, 0..255, and BGR less the mean colour."""

OPTIONS = ("size", "layout", "color", "resize", "crop", "interpolation", "scale", "mean", "std", "draft")
"""What a JSON object may say, beside a ``preset``."""


def image_input(base: ImageInput, options: Mapping[str, Any] | str | None) -> ImageInput:
    """``base`` with ``options`` laid over it: its ``preset`` first, then its other keys.

    Args:
        base: what the model itself tells.
        options: a preset's name, a JSON object as text or mapping, or nothing.  ``size`` is one number or
            [height, width]; ``mean`` and ``std`` are one number or one a channel, in the tensor's order.

    Where ``color`` changes and no ``mean`` or ``std`` comes with it, each colour keeps the numbers it had.
    Where ``size`` changes and no ``crop`` comes with it, a usual margin becomes the usual one of the new size.

    Raises:
        SpecError: an unknown key or preset, or a value that is not allowed; the message says which are.
    """
    own = _as_mapping(options)
    values: dict[str, Any] = base.model_dump()
    if (preset := own.pop("preset", None)) is not None:
        values = _over(values, _preset_for(preset, base.channels))
    _refuse_unknown(own)
    return _validated(_over(values, own))


def usual_crop(size: tuple[int, int]) -> float:
    """The share that the centre crop keeps where nothing says otherwise: small inputs have no margin."""
    return 0.875 if min(size) >= MARGIN_FROM else 1.0


def _as_mapping(options: Mapping[str, Any] | str | None) -> dict[str, Any]:
    if isinstance(options, str):
        text = options.strip()
        options = _from_json(text) if text.startswith(("{", "[", '"')) else text or None
        if isinstance(options, str):
            return {"preset": options}
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise SpecError("Preprocessing must be the name of a preset or a JSON object.")
    return dict(options)


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SpecError("The preprocessing options are not valid JSON.") from None


def _preset_for(name: object, channels: int) -> dict[str, Any]:
    preset = PRESETS.get(name.strip().lower().replace("_", "-")) if isinstance(name, str) else None
    if preset is None:
        raise SpecError(f"There is no such preset: use one of {', '.join(PRESETS)}.")
    if channels == 1:
        return {key: math.fsum(value) / 3 if isinstance(value, tuple) else value for key, value in preset.items()}
    return dict(preset)


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    if unknown := [str(key)[:40] for key in options if key not in OPTIONS]:
        raise SpecError(f"Unknown preprocessing option {unknown[0]!r}: the options are preset, {', '.join(OPTIONS)}.")


def _over(values: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**values, **layer}
    for key in ("mean", "std"):
        if key not in layer and merged["color"] != values["color"]:
            merged[key] = values[key][::-1]
        merged[key] = _as_tuple(merged[key], values["channels"])
    merged["size"] = _as_tuple(merged["size"], 2)
    if "size" in layer and "crop" not in layer and values["crop"] == usual_crop(values["size"]):
        merged["crop"] = _crop_for(merged["size"], values["crop"])
    return merged


def _as_tuple(value: object, length: int) -> object:
    """A number is spread over the whole length; what is neither number nor list is left for validation to refuse."""
    if isinstance(value, list | tuple):
        return tuple(value)
    return (value,) * length


def _crop_for(size: object, otherwise: float) -> float:
    match size:
        case (int() as height, int() as width):
            return usual_crop((height, width))
        case _:
            return otherwise


def _validated(values: Mapping[str, Any]) -> ImageInput:
    try:
        spec = ImageInput.model_validate(values, strict=True)
    except ValidationError as error:
        raise SpecError(_sentence(error)) from None
    if not all(map(math.isfinite, (spec.scale, *spec.mean, *spec.std))):
        raise SpecError("Preprocessing: scale, mean and std must be finite numbers.")
    return spec


def _sentence(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [(".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")) for fault in details]
    return "Preprocessing: " + "; ".join(f"{place}: {reason}" if place else reason for place, reason in faults) + "."
