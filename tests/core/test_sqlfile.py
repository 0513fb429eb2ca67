"""SQL files: one task each, by the file's stem and the options in its leading comment."""

import pytest

from relspec.core.problem import Code, Problem
from relspec.core.spec import Builder, CachePolicy, Kind, Language, TaskSpec
from relspec.core.sqlfile import sql_task
from relspec.core.warning import WarningCode

PATH = "tasks/deep/top_days.sql"
BUILDER = Builder(Language.SQL, PATH, None)


def _spec(text: str) -> TaskSpec:
    spec = sql_task(PATH, text)
    assert isinstance(spec, TaskSpec), spec
    return spec


def _problem(text: str, path: str = PATH) -> Problem:
    problem = sql_task(path, text)
    assert isinstance(problem, Problem), problem
    assert (problem.code, problem.path) == (Code.DECLARATION, path)
    return problem


@pytest.mark.parametrize(
    "text", ["select 1", "", "-- just a comment\nselect 1", "-- relspec:\nselect 1", "\ufeffselect 1"]
)
def test_a_file_without_options_is_a_table_named_by_its_stem(text) -> None:
    assert _spec(text) == TaskSpec("top_days", "top_days", Kind.MATERIALIZATION, CachePolicy.PERSISTENT, 0, BUILDER, 1)


@pytest.mark.parametrize(
    "text",
    [
        "-- relspec: kind=compute cache_policy=none output=foo name=a.b-c priority=-3\nselect 1",
        "--relspec:kind=compute,cache_policy=none,output=foo,name=a.b-c,priority=-3",
        "\n-- words\n-- relspec: kind=compute cache_policy='none'\n\n  -- relspec: output=foo name=a.b-c priority=-3\n",
        "\ufeff-- relspec: kind=compute cache_policy=none output=foo\r\n-- relspec: name=a.b-c priority=-3\r\nselect 1",
    ],
)
def test_options_stand_in_the_leading_comment_in_any_number_of_lines(text) -> None:
    assert _spec(text) == TaskSpec("a.b-c", "foo", Kind.COMPUTE, CachePolicy.NONE, -3, BUILDER, 1)


def test_a_view_is_never_stored() -> None:
    assert _spec("-- relspec: kind=view\nselect 1").cache_policy is CachePolicy.NONE


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("-- relspec: knd=view", 1, 13, "no option 'knd'", "did you mean 'kind'?"),
        ("-- x\n-- relspec: name=a kind=viw", 2, 20, "kind cannot be 'viw'", "did you mean 'view'?"),
        ("-- relspec: cache_policy=sesion", 1, 13, "cache_policy cannot be 'sesion'", "did you mean 'session'?"),
        ("-- relspec: inputs=orders", 1, 13, "inferred", "remove it"),
        ("-- relspec: kind=view\n-- relspec: cache_policy=session", 2, 13, "never stored", "compute"),
        ("-- relspec: priority=high", 1, 13, "whole number", "default is 0"),
        ("-- relspec: kind = view", 1, 13, "no option with a value", "without spaces"),
        ("-- relspec: kind=view kind=compute", 1, 23, "twice", "one"),
        ("-- relspec: output=a/b", 1, 13, "cannot be the output", "letters"),
        ("-- relspec: output=../x", 1, 13, "cannot be the output", "letters"),
        ("-- relspec: output=.x", 1, 13, "cannot be the output", "letters"),
        ("-- relspec: output=relspec_revision", 1, 13, "reserved", "another name"),
        ("-- relspec: output=" + "x" * 121, 1, 13, "121 characters", ""),
        ("select 1\n-- relspec: kind=view", 2, 1, "below the start of the query", "top"),
    ],
)
def test_a_wrong_option_is_a_problem_at_its_place(text, line, column, message, hint) -> None:
    problem = _problem(text)
    assert (problem.line, problem.column) == (line, column)
    assert message in problem.message
    assert hint in (problem.hint or "")


def test_a_file_name_that_is_no_table_name_says_what_to_do() -> None:
    problem = _problem("select 1", "tasks/top days.sql")
    assert (problem.line, problem.column) == (1, 1)
    assert "the file's name" in problem.message
    spec = sql_task("tasks/top-days.sql", "-- relspec: output=top_days")
    assert isinstance(spec, TaskSpec)
    assert (spec.name, spec.output) == ("top-days", "top_days")


def test_warnings_are_allowed_by_code() -> None:
    found = _spec("-- relspec: allow=float-sum+clock priority=2\nselect 1")
    assert found.allow == (WarningCode.FLOAT_SUM, WarningCode.CLOCK)
    wrong = _problem("-- relspec: allow=float-sums\nselect 1")
    assert (wrong.message, wrong.hint) == ("allow cannot be 'float-sums'", "did you mean 'float-sum'?")
