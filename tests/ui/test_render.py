"""Golden texts: a literal document in, the literal lines out."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from relspec.core.layout import Layout
from relspec.ui.cli.output import page_for
from relspec.ui.render.build import build_lines, check_lines
from relspec.ui.render.graph import dot_lines, mermaid_lines
from relspec.ui.render.page import Page
from relspec.ui.render.plan import plan_lines
from relspec.ui.render.problems import problem_lines
from relspec.ui.render.rows import rows_lines
from relspec.ui.render.status import status_lines
from relspec.ui.render.task import explain_lines, why_lines
from relspec.ui.render.text import cells, clip, escape

SOURCES = {
    ("tasks/revenue.py", 7): "    return orders.amout\n",
    ("tasks/tabs.sql", 1): "\t\tselect wrong\n",
    ("tasks/wide.sql", 1): "select '日本' as x, wrong\n",
    ("tasks/long.sql", 1): "select " + "a, " * 100 + "wrong, " + "b, " * 100 + "\n",
}
PAPER = Page(width=80, colour=False, source=lambda path, line: SOURCES.get((path, line)))
SCREEN = Page(width=80, colour=True, source=lambda path, line: SOURCES.get((path, line)))


def problem(**changed: Any) -> dict[str, Any]:
    return {
        "code": "unknown-column",
        "task": "revenue",
        "path": "tasks/revenue.py",
        "line": 7,
        "column": 19,
        "message": "orders has no column 'amout'",
        "hint": "did you mean 'amount'?",
    } | changed


def shown(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def test_a_problem_shows_place_sentence_source_caret_and_hint() -> None:
    assert (
        shown(problem_lines([problem()], PAPER))
        == """\
tasks/revenue.py:7:19: error unknown-column: orders has no column 'amout'
    7 |     return orders.amout
      |                   ^
  hint: did you mean 'amount'?
"""
    )


def test_a_problem_without_a_place_names_its_task_or_nothing() -> None:
    nowhere = {"path": None, "line": None, "column": None, "hint": None}
    assert (
        shown(problem_lines([problem(**nowhere), problem(**nowhere, task=None)], PAPER))
        == """\
task revenue: error unknown-column: orders has no column 'amout'
error unknown-column: orders has no column 'amout'
"""
    )


def test_a_message_of_several_lines_is_indented_and_a_missing_source_is_left_out() -> None:
    gone = problem(path="tasks/gone.sql", column=None, message="first\nsecond", hint="one\ntwo")
    assert (
        shown(problem_lines([gone], PAPER))
        == """\
tasks/gone.sql:7: error unknown-column: first
  second
  hint: one
        two
"""
    )


@pytest.mark.parametrize(("path", "column"), [("tasks/tabs.sql", 10), ("tasks/wide.sql", 19), ("tasks/long.sql", 308)])
def test_the_caret_stands_under_the_column_behind_tabs_wide_letters_and_cuts(path: str, column: int) -> None:
    _, source, caret, _ = problem_lines([problem(path=path, line=1, column=column)], PAPER)
    at = caret.index("^")
    before = next(text for n in range(len(source)) if cells(text := source[:n]) == at)
    assert source.removeprefix(before).startswith("wrong")
    assert cells(source) <= 80


def test_tabs_in_a_source_line_are_shown_as_spaces() -> None:
    _, source, caret, _ = problem_lines([problem(path="tasks/tabs.sql", line=1, column=3)], PAPER)
    assert (source, caret) == ("    1 |         select wrong", "      |         ^")


def test_colours_are_around_our_words_only() -> None:
    assert problem_lines([problem(line=None, column=None, hint=None)], SCREEN) == [
        "\x1b[1mtasks/revenue.py: \x1b[0m\x1b[31merror\x1b[0m unknown-column: orders has no column 'amout'"
    ]


BUILD: dict[str, Any] = {
    "ok": False,
    "revision": 8,
    "run": 12,
    "ms": 34.4,
    "recompiled": ["daily", "top"],
    "executed": ["daily"],
    "restored": ["weekly"],
    "cut_off": ["report", "export"],
    "blocked": ["top"],
    "failed": ["bad"],
    "problems": [problem()],
}


def test_a_build_shows_what_became_of_each_task_and_sums_up() -> None:
    facts = [{"task": "daily", "action": "executed", "ms": 5.2, "because": "its query changed"}]
    assert (
        shown(build_lines(BUILD | {"problems": [], "tasks": facts}, PAPER))
        == """\
