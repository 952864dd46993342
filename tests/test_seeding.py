from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preprocessing.spec import ModelSpec
from serving.errors import CannotStart
from serving.registry.registry import Registry
from serving.seeding import Seed, embedded, seed
from serving.start_check import check_seed
from tests.registry.registering import SPEC, opened
from training.proof import proof_of


class Prover:
    """Finds every model good."""

    def prove(self, path: Path, **_options: Any) -> ModelSpec:
        return SPEC


@pytest.fixture
def wanted(tmp_path: Path) -> Seed:
    model = tmp_path / "flowers.onnx"
    model.write_bytes(b"a model")
    return Seed(model)


def listed(registry: Registry) -> list[str]:
    return [str(version.key) for version in registry.versions()]


def test_a_file_is_seeded_once_and_what_came_later_stays_live(tmp_path: Path, wanted: Seed) -> None:
    with opened(tmp_path / "home") as registry:
        first = seed(registry, Prover(), wanted)
        later = registry.register(
            wanted.model, id="flowers", version=None, name="flowers", spec=SPEC, actor="somebody", source="upload"
        )
        registry.make_live(later.key, default=True, actor="somebody")

        assert first is not None and str(first.key) == "flowers@v1"
        assert seed(registry, Prover(), wanted) is None
        assert registry.routing().live == {"flowers": "v2"}


@pytest.mark.parametrize("killed_at", ["make_live", "mark_seeded"])
def test_a_start_that_was_killed_in_between_is_continued_and_not_repeated(
    tmp_path: Path, wanted: Seed, killed_at: str
) -> None:
    class Killed(Registry):
        """Dies when ``killed_at`` is called."""

        def __getattribute__(self, name: str) -> Any:
            if name == killed_at:
                raise KeyboardInterrupt
            return super().__getattribute__(name)

    dying = Killed.open(tmp_path / "home")
    with pytest.raises(KeyboardInterrupt):
        seed(dying, Prover(), wanted)
    dying.close()

    with opened(tmp_path / "home") as registry:
        seed(registry, Prover(), wanted)

        assert listed(registry) == ["flowers@v1"]
        assert registry.routing().live_key("flowers") is not None
        assert seed(registry, Prover(), wanted) is None


def test_the_embedded_model_is_seeded_into_an_empty_registry_alone(tmp_path: Path, wanted: Seed) -> None:
    with opened(tmp_path / "home") as registry:
        seed(registry, Prover(), wanted)
        assert seed(registry, Prover(), None) is None
    with opened(tmp_path / "other") as registry:
        seed(registry, Prover(), None)
        assert listed(registry) == ["cifar10@v1"]


def test_what_is_told_of_the_embedded_model_is_what_a_proof_finds_today() -> None:
    told = embedded().proof
    assert told is not None
    assert json.loads(told.read_text()) == proof_of(embedded()), "run: python -m training.proof"


@pytest.mark.parametrize("other", ["sha256", "runtime"])
def test_a_proof_of_another_file_or_runtime_is_not_believed(tmp_path: Path, other: str) -> None:
    ours = embedded()
    assert ours.proof is not None
    stale = tmp_path / "stale.json"
    stale.write_text(json.dumps({**json.loads(ours.proof.read_text()), other: "another"}))
    with opened(tmp_path / "home") as registry:
        version = seed(registry, Prover(), replace(ours, proof=stale))
        assert version is not None and version.spec == SPEC


def test_a_keras_file_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"Convert it first: .*convert_model model\.h5"):
        check_seed(tmp_path / "model.h5", None)
