"""A worker that is killed while its job runs: ``python -m tests.retraining.dying_worker HOME``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.retraining.conftest import rig_in


def main() -> None:
    """Run an endless job, say its process id, and wait for the end."""
    home = Path(sys.argv[1])
    with rig_in(home) as rig:
        rig.submit("endless")
        path = home / "features" / "process"
        while not path.exists() or not path.read_text():
            threading.Event().wait(0.02)
        print(path.read_text().strip(), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
