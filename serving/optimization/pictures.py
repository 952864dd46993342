"""Encoded pictures as a model is fed with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from preprocessing.decode import decode_image
from preprocessing.errors import InputError
from preprocessing.spec import ModelSpec
from preprocessing.transforms import draft_size, to_tensor

Feed = dict[str, npt.NDArray[Any]]


def picture_feeds(pictures: Iterable[bytes], spec: ModelSpec) -> Iterator[Feed]:
    """One feed of one row for each picture that can be decoded, by the preprocessing of ``spec``."""
    image = spec.image
    assert image is not None
    for data in pictures:
        try:
            tensor = to_tensor(decode_image(data, draft=draft_size(image)), image)
        except InputError:
            continue
        yield {image.name: tensor if spec.batch == "none" else tensor[np.newaxis]}
