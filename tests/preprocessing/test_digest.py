from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.digest import answer_key, sha256_hex


def test_the_digest_is_sha_256() -> None:
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_order_of_options_does_not_matter() -> None:
    first = answer_key("c", "a", "s", {"top_k": 3, "threshold": 0.5})

    assert first == answer_key("c", "a", "s", {"threshold": 0.5, "top_k": 3})


@pytest.mark.parametrize(
    "other",
    [
        ("d", "a", "s", {"top_k": 3}),
        ("c", "b", "s", {"top_k": 3}),
        ("c", "a", "t", {"top_k": 3}),
        ("c", "a", "s", {"top_k": 4}),
        ("c", "a", "s", {"top_k": "3"}),
        ("c", "a", "s", {}),
        ("a", "c", "s", {"top_k": 3}),
        ("ca", "", "s", {"top_k": 3}),
        ('c","a', "", "s", {"top_k": 3}),
    ],
)
def test_a_different_question_has_a_different_key(other: tuple[str, str, str, dict[str, Any]]) -> None:
    assert answer_key(*other) != answer_key("c", "a", "s", {"top_k": 3})


_PARTS = st.tuples(
    *[st.text(max_size=4)] * 3, st.dictionaries(st.text(max_size=2), st.integers() | st.text(max_size=2))
)


@settings(deadline=None)
@given(_PARTS, _PARTS)
def test_keys_are_equal_only_where_all_parts_are(one: Any, other: Any) -> None:
    assert (answer_key(*one) == answer_key(*other)) is (one == other)


def test_another_process_gives_the_same_key(root: Path) -> None:
    program = "from preprocessing.digest import answer_key; print(answer_key('c', 'a', 's', {'b': 1, 'a': [2, None]}))"

    found = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == answer_key("c", "a", "s", {"a": [2, None], "b": 1})
