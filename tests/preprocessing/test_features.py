"""JSON to tensors and back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.errors import FeatureError
from preprocessing.features import FeatureBatch, feature_batch, first_output, named_batch, plain
from preprocessing.spec import Dimension, ModelSpec, TensorInfo
from runners.session import OnnxSession
from serving.registry.inspect import inspect_model

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, UINT64 = 1, 2, 3, 6, 7, 8, 9, 10, 11, 13
Shape = tuple[Dimension, ...] | None


def spec_of(*inputs: tuple[str, int, Shape], **fields: Any) -> ModelSpec:
    infos = tuple(TensorInfo(name=name, dtype=dtype, shape=shape) for name, dtype, shape in inputs)
    return ModelSpec(inputs=infos, outputs=(TensorInfo(name="y", dtype=FLOAT, shape=None),), **fields)


def one(shape: Shape, dtype: int = FLOAT, **fields: Any) -> ModelSpec:
    return spec_of(("x", dtype, shape), **fields)


IRIS = one(("N", 4))


def refused(features: object, spec: ModelSpec) -> FeatureError:
    with pytest.raises(FeatureError) as caught:
        feature_batch(features, spec)
    return caught.value


def test_a_vector_gets_a_batch_axis() -> None:
    batch = feature_batch([5.1, 3.5, 1.4, 0.2], IRIS)
    assert (batch.arrays["x"].shape, batch.arrays["x"].dtype) == ((1, 4), np.float32)
    assert (batch.rows, batch.single) == (1, True)


def test_a_list_of_vectors_is_a_batch() -> None:
    batch = feature_batch([[1, 2, 3, 4], [5, 6, 7, 8]], IRIS)
    assert (batch.arrays["x"].tolist(), batch.rows, batch.single) == ([[1, 2, 3, 4], [5, 6, 7, 8]], 2, False)


def test_a_batch_of_one_stays_a_batch() -> None:
    batch = feature_batch([[1, 2, 3, 4]], IRIS)
    assert (batch.arrays["x"].shape, batch.single) == ((1, 4), False)


@pytest.mark.parametrize(
    ("shape", "features", "expected", "single"),
    [
        (("N", 2, 3), [[1, 2, 3], [4, 5, 6]], (1, 2, 3), True),
        (("N", 2, 3), [[[1, 2, 3], [4, 5, 6]]], (1, 2, 3), False),
        (("N", 2, 3), [1, 2, 3, 4, 5, 6], (1, 2, 3), True),
        (("N", "T", 2), [[1, 2], [3, 4], [5, 6]], (1, 3, 2), True),
        (("N", 1), [1, 2, 3], (3, 1), False),
        (("N", 1), [1], (1, 1), True),
        (("N",), [1, 2, 3], (3,), False),
        (("N",), [1], (1,), True),
        (("N", "F"), [1, 2, 3], (1, 3), True),
        (None, [1, 2, 3], (1, 3), True),
        (None, [[1, 2], [3, 4]], (2, 2), False),
    ],
)
def test_the_depth_of_the_lists_tells_one_from_many(shape: Shape, features: Any, expected: Any, single: bool) -> None:
    batch = feature_batch(features, one(shape))
    assert (batch.arrays["x"].shape, batch.single, batch.rows) == (expected, single, expected[0])


def test_a_model_without_a_batch_axis_gets_its_tensor_as_it_is() -> None:
    batch = feature_batch([1, 2, 3, 4], one((4,), batch="none"))
    assert (batch.arrays["x"].shape, batch.rows, batch.single) == ((4,), 1, True)
    assert feature_batch([1, 2, 3, 4], one((2, 2), batch="none")).arrays["x"].shape == (2, 2)
    assert refused([[1, 2, 3, 4]], one((4,), batch="none")).code == "invalid_features"


@pytest.mark.parametrize("features", [[], [1, 2, 3], [1, 2, 3, 4, 5], [[1, 2, 3]], [[1, 2, 3, 4, 5]], [[]]])
def test_a_wrong_number_of_features_is_told_with_both_numbers(features: list[Any]) -> None:
    error = refused(features, IRIS)
    assert error.code == "wrong_feature_count"
    assert "Expected 4" in str(error) and f"got {len(np.ravel(features))}" in str(error)


@pytest.mark.parametrize(
    "features",
    [
        None,
        "text",
        {"a": 1},
        5.1,
        [[1, 2, 3, 4], [1, 2]],
        [1, 2, 3, [4]],
        [[[1, 2, 3, 4]]],
        [1, 2, 3, None],
        [1, 2, 3, "4"],
        [1, 2, 3, True],
        [1, 2, 3, math.nan],
        [1, 2, 3, math.inf],
        [1, 2, 3, 1e300],
        [1, 2, 3, 10**400],
        [1, 2, 3, {}],
    ],
)
def test_what_is_no_vector_of_numbers_is_refused(features: object) -> None:
    assert refused(features, IRIS).code == "invalid_features"


def test_deep_lists_are_refused_before_they_are_followed() -> None:
    features: list[Any] = [1.0]
    for _ in range(100_000):
        features = [features]
    assert refused(features, one(None)).code == "invalid_features"


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        (INT64, [1, -2, 3.0, 2**63 - 1], [1, 2, 3, 2**63]),
        (INT32, [1, -2, 3.0, 0], [1, 2, 3, 2**31]),
        (INT8, [1, -128, 127, 0], [1, 2, 3, 128]),
        (UINT8, [0, 255, 1, 2], [1, 2, 3, -1]),
        (UINT64, [0, 2**64 - 1, 1, 2], [1, 2, 3, 1e30]),
        (INT64, [0, 0, 0, 0], [1, 2, 3, 0.5]),
        (INT64, [0, 0, 0, 0], [1, 2, 3, math.inf]),
        (INT64, [0, 0, 0, 0], [1, 2, 3, True]),
        (BOOL, [True, False, True, True], [True, False, True, 1]),
        (STRING, ["a", "", "ż", "大"], ["a", "b", "c", 1]),
        (STRING, ["a", "b", "c", "d"], ["a", "b", "c", "\ud800"]),
        (FLOAT16, [1, -2.5, 65504, 0], [1, 2, 3, 70000]),
        (DOUBLE, [1, 1e300, -2.5, 0], [1, 2, 3, math.inf]),
    ],
)
def test_each_type_takes_its_own_values_only(dtype: int, good: list[Any], bad: list[Any]) -> None:
    spec = one(("N", 4), dtype)
    assert feature_batch(good, spec).arrays["x"][0].tolist() == good
    assert refused(bad, spec).code == "invalid_features"


def test_an_unknown_element_type_is_refused() -> None:
    assert refused([1, 2, 3, 4], one(("N", 4), 16)).code == "invalid_features"


COLUMNS = spec_of(("age", FLOAT, (None, 1)), ("name", STRING, ("N", 1)), ("children", INT64, ("N",)))


def test_a_model_of_single_columns_takes_one_value_an_input() -> None:
    batch = feature_batch([31.5, "Ann", 2], COLUMNS)
    assert {name: array.tolist() for name, array in batch.arrays.items()} == {
        "age": [[31.5]],
        "name": [["Ann"]],
        "children": [2],
    }
    assert (batch.rows, batch.single) == (1, True)


def test_a_model_of_single_columns_takes_rows() -> None:
    batch = feature_batch([[31.5, "Ann", 2], [4, "Bob", 0]], COLUMNS)
    assert batch.arrays["name"].tolist() == [["Ann"], ["Bob"]]
    assert (batch.rows, batch.single) == (2, False)


def test_columns_are_counted_and_named() -> None:
    error = refused([31.5, "Ann"], COLUMNS)
    assert error.code == "wrong_feature_count" and "age, name, children" in str(error)
    assert refused([[31.5, "Ann", 2], 5, 6], COLUMNS).code == "invalid_features"
    assert refused([[31.5, ["Ann"], 2]], COLUMNS).code == "invalid_features"


def test_a_model_of_several_tensors_asks_for_names() -> None:
    spec = spec_of(("a", FLOAT, ("N", 4)), ("b", FLOAT, ("N", 2)))
    assert "a, b" in str(refused([1, 2, 3, 4], spec)) and "'inputs'" in str(refused([1], spec))


TWO = spec_of(("a", FLOAT, ("N", 2)), ("b", STRING, ("N", 1)))


def test_named_inputs_may_come_with_or_without_the_batch_axis() -> None:
    single = named_batch({"a": [1, 2], "b": ["x"]}, TWO)
    assert (single.rows, single.single, single.arrays["a"].shape) == (1, True, (1, 2))
    batch = named_batch({"a": [[1, 2], [3, 4]], "b": [["x"], ["y"]]}, TWO)
    assert (batch.rows, batch.single, batch.arrays["b"].tolist()) == (2, False, [["x"], ["y"]])
    assert named_batch({"a": [[1, 2], [3, 4]], "b": ["x", "y"]}, TWO).rows == 2
    assert named_batch({"a": [1, 2], "b": "x"}, TWO).arrays["b"].tolist() == [["x"]]


def test_a_scalar_input_takes_a_bare_value() -> None:
    spec = spec_of(("x", FLOAT, ("H", "W")), ("strength", FLOAT, ()), batch="none")
    batch = named_batch({"x": [[1, 2, 3]], "strength": 0.5}, spec)
    assert (batch.arrays["strength"].shape, batch.arrays["x"].shape, batch.rows) == ((), (1, 3), 1)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"a": [1, 2]}, "missing names: b"),
        ({"a": [1, 2], "b": ["x"], "c": 1}, "unknown names: c"),
        ({"a": [[1, 2], [3, 4]], "b": [["x"]]}, "a: 2, b: 1"),
        ({"a": [1, 2, 3], "b": ["x"]}, "Expected 2 feature"),
        ({"a": [], "b": []}, "Expected 2 feature"),
        (["a"], "object"),
    ],
)
def test_named_inputs_that_do_not_fit_are_refused(inputs: Any, told: str) -> None:
    with pytest.raises(FeatureError, match=told):
        named_batch(inputs, TWO)


def test_a_fixed_batch_takes_any_rows_where_they_are_independent() -> None:
    rows = [[1, 2], [3, 4], [5, 6]]
    assert feature_batch(rows, one((2, 2), batch="fixed", batch_size=2, batchable=True)).rows == 3
    assert feature_batch(rows, one((1, 2), batch="fixed", batch_size=1)).rows == 3


def test_a_fixed_batch_is_asked_for_whole_where_rows_change_each_other() -> None:
    spec = one((2, 2), batch="fixed", batch_size=2)
    assert feature_batch([[1, 2], [3, 4]], spec).rows == 2
    assert "exactly 2 rows" in str(refused([1, 2], spec))


def test_no_rows_are_refused() -> None:
    assert "at least one row" in str(refused([], one(("N",))))


def test_outputs_become_plain_json() -> None:
    value = {
        0: np.float32(0.5),
        "names": np.array([["a"], ["b"]], dtype=object),
        "half": np.array([1.5], np.float16),
        "rows": [{1: 0.25}, (True, b"text")],
        "big": np.array([2**64 - 1], np.uint64),
        "flag": np.bool_(True),
    }
    told, non_finite = plain(value)
    assert json.loads(json.dumps(told)) == {
        "0": 0.5,
        "names": [["a"], ["b"]],
        "half": [1.5],
        "rows": [{"1": 0.25}, [True, "text"]],
        "big": [2**64 - 1],
        "flag": True,
    }
    assert not non_finite


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.array([[1, np.nan], [np.inf, -np.inf]], np.float32), [[1.0, None], [None, None]]),
        (np.array(np.nan), None),
        (np.float64("inf"), None),
        ([{"a": math.nan}], [{"a": None}]),
        ({"a": math.nan, "b": np.ones(1)}, {"a": None, "b": [1.0]}),
    ],
)
def test_numbers_that_json_cannot_carry_become_null_and_are_told(value: Any, told: Any) -> None:
    assert plain(value) == (told, True)


@pytest.mark.parametrize(
    ("value", "single", "prediction"),
    [
        (np.array([0.0], np.float32), True, [0.0]),
        (np.array([[0.1, 0.9]]), True, [0.1, 0.9]),
        (np.array([[0.1, 0.9]]), False, [[0.1, 0.9]]),
        (np.array([2, 0]), False, [2, 0]),
        (np.array(["setosa"], object), True, ["setosa"]),
        ([{"a": 0.5}], True, [{"a": 0.5}]),
        (np.array([1.0, 2.0, 3.0, 4.0]), True, [1.0, 2.0, 3.0, 4.0]),
        (np.array(7), True, [7]),
    ],
)
def test_the_prediction_is_the_first_output_and_always_a_list(value: Any, single: bool, prediction: list[Any]) -> None:
    assert first_output({"y": value}, IRIS, single) == prediction


def test_the_prediction_of_a_model_without_a_batch_axis_is_its_whole_output() -> None:
    assert first_output({"y": np.array([[1.0, 2.0]])}, one((4,), batch="none"), True) == [[1.0, 2.0]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
SPECS = [
    IRIS,
    one(("N", 2, "T")),
    one(("N",), INT64),
    one(None, STRING),
    one((2, 2), BOOL, batch="none"),
    one((3, 1), FLOAT16, batch="fixed", batch_size=3),
    COLUMNS,
    TWO,
]


@given(features=JSON, spec=st.sampled_from(SPECS))
def test_any_json_is_either_taken_or_refused(features: Any, spec: ModelSpec) -> None:
    for attempt in (lambda: feature_batch(features, spec), lambda: named_batch({"a": features, "b": features}, spec)):
        try:
            batch = attempt()
        except FeatureError:
            continue
        assert batch.rows >= 1
        assert set(batch.arrays) == {info.name for info in spec.inputs}


@given(rows=st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4)))
def test_finite_numbers_come_back_as_they_were(rows: list[list[float]]) -> None:
    if rows:
        assert plain(feature_batch(rows, IRIS).arrays["x"]) == (rows, False)


TABULAR = [
    "akuras_boston_multi",
    "breast_cancer_30_features",
    "diabetes_gbr_regression",
    "iris_kmeans_cluster_and_distances",
    "iris_logreg_nozipmap",
    "iris_logreg_zipmap_string_labels",
    "iris_rf_fixed_batch1",
    "modelnexus_iris_classifier_v1",
    "wine_one_input_per_column",
]


@pytest.mark.parametrize("name", TABULAR)
def test_real_feature_models_answer_as_expected(name: str, shared: Path) -> None:
    path = shared / "tabular" / f"{name}.onnx"
    case = json.loads((shared / "tabular" / "expected.json").read_text())[path.name]
    spec = inspect_model(path, preprocessing=None, labels=None, threshold=0.0)
    session = OnnxSession(path, spec, threads=1, providers=("CPUExecutionProvider",))

    def answer(batch: FeatureBatch) -> list[Any]:
        outputs = session.run(batch.arrays)
        return [plain(outputs[info.name])[0] for info in spec.outputs]

    feed: dict[str, list[Any]] = case["feed"]
    table = [[value for column in row for value in column] for row in zip(*feed.values(), strict=True)]
    for answers in (answer(named_batch(feed, spec)), answer(feature_batch(table, spec))):
        assert_close(answers, case["expected"])
    first_row = feature_batch(table[0], spec)
    assert first_row.single
    prediction = first_output(session.run(first_row.arrays), spec, first_row.single)
    expected = case["expected"][0][0]
    assert_close(prediction, expected if isinstance(expected, list) else [expected])


def assert_close(told: Any, expected: Any) -> None:
    assert type(told) is type(expected)
    if isinstance(expected, dict):
        assert told.keys() == expected.keys()
        told, expected = list(told.values()), list(expected.values())
    if isinstance(expected, list):
        assert len(told) == len(expected)
        for one_told, one_expected in zip(told, expected, strict=True):
            assert_close(one_told, one_expected)
    elif isinstance(expected, float):
        assert told == pytest.approx(expected, rel=1e-4, abs=1e-6)
    else:
        assert told == expected