failed    bad
blocked   top
executed  daily  5 ms  its query changed
restored  weekly
not ok: 1 restored, 1 executed, 1 blocked, 1 failed, 2 cut off at revision 8 in 34 ms
"""
    )


def test_a_build_shows_problems_first() -> None:
    lines = build_lines(BUILD, PAPER)
    assert lines[:4] == problem_lines([problem()], PAPER)
    assert lines[-1].endswith("2 cut off, 1 problem at revision 8 in 34 ms")


def test_a_build_that_had_nothing_to_do_says_so() -> None:
    nothing = {key: [] for key in ("recompiled", "executed", "restored", "cut_off", "blocked", "failed", "problems")}
    assert build_lines(BUILD | nothing | {"ok": True}, PAPER) == ["ok: nothing to do at revision 8 in 34 ms"]


def test_a_check_says_that_all_is_well_or_shows_problems() -> None:
    assert check_lines({"problems": []}, PAPER) == ["ok: no problems"]
    assert check_lines({"problems": [problem()]}, PAPER)[-1] == "1 problem"


def test_warnings_stand_below_and_do_not_make_it_wrong() -> None:
    warning = problem(code="float-sum", message="SUM() sums floats", hint=None)
    shown_as = problem_lines([warning], PAPER)
    below = [shown_as[0].replace("error", "warning"), *shown_as[1:]]
    assert check_lines({"problems": [], "warnings": [warning]}, PAPER) == [*below, "ok: no problems, 1 warning"]
    lines = build_lines(BUILD | {"ok": True, "problems": [], "warnings": [warning]}, PAPER)
    assert lines[4:-1] == below
    assert lines[-1].endswith("2 cut off, 1 warning at revision 8 in 34 ms")
    assert status_lines(STATUS | {"warnings": [warning]}, PAPER)[-4:-1] == below
    assert explain_lines(EXPLAIN | {"warnings": [warning]}, PAPER)[-3:] == below


def status_task(name: str, state: str, **changed: Any) -> dict[str, Any]:
    return {
        "name": name,
        "output": name,
        "kind": "materialization",
        "state": state,
        "rows": 1234567,
        "fingerprint": "f",
        "executed_at": "2026-11-02T10:00:00.125+00:00",
        "ms": 3.2,
        "reason": "why it ran last",
    } | changed


STATUS: dict[str, Any] = {
    "daemon": {"running": True, "pid": 42},
    "revision": 9,
    "tasks": [
        status_task("daily", "fresh"),
        status_task("top", "blocked", output="top_days", rows=None, ms=None, executed_at=None, reason="no daily.x"),
    ],
    "problems": [],
}


def test_status_is_an_aligned_table_and_a_sum() -> None:
    assert (
        shown(status_lines(STATUS, PAPER))
        == """\
TASK             STATE         ROWS  TIME  EXECUTED (UTC)       REASON
daily            fresh    1,234,567  3 ms  2026-11-02 10:00:00
top -> top_days  blocked          -     -  -                    no daily.x
1 fresh, 1 blocked; revision 9; daemon runs (pid 42)
"""
    )


def test_the_status_of_an_empty_project_is_one_line() -> None:
    empty = {"daemon": {"running": False, "pid": None}, "revision": None, "tasks": [], "problems": []}
    assert status_lines(empty, PAPER) == ["no tasks; nothing built yet; no daemon"]


PLAN: dict[str, Any] = {
    "execute": [{"task": "daily", "reason": "its query changed"}],
    "may_execute": [{"task": "top", "reason": "reads daily.revenue"}],
    "restore": ["weekly"],
    "cut_off": [],
    "blocked": [],
    "problems": [],
}


def test_a_plan_groups_tasks_with_their_reasons() -> None:
    assert (
        shown(plan_lines(PLAN, PAPER))
        == """\
