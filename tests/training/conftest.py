"""What the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.made_up import write_made_up


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small data set in CIFAR-10's binary form."""
    return write_made_up(tmp_path_factory.mktemp("made-up"))
