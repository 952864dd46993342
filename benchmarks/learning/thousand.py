"""1,000 photos on the MobileNet, nothing cached, and once more with everything cached."""

from __future__ import annotations

import tempfile

from benchmarks.learning.bases import mobilenet
from benchmarks.learning.page import Row
from benchmarks.learning.pictures import thousand_photos
from benchmarks.learning.tasks import new_task, timed


def measure() -> list[Row]:
    """Seconds in all, and of each phase."""
    with tempfile.TemporaryDirectory() as folder:
        task = new_task(folder, *mobilenet(), thousand_photos(), labels="replace")
        runs = [("first time", *timed(task)), ("again, features cached", *timed(task))]
    return [
        {
            "run": name,
            "pictures": str(learned.report.data.pictures),
            "seconds": f"{seconds:.1f}",
            **{phase: f"{spent:.1f}" for phase, spent in learned.report.seconds.items()},
        }
        for name, learned, seconds in runs
    ]
