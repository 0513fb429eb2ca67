"""What is measured is what was asked for."""

import pytest
from tests.bench.__main__ import arguments, chosen
from tests.bench.workloads import WORKLOADS


def _chosen(*words: str) -> list[tuple[str, int]]:
    return [(workload.name, n) for workload, n in chosen(arguments().parse_args(words))]


def test_by_itself_each_project_is_measured_in_its_smallest_size() -> None:
    assert _chosen() == [(workload.name, min(workload.sizes)) for workload in WORKLOADS]


def test_all_sizes_are_measured_on_demand() -> None:
    assert _chosen("--all", "--workloads", "sql") == [("sql", 100), ("sql", 1_000), ("sql", 10_000)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--workloads", "sql"), [("sql", 1_000)]),
        (("--workloads", "sql", "init"), [("sql", 1_000)]),
        (("--workloads", "sql", "rows"), [("sql", 1_000), ("rows", 1_000)]),
    ],
    ids=["one", "one that has it not", "two"],
)
def test_a_size_is_measured_where_there_is_one(words: tuple[str, ...], expected: list[tuple[str, int]]) -> None:
    assert _chosen(*words, "--sizes", "1000") == expected


def test_one_project_is_made_in_any_size() -> None:
    assert _chosen("--workloads", "chain", "--sizes", "7") == [("chain", 7)]


def test_a_project_without_any_of_the_steps_is_left_out() -> None:
    assert _chosen("--steps", "helper") == [("init", 12)]
