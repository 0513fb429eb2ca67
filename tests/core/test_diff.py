"""What moved between two plans in words, and the reasons of a decision with what had the task compiled."""

from msgspec.structs import replace

from relspec.core.diff import Recompilation, explained, what_moved
from relspec.core.finding import NOTHING_FOUND
from relspec.core.plan import InferredDeps, PlanArtifact, Requirement
from relspec.core.reason import Reason, Rule
from relspec.core.schema import Column, Schema

MOVED = Reason(Rule.PLAN_MOVED, "its plan moved")
FILE = Reason(Rule.FILE_MOVED, "tasks/t.sql changed", path="tasks/t.sql")
TOOL = Reason(Rule.TOOL_MOVED, "another sqlglot")


def plan(name: str, fingerprint: str = "f", canonical: str = "c", **columns: str) -> PlanArtifact:
    schema = Schema(tuple(Column(n, t) for n, t in (columns or {"x": "INTEGER"}).items()))
    deps = InferredDeps((), ())
    return PlanArtifact(name, name, "select 1", canonical, (), schema, deps, (), (), None, fingerprint, NOTHING_FOUND)


def reading(**columns: str) -> PlanArtifact:
    need = Requirement("orders", tuple(Column(n, t) for n, t in columns.items()))
    return replace(plan("t"), deps=InferredDeps((need,), ()))


def test_what_moved_of_a_plan_is_said_in_words() -> None:
    old, new = plan("t", x="INTEGER", y="DATE", z="BIGINT"), plan("t", "g", "d", x="BIGINT", z="BIGINT", w="DATE")
    new = replace(new, deps=reading(x="INTEGER").deps)
    assert what_moved(old, new) == (
        "output column w added; output column y removed; output column x is BIGINT, was INTEGER; "
        "it reads orders now; the query changed"
    )


def test_reordered_columns_are_named_as_such() -> None:
    old, new = plan("t", x="INTEGER", y="DATE"), plan("t", "g", y="DATE", x="INTEGER")
    assert what_moved(old, new) == "output columns reordered"


def test_required_columns_that_come_go_or_change_are_named() -> None:
    old, new = reading(a="INTEGER", b="DATE", c="DATE"), reading(b="TIMESTAMP", c="DATE", d="DATE")
    assert what_moved(old, new) == (
        "it requires orders.d now; it no longer requires orders.a; orders.b is TIMESTAMP, was DATE"
    )


def test_the_causes_of_a_compilation_stand_behind_the_decision() -> None:
    found = explained((MOVED,), Recompilation((FILE,), plan("t")), plan("t", "g", "d"))
    assert found == (replace(MOVED, because="its plan moved: the query changed"), FILE)


def test_an_upgrade_alone_is_told_as_such() -> None:
    assert explained((MOVED,), Recompilation((TOOL,), plan("t")), plan("t", "g", "d")) == (TOOL,)
    assert explained((MOVED,), Recompilation((TOOL, FILE), plan("t")), plan("t", "g", "d"))[0].rule is Rule.PLAN_MOVED


def test_what_was_not_compiled_is_told_as_decided() -> None:
    assert explained((MOVED,), None, plan("t")) == (MOVED,)


def test_compiling_again_keeps_the_plan_of_before_and_all_causes() -> None:
    first = Recompilation((FILE,), plan("t"))
    assert first.then((TOOL, FILE)) == Recompilation((FILE, TOOL), plan("t"))


def test_the_clause_and_the_column_that_moved_are_named() -> None:
    old = replace(plan("t"), aspects=(("from", "f"), ("where", "w"), ("column:x", "x")))
    filtered = replace(plan("t", "g", "d"), aspects=(("from", "f"), ("where", "v"), ("column:x", "x")))
    assert what_moved(old, filtered) == "the filter changed"
    computed = replace(filtered, aspects=(("from", "f"), ("where", "w"), ("limit", "l"), ("column:x", "y")))
    assert what_moved(old, computed) == "the limit changed; output column x is computed otherwise"


def test_columns_are_not_blamed_where_sources_have_other_numbers() -> None:
    old = replace(plan("t"), aspects=(("from", "f"), ("column:x", "x")))
    joined = replace(plan("t", "g", "d"), aspects=(("from", "j"), ("column:x", "y")))
    assert what_moved(old, joined) == "what it reads or how that is joined changed"
