"""JSON lines: every object becomes a row, every key a column, and types stay fixed."""

import pytest

from relspec.core.dataset import Format
from relspec.core.problem import Code


def taken(place, text: str, **named):
    return place.taken("a.jsonl", text, Format.JSONL, **named)


def test_columns_come_from_all_lines(place) -> None:
    answer = taken(place, '{"a": 1}\n' * 30000 + '{"a": 2, "b": {"x": [1.5]}}\n')
    assert answer.schema.types() == {"a": "BIGINT", "b": "STRUCT(x DOUBLE[])"}
    assert answer.part.rows == 30001


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"a":1}\n{"a":\n{"a":3}\n', 2, "this line is no JSON: Expecting value at character 7"),
        ('{"a":1}\n{"a":2', 2, "this line is no JSON: Expecting ',' delimiter at character 7"),
        ('{"a":1}{"a":2}\n', 1, "this line is no JSON: Extra data at character 8"),
        ('{"a":1}\n[1]\n', 2, "this line holds list, not an object"),
        ("1\n2\n", 1, "this line holds int, not an object"),
        ('{"a":1,"a":2}\n', 1, 'Object {"a":1,"a":2} has duplicate key "a"'),
        ('{"a":1,"A":2}\n', None, "there are two keys that differ in case alone, one of them 'A'"),
    ],
)
def test_a_malformed_line_is_named(place, text: str, line: int | None, said: str) -> None:
    problem = place.refused("a.jsonl", text, Format.JSONL)
    assert (problem.code, problem.line, problem.message) == (Code.UNREADABLE, line, said)


def test_a_column_that_only_looks_renamed_is_fine(place) -> None:
    assert taken(place, '{"a": 1, "a_1": 2}\n').schema.types() == {"a": "BIGINT", "a_1": "BIGINT"}


def test_types_stay_and_new_keys_add_columns(place) -> None:
    first = taken(place, '{"a": 1.5, "b": "2020-01-01"}\n')
    again = taken(place, '{"b": "2020-01-02", "c": true}\n{"a": 2, "b": null}\n', reader=first.reader)
    assert again.schema.types() == {"b": "DATE", "c": "BOOLEAN", "a": "DOUBLE"}
    assert place.rows(again.part.path) == [("2020-01-02", "true", None), (None, None, "2.0")]


def test_a_value_that_does_not_fit_its_fixed_type_is_drift(place) -> None:
    first = taken(place, '{"s": "x", "a": 1}\n')
    problem = place.refused("a.jsonl", '{"s": "x", "a": 1}\n{"s": "y", "a": "z"}\n', Format.JSONL, reader=first.reader)
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, 2)
    assert "column 'a' of type BIGINT" in problem.message


def test_types_of_the_user_win(place) -> None:
    assert taken(place, '{"a": 1}\n', types=(("a", "VARCHAR"),)).schema.types() == {"a": "VARCHAR"}


@pytest.mark.parametrize(
    ("before", "after", "line", "value"),
    [
        ('{"v": 1}\n', '{"v": 2}\n\n{"v": 1.7}\n', 3, "1.7"),
        ('{"v": 1}\n', '{"v": "2.5"}\n', 1, "2.5"),
        ('{"d": "2013-01-31"}\n', '{"d": "2013-01-31 23:00:00"}\n', 1, "2013-01-31 23:00:00"),
    ],
)
def test_a_value_that_its_fixed_type_would_round_is_drift(
    place, before: str, after: str, line: int, value: str
) -> None:
    reader = taken(place, before).reader
    problem = place.refused("a.jsonl", after, Format.JSONL, reader=reader)
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, line)
    assert f"the value {value!r} does not fit the column" in problem.message


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1", '"2"'),
        ("1", "true"),
        ("1.5", '"2.5"'),
        ("1.5", "9007199254740993"),
        ("true", "1"),
        ('"10:00:00"', '"10:00:00+05"'),
        ('"2013-01-31 10:00:00"', '"2013-01-31T10:00:00+05"'),
        ('{"x": [1]}', '{"x": [1, 2.5]}'),
        ('{"x": 1}', '{"x": 1, "y": 2}'),
        ('[{"d": "2013-01-31"}]', '[{"d": "2013-01-31 23:00:00"}]'),
    ],
)
def test_a_value_that_its_fixed_type_would_change_is_drift_at_any_depth(place, before: str, after: str) -> None:
    reader = taken(place, f'{{"v": {before}}}\n').reader
    problem = place.refused("a.jsonl", f'{{"v": {before}}}\n{{"v": {after}}}\n', Format.JSONL, reader=reader)
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, 2)
    assert "does not fit the column 'v'" in problem.message


@pytest.mark.parametrize("number", ["9007199254740993.0", "1.0000000000000000001", "12345678901234567.89", "1e-400"])
def test_a_number_that_is_rounded_on_the_way_is_drift_from_the_first_sight_on(place, number: str) -> None:
    """Caught: DuckDB reads it as DOUBLE whatever the column is, so the column's JSON is rounded already."""
    text = f'{{"s": ":{number}", "v": 1.5}}\n{{"v": {{"x": [{number}]}}}}\n'
    problem = place.refused("a.jsonl", text, Format.JSONL, types=(("v", "JSON"),))
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, 2)
    assert problem.message == f"the number {number} in the column 'v' has more digits than a DOUBLE keeps"


def test_a_type_of_the_users_reads_numbers_in_strings(place) -> None:
    answer = taken(place, '{"v": "2"}\n{"v": 3}\n{"v": null}\n', types=(("v", "BIGINT"),))
    assert place.rows(answer.part.path) == [("2",), ("3",), (None,)]


def test_a_guess_that_would_drop_an_offset_gives_way_to_text(place) -> None:
    answer = taken(place, '{"v": "2013-01-31T10:00:00+05"}\n')
    assert place.rows(answer.part.path) == [("2013-01-31T10:00:00+05",)]
