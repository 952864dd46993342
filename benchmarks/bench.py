"""What every section works with: the plan, the peers in their chosen configurations, the models, room for states."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.catalogue import CORES, shared_models
from benchmarks.models import write_models
from benchmarks.peers.options import MODEL, MODELS
from benchmarks.plan import Plan
from benchmarks.results import Point, Record, circumstances
from benchmarks.servers import ROOT, Configuration, Variant
from benchmarks.wrk import Load

LIMIT_BOX, LIMIT_PIXELS = "limit: float graph", "limit: graph on pixels"
LIMITS = {LIMIT_BOX: "box", LIMIT_PIXELS: "pixels"}
OWN_CODE = {"limit: Lens's own code": "own"}
"""What Lens does with a picture, without its server; Lens is judged by the other two, as its peers would be."""

FLOORS = {"alone: decode and resize": "decode", "alone: graph on pixels": "model"}
"""The two parts that no server can do without."""


@dataclass
class Bench:
    """One run of the benchmark.

    Attributes:
        plan: how much is measured.
        folder: for models, states and logs; thrown away after.
        chosen: the configuration of each peer by its key; where it has none, the usual best.
    """

    plan: Plan
    folder: Path
    chosen: dict[str, Configuration] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)
    _states: int = 0

    @property
    def models(self) -> Path:
        """The folder of the models."""
        return self.folder / "models"

    def peer_variants(self, *keys: str) -> list[Variant]:
        """The plan's peers in their configurations; with ``keys``, only those."""
        return [peer.variant(self.chosen.get(peer.key)) for peer in self.plan.measured_peers(keys)]

    def require_model(self, name: str) -> None:
        """Write the model ``name`` where it is not yet."""
        self.models.mkdir(exist_ok=True)
        if name not in self._written:
            write_models(self.models, [(name, shared_models()[name])])
            self._written.add(name)

    def new_state(self) -> Path:
        """A folder that nothing was written to."""
        self._states += 1
        return self.folder / f"state-{self._states}"

    def record(self, section: str, variants: Sequence[Variant] = ()) -> Record:
        """An empty record of ``section``."""
        facts = {**circumstances(ROOT), "scope": self.plan.scope, "plan": asdict(self.plan)}
        return Record(section, facts, {variant.name: str(variant.configuration) for variant in variants})

    def limits(self, work: str, model: str, picture: Path, number: int) -> list[Point]:
        """The same work without HTTP, one process a core, in one round; the first has our own code and the parts."""
        kinds = LIMITS if number else {**FLOORS, **LIMITS, **OWN_CODE}
        return [
            Point(name, work, 0, number, self.in_process(kind, model, picture, self.plan.seconds)[0])
            for name, kind in kinds.items()
        ]

    def in_process(self, kind: str, model: str, picture: Path, seconds: int) -> tuple[Load, Any]:
        """What one process a core does in plain loops, and the answer; see ``peers.in_process``."""
        command = [sys.executable, "-m", "benchmarks.peers.in_process", kind, str(picture), str(seconds)]
        environment = {**os.environ, MODELS: str(self.models), MODEL: model, "ORT_DISABLE_TELEMETRY": "1"}
        processes = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(CORES if seconds else 1)
        ]
        seen = [json.loads(process.communicate()[0]) for process in processes]
        rate = sum(each["rate"] for each in seen)
        return Load(requests=round(rate * seconds), seconds=float(seconds or 1), failed=0), seen[0]["answer"]