would execute:
  daily  its query changed
may execute, depending on what those above give:
  top  reads daily.revenue
would restore:
  weekly
"""
    )


def test_an_empty_plan_says_so() -> None:
    assert plan_lines({key: [] for key in PLAN}, PAPER) == ["nothing to do"]


def link(kind: str, name: str) -> dict[str, str]:
    return {"kind": kind, "name": name}


def test_why_shows_the_rules_and_the_chain_step_by_step() -> None:
    document = {
        "task": "top",
        "state": "fresh",
        "action": "executed",
        "run": 12,
        "at": 1_793_613_600.25,
        "reasons": [
            {"rule": "input-data", "because": "daily.revenue moved", "upstream": "daily", "columns": ["revenue"]},
            {"rule": "other", "because": "b", "upstream": None, "columns": []},
        ],
        "chain": [
            {
                "kind": "file",
                "name": "data/orders.csv",
                "action": "modified",
                "because": "",
                "to": link("dataset", "orders"),
            },
            {
                "kind": "dataset",
                "name": "orders",
                "columns": ["day"],
                "because": "its rows moved",
                "to": link("task", "top"),
            },
            {"kind": "file", "name": "tasks/top.sql", "action": "changed", "because": "", "to": link("task", "top")},
            {"kind": "task", "name": "top", "action": "executed", "because": "", "to": None},
        ],
        "made": None,
        "since": {"run": 13, "changes": ["tasks/b.sql"], "because": "nothing of it is above top"},
    }
    assert (
        shown(why_lines(document, PAPER))
        == """\
top is fresh: it executed in run 12 at 2026-11-02 10:00:00+00:00
  input-data: daily.revenue moved
    from daily (revenue)
  other: b
  file data/orders.csv: modified
     └─ dataset orders (day): its rows moved
  file tasks/top.sql: changed
        └─ task top
run 13 left it alone: nothing of it is above top
"""
    )


def test_why_of_what_was_cut_off_tells_what_made_its_table_too() -> None:
    decision = {"at": None, "reasons": [], "chain": [], "since": None}
    made = decision | {"action": "executed", "run": 3}
    document = decision | {"task": "top", "state": "fresh", "action": "cut_off", "run": 5, "made": made}
    assert why_lines(document, PAPER) == [
        "top is fresh: it was cut off in run 5",
        "what is there is of before: it executed in run 3",
    ]


def test_why_of_a_task_that_never_ran() -> None:
    never = {"task": "a", "state": "stale", "action": "never", "run": None, "at": None, "reasons": [], "chain": []}
    never |= {"made": None, "since": None}
    assert why_lines(never, PAPER) == ["a is stale: it has never run"]


def test_explain_shows_inputs_columns_with_lineage_and_sql() -> None:
    document = {
        "task": "top",
        "output": "top_days",
        "kind": "view",
        "sql": "select day,\n\tn from daily\n",
        "inputs": {"daily": {"day": "DATE", "revenue": "DECIMAL(38,2)"}, "other": {}},
        "schema": {"day": "DATE", "n": "BIGINT"},
        "lineage": {"day": [["daily", "day"]], "n": []},
        "fingerprint": "abc",
    }
    assert (
        shown(explain_lines(document, PAPER))
        == """\
top -> top_days (view)
fingerprint abc

inputs
  daily
    day      DATE
    revenue  DECIMAL(38,2)
  other
    (only the number of rows)

columns
  day  DATE    <- daily.day
  n    BIGINT

sql
  select day,
      n from daily
