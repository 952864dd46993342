"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import pytest
from hypothesis import HealthCheck, settings

# A machine that is busy is no failure: nothing here is judged by the clock.
settings.register_profile("lens", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lens")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real models and pictures, where the checkout has them beside it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data (real models and pictures) is not beside this checkout")
    return folder
