"""Checks a store: every listed version is whole and loads, and nothing else lies about."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from model_store_scripts.application import run
from model_store_scripts.connection import opened, settings_of
from model_store_scripts.load_trial import find_load_failure
from model_store_scripts.options import AsJson, Home
from model_store_scripts.report import Report, reporting
from serving.confinement.child import Limits
from serving.registry.records import ModelVersion
from serving.registry.registry import Registry
from serving.registry.store import ArtefactStore, Survey
from serving.settings import Settings

EXAMPLES = ("verify_store", "verify_store --repair --json")


def verify_store(
    repair: Annotated[bool, typer.Option("--repair", help="Remove what killed processes left behind.")] = False,
    load: Annotated[bool, typer.Option(help="Load every version, too; else only read its files.")] = True,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Read every version's files, compare their SHA-256, load each in a child process, and look for strays.

    A damaged version is only reported: its row is the last trace of it.  A server may run on the store meanwhile.
    Exit code 1 says that something is damaged, or left behind and not repaired.
    """
    with reporting(as_json) as report:
        settings = settings_of(home)
        with opened(settings) as registry:
            findings = _Findings(registry.survey(), *_check(registry, settings, report, load=load))
            if repair:
                findings = dataclasses.replace(findings, removed=registry.sweep(read=False).removed)
        report.answer(findings.document(), *findings.lines())
        if findings.damaged or (findings.survey.strays and not repair):
            raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What was found: ``damaged`` is the reason for each version that is, ``removed`` the strays that are gone now."""

    survey: Survey
    checked: int
    damaged: dict[str, str]
    removed: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "checked": self.checked,
            "damaged": self.damaged,
            "strays": list(self.survey.strays),
            "removed": list(self.removed),
            "unlisted": [str(key) for key in self.survey.unlisted],
        }

    def lines(self) -> Iterator[str]:
        yield f"{self.checked} version(s) checked, {len(self.damaged)} damaged."
        yield from (f"damaged: {name}: {reason}" for name, reason in self.damaged.items())
        yield from (
            f"{'removed' if name in self.removed else 'left behind (--repair removes it)'}: {name}"
            for name in self.survey.strays
        )
        yield from (f"not of this registry, left alone: {key}" for key in self.survey.unlisted)


def _check(registry: Registry, settings: Settings, report: Report, *, load: bool) -> tuple[int, dict[str, str]]:
    """How many versions there are, and what is wrong with those that are damaged."""
    versions = registry.versions()
    damaged = {}
    with report.steps("checking", len(versions)) as checked:
        for version in versions:
            fault = _fault(registry, settings, version, load=load)
            # One that was deleted while it was looked at is not damaged.
            if fault is not None and registry.has(version.key):
                damaged[str(version.key)] = fault
            checked(str(version.key))
    return len(versions), damaged


def _fault(registry: Registry, settings: Settings, version: ModelVersion, *, load: bool) -> str | None:
    damage = ArtefactStore(registry.home).find_damage(version, read=True)
    if damage is not None or not load:
        return damage
    return find_load_failure(version, settings.providers, Limits(settings.proof_s, settings.proof_memory_mb))


if __name__ == "__main__":
    run(verify_store, EXAMPLES)