"""
    )


def test_explain_of_a_task_that_does_not_compile_says_why() -> None:
    document = {
        "task": "a",
        "output": "a",
        "kind": "view",
        "sql": None,
        "problems": [problem(line=None, column=None, hint=None)],
    }
    assert explain_lines(document, PAPER) == [
        "a -> a (view)",
        "not compiled",
        "tasks/revenue.py: error unknown-column: orders has no column 'amout'",
    ]


def test_explain_names_views_that_were_read_through_and_says_where_lineage_is_coarse() -> None:
    document = EXPLAIN | {"views": {"v": {"x": "T"}}, "coarse": "pivot"}
    lines = explain_lines(document, PAPER)
    assert "reads whole tables: pivot" in lines
    assert lines[lines.index("through views") :][:3] == ["through views", "  v", "    x  T"]


ROWS: dict[str, Any] = {
    "output": "daily",
    "columns": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "BIGINT"}, {"name": "ok", "type": "BOOLEAN"}],
    "rows": [["2026-01-01", 5, True], [None, 1234, None]],
    "n_rows": 90,
}


def test_rows_are_aligned_with_types_and_counted() -> None:
    assert (
        shown(rows_lines(ROWS, PAPER))
        == """\
day              n  ok
DATE        BIGINT  BOOLEAN
2026-01-01       5  true
NULL          1234  NULL
(2 of 90 rows)
"""
    )


def test_rows_are_cut_to_the_width_of_the_page() -> None:
    narrow = Page(width=20, colour=False, source=PAPER.source)
    lines = rows_lines(ROWS | {"rows": [["x" * 100, 1, True]]}, narrow)
    assert lines[2] == "x" * 19 + "…"
    assert lines[-1] == "(1 of 90 rows, 1 of 3 columns)"
    assert max(map(cells, lines[:-1])) == 20


def test_no_columns_and_no_rows_are_shown_without_a_fault() -> None:
    assert rows_lines(ROWS | {"rows": []}, PAPER)[-1] == "(0 of 90 rows)"
    assert rows_lines(ROWS | {"columns": [], "rows": [], "n_rows": 0}, PAPER) == ["(0 of 0 rows)"]


def graph(name: str = "orders") -> dict[str, Any]:
    return {
        "nodes": [
            {"id": "evidence:orders", "kind": "evidence", "name": name},
            {"id": "task:daily", "kind": "task", "name": "daily"},
            {"id": "evidence:daily", "kind": "evidence", "name": "daily"},
        ],
        "edges": [
            {
                "source": "evidence:orders",
                "target": "task:daily",
                "kind": "requires",
                "columns": dict.fromkeys("abcdef", "BIGINT"),
                "metadata": {},
            },
            {"source": "task:daily", "target": "evidence:daily", "kind": "produces", "columns": {}, "metadata": {}},
        ],
    }


def test_the_graph_as_mermaid() -> None:
    assert (
        shown(mermaid_lines(graph()))
        == """\
flowchart LR
  n0[("orders")]
  n1["daily"]
  n2[("daily")]
  n0 -->|"a, b, c, d, and 2 more"| n1
  n1 --> n2
"""
    )


def test_the_graph_as_dot() -> None:
    assert (
        shown(dot_lines(graph()))
        == """\
digraph tasks {
  rankdir=LR;
  n0 [label="orders", shape=cylinder];
  n1 [label="daily", shape=box];
  n2 [label="daily", shape=cylinder];
  n0 -> n1 [label="a, b, c, d, and 2 more"];
  n1 -> n2;
}
"""
    )


def in_cone(document: dict[str, Any]) -> dict[str, Any]:
    """The same graph, with the cone of its only task marked."""
    nodes = [node | {"in_cone": node["id"] != "evidence:orders"} for node in document["nodes"]]
    return document | {"nodes": nodes}


def test_a_cone_is_filled_in_mermaid() -> None:
    assert (
        shown(mermaid_lines(in_cone(graph())))
        == """\
flowchart LR
  n0[("orders")]
  n1["daily"]
  n2[("daily")]
  n0 -->|"a, b, c, d, and 2 more"| n1
  n1 --> n2
  classDef cone fill:#ffe3a3,stroke:#b26a00,color:#222222
  class n1,n2 cone
