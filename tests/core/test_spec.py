"""The catalog: clashes are problems, and their outcome does not depend on the order of loading."""

from relspec.core.problem import Code
from relspec.core.spec import Builder, CachePolicy, Kind, Language, TaskSpec, catalog_of


def spec(name: str, path: str, output: str | None = None) -> TaskSpec:
    builder = Builder(Language.SQL, path, None)
    return TaskSpec(name, output or name, Kind.MATERIALIZATION, CachePolicy.PERSISTENT, 0, builder, 1)


def test_tasks_are_found_by_name_and_by_output_without_regard_to_case() -> None:
    catalog = catalog_of([spec("a", "tasks/a.sql", "Out")], {})
    assert catalog.by_name["a"] is catalog.by_output["out"]
    assert catalog.problems == ()


def test_two_tasks_with_one_output_are_both_left_out_and_name_each_other() -> None:
    clashing = [spec("a", "tasks/a.sql", "same"), spec("b", "tasks/b.sql", "SAME"), spec("c", "tasks/c.sql")]
    for order in (clashing, clashing[::-1]):
        catalog = catalog_of(order, {})
        assert list(catalog.by_name) == ["c"]
        assert [(p.code, p.path) for p in catalog.problems] == [
            (Code.DUPLICATE_OUTPUT, "tasks/a.sql"),
            (Code.DUPLICATE_OUTPUT, "tasks/b.sql"),
        ]
        assert "b (tasks/b.sql:1)" in catalog.problems[0].message


def test_an_output_that_is_named_like_a_source_is_a_problem() -> None:
    catalog = catalog_of([spec("orders", "tasks/orders.sql")], {"Orders": "data/orders.csv"})
    assert catalog.by_name == {}
    assert "data/orders.csv" in catalog.problems[0].message
