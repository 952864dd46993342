"""What ends a training."""


class TrainingError(Exception):
    """It cannot go on; the message says why and what would help."""
