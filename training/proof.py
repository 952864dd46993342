"""What a proof finds out about the embedded model, written beside it: a first start need not find it out again.

``python -m training.proof`` writes it anew; a test says when that is due.
"""

from __future__ import annotations

from typing import Any

from preprocessing.digest import sha256_hex
from serving.registry.inspect import inspect_model
from serving.runtime import runtime_facts
from serving.seeding import Seed, embedded
from training.files import write_json


def proof_of(seed: Seed) -> dict[str, Any]:
    """The file's digest, the runtime that ran it, and the spec that came of it."""
    spec = inspect_model(
        seed.model, labels=seed.parsed_labels(), preprocessing=seed.parsed_preprocessing(), threshold=0.0
    )
    return {
        "sha256": sha256_hex(seed.model.read_bytes()),
        "runtime": runtime_facts(),
        "spec": spec.model_dump(mode="json"),
    }


if __name__ == "__main__":
    ours = embedded()
    assert ours.proof is not None
    write_json(ours.proof, proof_of(ours))
