from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runners.rows import counts_rows, join_answers, join_feeds, pieces, take_rows


def test_joined_feeds_hold_the_rows_in_order_under_every_name() -> None:
    first = {"a": np.array([[1], [2]]), "b": np.array(["x", "y"], object)}
    second = {"b": np.array(["z"], object), "a": np.array([[3]])}

    joined = join_feeds([first, second])

    assert joined["a"].tolist() == [[1], [2], [3]]
    assert joined["b"].tolist() == ["x", "y", "z"]


def test_rows_are_taken_from_arrays_and_lists_alike() -> None:
    answer = {"label": np.array([1, 2, 3]), "scores": [{"a": 0.1}, {"a": 0.2}, {"a": 0.3}]}

    taken = take_rows(answer, 1, 3)

    assert taken["label"].tolist() == [2, 3]
    assert taken["scores"] == [{"a": 0.2}, {"a": 0.3}]


def test_an_answer_counts_rows_only_if_every_output_does() -> None:
    rows = np.zeros((2, 3))

    assert counts_rows({"y": rows, "maps": [{}, {}]}, 2)
    assert not counts_rows({"y": rows}, 3)
    assert not counts_rows({"y": rows, "total": np.float32(1)}, 2)
    assert not counts_rows({"y": rows, "total": np.array(1)}, 2)
    assert not counts_rows({"y": rows, "map": {"a": 1, "b": 2}}, 2)


@given(rows=st.integers(1, 20), size=st.integers(1, 8))
def test_pieces_joined_without_their_filling_are_the_feed_again(rows: int, size: int) -> None:
    feed = {"x": np.arange(rows * 2).reshape(rows, 2)}

    cut = list(pieces(feed, rows, size))

    assert all(len(piece["x"]) == size for piece, _ in cut)
    joined = join_answers([take_rows(dict(piece), 0, real) for piece, real in cut])
    assert joined["x"].tolist() == feed["x"].tolist()


def test_the_last_piece_is_filled_up_with_its_last_row() -> None:
    (_, whole), (piece, real) = pieces({"x": np.array([[1], [2], [3]])}, 3, 2)

    assert (whole, real) == (2, 1)
    assert piece["x"].tolist() == [[3], [3]]


def test_lists_are_joined_as_lists() -> None:
    assert join_answers([{"maps": [{1: 0.5}]}, {"maps": [{1: 0.7}]}]) == {"maps": [{1: 0.5}, {1: 0.7}]}
