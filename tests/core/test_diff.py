"""Old fingerprints against new plans."""

from dataclasses import replace

from relspec.core.diff import diff
from relspec.core.plan import InferredDeps, PlanArtifact, Requirement
from relspec.core.schema import Column, Schema


def plan(name: str, fingerprint: str = "f", canonical: str = "c", **columns: str) -> PlanArtifact:
    schema = Schema(tuple(Column(n, t) for n, t in (columns or {"x": "INTEGER"}).items()))
    return PlanArtifact(name, name, "select 1", canonical, schema, InferredDeps((), ()), (), (), None, fingerprint)


def test_plans_are_told_apart_by_fingerprint_alone() -> None:
    before = {"same": plan("same"), "gone": plan("gone"), "other": plan("other")}
    after = {"same": replace(plan("same"), sql="select  1"), "new": plan("new"), "other": plan("other", "g", "d")}
    found = diff(before, after)
    assert (found.added, found.removed, found.changed, found.unchanged) == (("new",), ("gone",), ("other",), ("same",))


def test_what_moved_of_a_plan_is_said_in_words() -> None:
    old, new = plan("t", x="INTEGER", y="DATE", z="BIGINT"), plan("t", "g", "d", x="BIGINT", z="BIGINT", w="DATE")
    need = Requirement("orders", (Column("x", "INTEGER"),))
    new = replace(new, deps=InferredDeps((need,), ()))
    assert diff({"t": old}, {"t": new}).moved == {
        "t": "output column w added; output column y removed; output column x is BIGINT, was INTEGER; "
        "other input columns are required; the query changed"
    }


def test_reordered_columns_are_named_as_such() -> None:
    old, new = plan("t", x="INTEGER", y="DATE"), plan("t", "g", y="DATE", x="INTEGER")
    assert diff({"t": old}, {"t": new}).moved == {"t": "output columns reordered"}
