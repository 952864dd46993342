"""What can be wrong with one caller's input.

    InputError
    ├── ImageError          the bytes are no picture that may be decoded   (not_an_image, image_damaged)
    │   └── ImageTooLarge   more pixels or frames than are decoded         (image_too_large)
    ├── FeatureError        the features do not fit the model's inputs     (invalid_features, wrong_feature_count)
    ├── LabelError          the label list cannot be read or does not fit  (invalid_labels)
    └── SpecError           the preprocessing options make no sense        (invalid_preprocessing)

Each carries a machine-readable ``code`` and a message that is safe to show to a stranger.
What HTTP status a code gets is decided in ``serving.errors``, not here.
"""

from __future__ import annotations


class InputError(Exception):
    """Base of everything that the caller can mend.  ``code`` is snake_case and stable."""

    code = "invalid_input"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ImageError(InputError):
    """The bytes are not a picture of an allowed kind, or a damaged one."""

    code = "not_an_image"


class ImageTooLarge(ImageError):
    """The picture declares more pixels than are ever decoded."""

    code = "image_too_large"


class FeatureError(InputError):
    """The features do not fit the inputs that the model declares."""

    code = "invalid_features"


class LabelError(InputError):
    """The labels cannot be read, or their number is not the number of classes."""

    code = "invalid_labels"


class SpecError(InputError):
    """The preprocessing options contradict each other or the model."""

    code = "invalid_preprocessing"
