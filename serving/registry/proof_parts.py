"""The parts of a model's proof, as they are told while it goes on."""

from __future__ import annotations

INSPECTING = "inspecting"
"""Its file is read, and nothing of it run."""

PROVING = "proving"
"""It is run, first to find out how, then as it will be served."""
