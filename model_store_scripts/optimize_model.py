"""Tries faster modes of execution on a version that is already there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from model_store_scripts.application import run
from model_store_scripts.connection import opened, settings_of
from model_store_scripts.options import AsJson, Home
from model_store_scripts.report import Report, reporting, table
from serving.optimization.optimizer import Optimized
from serving.optimization.report import CandidateReport, OptimizationReport
from serving.registry.activation import Activation
from serving.registry.records import ModelVersion
from serving.registry.registry import Registry

EXAMPLES = ("optimize_model cats photos/", "optimize_model cats@v3 photos.zip --no-activate --json")
_ACTOR = "command"


def optimize_model(
    model: Annotated[str, typer.Argument(metavar="ID[@VERSION]", help="The exact version; else the live one.")],
    pictures: Annotated[
        list[Path],
        typer.Argument(exists=True, help="Picture files, ZIP files of them, or folders: 120 and more, of 20 classes."),
    ],
    activate: Annotated[
        bool, typer.Option(help="Put the fastest mode that passes in the place of the exact version, if that is live.")
    ] = True,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Try faster modes of a version: INT8, and what else this environment can run.

    Each is judged against the exact version on the pictures; what passes becomes a version beside it.
    """
    from serving.parts import build_optimizer  # it brings the whole service: two seconds that the others save

    with reporting(as_json) as report:
        settings = settings_of(home)
        with opened(settings) as registry:
            version = registry.find(model)
            optimizer = build_optimizer(settings, registry)
            with report.steps(f"optimizing {version.key}", len(optimizer.modes())) as tried:
                found = optimizer.optimize(version, pictures, actor=_ACTOR, progress=tried)
            outcome = _put_in_place(registry, version, found) if activate else found.report
        _answer(report, version, outcome)


def _put_in_place(registry: Registry, version: ModelVersion, found: Optimized) -> OptimizationReport:
    if not found.versions or registry.live_version(version.key.id) != version.key.version:
        return found.report
    fastest = found.versions[0].key
    with closing(Activation(registry)) as activation:
        activation.activate_blocking(fastest, default=False, actor=_ACTOR)
    return found.report.using(fastest.version)


def _answer(report: Report, version: ModelVersion, outcome: OptimizationReport) -> None:
    head = ("mode", "version", "agreement", "pictures", "mean error", "largest error", "speed-up", "")
    rows = table(*head, rows=[_row(candidate) for candidate in outcome.candidates])
    document = {"id": version.key.id, **outcome.model_dump(mode="json")}
    report.answer(document, rows, outcome.reason)


def _row(candidate: CandidateReport) -> tuple[str, ...]:
    judgement, timing = candidate.judgement, candidate.timing
    figures = ("", "", "", "")
    if judgement is not None:
        errors = f"{judgement.mean_error:.4f}", f"{judgement.largest_error:.4f}"
        figures = (f"{judgement.agreement:.2%}", str(judgement.pictures), *errors)
    speed = f"{timing.speedup:.2f}" if timing else ""
    return candidate.mode, candidate.version or "", *figures, speed, candidate.reason


if __name__ == "__main__":
    run(optimize_model, EXAMPLES)
