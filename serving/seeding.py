"""What stands in a registry before anybody uploads: the model of ``MODEL_PATH``, else the embedded one.

A file is known by its SHA-256.  One that was seeded before changes nothing at the next start, so that what was uploaded
since stays the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from preprocessing.digest import sha256_hex
from preprocessing.errors import InputError
from preprocessing.labels import parse_labels
from preprocessing.spec import ModelSpec
from serving.errors import CannotStart, ServiceError
from serving.publisher import Prover
from serving.registry.records import ModelKey, ModelVersion, name_from_filename
from serving.runtime import runtime_facts

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "cifar10.onnx"

_BESIDE = ("labels", "preprocessing", "proof")


class SeedError(CannotStart):
    """The model that should be served cannot be; the message says why and what to do."""


class Seeds(Protocol):
    """The registry, as far as seeding needs it."""

    def count(self) -> int:
        """How many versions there are."""

    def seeded(self, sha256: str) -> ModelKey | None:
        """The version that a file of that digest was seeded as."""

    def mark_seeded(self, sha256: str, key: ModelKey) -> None:
        """Remember it."""

    def versions(self, model_id: str) -> list[ModelVersion]:
        """Every version of one id."""

    def register(
        self, model_file: Path, *, id: str, version: str | None, name: str, spec: ModelSpec, actor: str, source: str
    ) -> ModelVersion:
        """Store the file and publish its row."""

    def make_live(self, key: ModelKey, *, default: bool, actor: str) -> object:
        """Make it what answers."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A model file with what lies beside it, each a file or None; ``proof`` is what ``training.proof`` wrote of it."""

    model: Path
    labels: Path | None = None
    preprocessing: Path | None = None
    proof: Path | None = None

    def parsed_labels(self) -> tuple[str, ...] | None:
        """The labels, in the order of the classes.

        Raises:
            InputError: the file holds no list of labels.
        """
        return parse_labels(self.labels.read_bytes()) if self.labels else None

    def parsed_preprocessing(self) -> Any:
        """A preset's name or its options."""
        return orjson.loads(self.preprocessing.read_bytes()) if self.preprocessing else None


def seed(registry: Seeds, prover: Prover, wanted: Seed | None) -> ModelVersion | None:
    """Bring in ``wanted``, or into an empty registry the embedded model; what was made, or None.

    The caller holds the lock that makes this happen once.

    Raises:
        SeedError: the file, its labels or its proof failed.
    """
    if wanted is None:
        if registry.count():
            return None
        wanted = embedded()
    digest = sha256_hex(wanted.model.read_bytes())
    if registry.seeded(digest) is not None:
        return None
    version = _interrupted(registry, wanted, digest) or _register(registry, prover, wanted, digest)
    registry.make_live(version.key, default=True, actor="seed")
    registry.mark_seeded(digest, version.key)
    return version


def embedded() -> Seed:
    """The model that comes with Lens."""
    labels, preprocessing, proof = (EMBEDDED.with_suffix(f".{what}.json") for what in _BESIDE)
    return Seed(EMBEDDED, labels, preprocessing, proof)


def _interrupted(registry: Seeds, wanted: Seed, digest: str) -> ModelVersion | None:
    """What a start that was killed had registered already; it goes on from there."""
    known = registry.versions(name_from_filename(wanted.model.name))
    return next((version for version in known if version.source == "seed" and version.sha256 == digest), None)


def _register(registry: Seeds, prover: Prover, wanted: Seed, digest: str) -> ModelVersion:
    try:
        spec = _proved(wanted, digest) or prover.prove(
            wanted.model, labels=wanted.parsed_labels(), preprocessing=wanted.parsed_preprocessing()
        )
    except (ServiceError, InputError) as error:
        detail = error.detail if isinstance(error, ServiceError) else error
        raise SeedError(f"{wanted.model.name} cannot be served: {detail}") from None
    name = name_from_filename(wanted.model.name)
    return registry.register(wanted.model, id=name, version=None, name=name, spec=spec, actor="seed", source="seed")


def _proved(wanted: Seed, digest: str) -> ModelSpec | None:
    """The spec by a proof of this very file on this very runtime, if there is one: a second of a first start."""
    if wanted.proof is None:
        return None
    told = orjson.loads(wanted.proof.read_bytes())
    if (told["sha256"], told["runtime"]) != (digest, runtime_facts()):
        return None
    return ModelSpec.model_validate(told["spec"])