"""
    )


def test_a_cone_is_filled_in_dot() -> None:
    assert (
        shown(dot_lines(in_cone(graph())))
        == """\
digraph tasks {
  rankdir=LR;
  n0 [label="orders", shape=cylinder];
  n1 [label="daily", shape=box, style=filled, fillcolor="#ffe3a3", color="#b26a00", fontcolor="#222222"];
  n2 [label="daily", shape=cylinder, style=filled, fillcolor="#ffe3a3", color="#b26a00", fontcolor="#222222"];
  n0 -> n1 [label="a, b, c, d, and 2 more"];
  n1 -> n2;
}
"""
    )


def test_a_name_cannot_break_out_of_a_drawing() -> None:
    hostile = 'x"] click n0 "javascript:1" ;\n\\'
    assert mermaid_lines(graph(hostile))[1] == ('  n0[("x#34;#93; click n0 #34;javascript#58;1#34; #59;#92;n#92;")]')
    assert dot_lines(graph(hostile))[2] == (
        '  n0 [label="x\\"] click n0 \\"javascript:1\\" ;\\\\n\\\\", shape=cylinder];'
    )


HOSTILE = "a\x1b]0;owned\x07\u202eb\r\nc\x9b\ud800"


def test_what_is_not_printable_is_shown_escaped() -> None:
    assert escape(HOSTILE) == "a\\x1b]0;owned\\x07\\u202eb\\r\\nc\\x9b\\ud800"
    assert escape("Größe 日本") == "Größe 日本"


def poisoned(value: Any) -> Any:
    """Put the hostile text into every name and text of a document, except where a word of ours decides."""
    if isinstance(value, dict):
        kept = ("state", "action", "kind", "executed_at")
        return {k: v if k in kept else poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(inner) for inner in value]
    return HOSTILE + value if isinstance(value, str) else value


WHY = {
    "task": "t",
    "state": "fresh",
    "action": "executed",
    "run": 1,
    "at": "10:00",
    "reasons": [{"rule": "r", "because": "b", "upstream": "u", "columns": ["c"]}],
    "chain": [{"kind": "file", "name": "x", "action": "changed", "because": "y", "to": None}],
    "made": None,
    "since": {"run": 2, "changes": ["x"], "because": "z"},
}
EXPLAIN = {
    "task": "t",
    "output": "o",
    "kind": "view",
    "sql": "select",
    "inputs": {HOSTILE: {HOSTILE: "T"}},
    "schema": {HOSTILE: "T"},
    "lineage": {HOSTILE: [["d", "c"]]},
    "fingerprint": "f",
}


@pytest.mark.parametrize(
    ("render", "document"),
    [
        (build_lines, BUILD | {"tasks": [{"task": HOSTILE + "daily", "ms": 1, "because": "b"}]}),
        (status_lines, STATUS | {"problems": [problem()]}),
        (plan_lines, PLAN),
        (why_lines, WHY),
        (explain_lines, EXPLAIN),
        (rows_lines, ROWS),
    ],
)
def test_no_name_or_value_of_any_document_reaches_the_terminal_raw(render: Any, document: dict[str, Any]) -> None:
    page = Page(width=500, colour=False, source=lambda *_: HOSTILE)
    lines = render(poisoned(document), page)
    assert [line for line in lines if not line.isprintable()] == []
    assert any("\\x1b]0;owned" in line for line in lines)


def test_clipping_counts_cells_not_letters() -> None:
    assert (clip("日本語", 6), clip("日本語", 5), clip("abc", 2)) == ("日本語", "日本…", "a…")


def test_excerpts_come_from_files_of_the_project_and_never_wait_or_fail(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("one\ntwo\n")
    (tmp_path / "binary").write_bytes(b"x\0y\n")
    os.mkfifo(tmp_path / "pipe")
    source = page_for(sys.stdout, layout.root).source
    assert source("a.sql", 2) == "two\n"
    assert [source(p, 1) for p in ("binary", "pipe", "missing", "tasks", "a\0b")] == [None] * 5
