"""`export hamilton`: the text of a module, names that Python does not take, and where it is written.

Breaks that were tried and caught: a name of the module's own for a function, a query that is indented in the middle of
a text, an escape left out in either kind of literal, a module that is written over a file of the user's or into a
folder of tasks, a file left behind, and an import of Hamilton.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relspec.core.layout import Layout
from relspec.ui.cli import main
from relspec.ui.render.hamilton import MARK, module_text, names_of

Capture = pytest.CaptureFixture[str]


def plan(dataset: str, sql: str, **more: Any) -> dict[str, Any]:
    """What the daemon tells of one task."""
    fixed = {"cache_policy": "persistent", "is_remembered": True, "fingerprint": f"f-{dataset}", "generation": 1}
    place = {"path": f"tasks/{dataset}.sql", "line": 1, "views": [], "udfs": [], "is_drawn": False}
    return {"task": dataset, "dataset": dataset, "kind": "materialization", "sql": sql, **fixed, **place, **more}


def exported(*plans: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The daemon's answer to `export`."""
    tables = {"orders": {"id": "BIGINT", "amount": "DECIMAL(18,2)"}} | {p["dataset"]: {"n": "BIGINT"} for p in plans}
    head = {"problems": [], "signature": "0123456789abcdef", "timezone": "UTC", "memory_mb": 2048, "folders": ["tasks"]}
    return {**head, "plans": list(plans), "tables": tables, "sources": {"orders": ["amount"]}, **more}


VIEW = plan(
    "large",
    '-- of note\nselect amount\nfrom "main"."orders"\nwhere amount > 100',
    kind="view",
    cache_policy="none",
    is_remembered=False,
    generation=0,
    reads={"orders": ["amount"]},
)
COUNT = plan(
    *("n_large", 'select double_1a2b3c4d(count(*)) as n from (select amount from "main"."orders") as large'),
    reads={"orders": ["amount"]},
    views=["large"],
    udfs=[{"name": "double_1a2b3c4d", "parameters": ["BIGINT"], "returns": "BIGINT", "path": "tasks/n_large.py"}],
    is_drawn=True,
)
MODULE = '''\
"""The tasks of a relspec project for Apache Hamilton: one function for each table.

Written by `relspec-watch export hamilton`: export it again instead of editing it. It needs
the extra `hamilton` of relspec-watch. This executes tasks over the sources as they are
now, and refuses where the project's plan is another one by now:

    from hamilton import driver
    import shop

    run = driver.Builder().with_modules(shop).build()
    tables = run.execute(["n_large"], inputs=shop.FLOW.inputs())
"""

from pathlib import Path

from hamilton.function_modifiers import cache, tag
from pyarrow import Table
from relspec.hamilton import Flow

FLOW = Flow(
    signature="0123456789abcdef",
    project=Path(__file__).parent / "..",
    timezone="UTC",
    memory_mb=2048,
    folders=["tasks"],
    tables={
        "orders": {"id": "BIGINT", "amount": "DECIMAL(18,2)"},
        "large": {"n": "BIGINT"},
        "n_large": {"n": "BIGINT"},
    },
    sources={"orders": ("orders", ["amount"])},
)


@tag(
    task="large",
    dataset="large",
    kind="view",
    cache_policy="none",
    fingerprint="f-large",
    generation="0",
    source="tasks/large.sql:1",
)
@cache(behavior="recompute")
def large(orders: Table) -> Table:
    return FLOW.query(
        """
        -- of note
        select amount
        from "main"."orders"
        where amount > 100
        """,
        reads={"orders": (orders, ["amount"])},
        gives="large",
    )


@tag(
    task="n_large",
    dataset="n_large",
    kind="materialization",
    cache_policy="persistent",
    fingerprint="f-n_large",
    generation="1",
    source="tasks/n_large.sql:1",
)
@cache(behavior="default")
def n_large(large: Table, orders: Table) -> Table:
    # large is a view: its query stands in this one.
    return FLOW.query(
        """
        select double_1a2b3c4d(count(*)) as n from (select amount from "main"."orders") as large
        """,
        reads={"orders": (orders, ["amount"])},
        gives="n_large",
        functions={"double_1a2b3c4d": ("tasks/n_large.py", ["BIGINT"], "BIGINT")},
        drawn_from="f-n_large",
    )
'''
PROBLEM = {"code": "sql", "task": "a", "path": "tasks/a.sql", "line": 2, "column": 1, "message": "no", "hint": None}


def queries(text: str) -> list[object]:
    """The first arguments of the calls of `FLOW.query`, as Python reads them."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    found = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "query"]
    return [ast.literal_eval(call.args[0]) for call in found]


def test_a_module_is_one_function_for_each_output_with_its_inputs_as_parameters() -> None:
    assert module_text(exported(VIEW, COUNT), "shop", "..") == MODULE


def test_the_command_writes_it_and_says_what_it_wrote(layout: Layout, serving: Any, capsys: Capture) -> None:
    (layout.root / "flows").mkdir()
    path = layout.root / "flows" / "shop.py"
    words = ["export", "hamilton", str(path), "--project", str(layout.root)]
    with serving({"export": (0, exported(VIEW, COUNT))}) as asked:
        assert main(words) == 0
        assert capsys.readouterr().out == f"wrote {path}: 2 functions over 1 source\n"
        assert main([*words, "--json"]) == 0
    assert asked == [("export", {})] * 2
    assert path.read_text() == MODULE
    document = json.loads(capsys.readouterr().out)
    assert document.pop("functions")[1] == {
        "name": "n_large",
        "inputs": ["large", "orders"],
        "task": "n_large",
        "dataset": "n_large",
        "kind": "materialization",
        "cache_policy": "persistent",
        "fingerprint": "f-n_large",
        "generation": 1,
    }
    assert document == {
        "path": str(path),
        "module": None,
        "signature": "0123456789abcdef",
        "sources": [{"name": "orders", "dataset": "orders"}],
        "problems": [],
    }


def test_a_dash_prints_it_for_a_file_in_the_root(layout: Layout, serving: Any, capsys: Capture) -> None:
    expected = MODULE.replace("shop", "flow").replace(' / ".."', "")
    words = ["export", "hamilton", "-", "--project", str(layout.root)]
    with serving({"export": (0, exported(VIEW, COUNT))}):
        assert main(words) == 0
        assert capsys.readouterr().out == expected
        assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["path"], document["module"]) == (None, expected)


def test_with_problems_nothing_is_written(layout: Layout, serving: Any, capsys: Capture) -> None:
    path = layout.root / "flow.py"
    broken = exported(signature=None, tables={}, sources={}, problems=[PROBLEM])
    with serving({"export": (1, broken)}):
        assert main(["export", "hamilton", str(path), "--project", str(layout.root)]) == 1
    assert capsys.readouterr().out == "tasks/a.sql:2:1: error sql: no\nnothing is written: 1 problem\n"
    assert not path.exists()


def test_what_cannot_be_written_is_an_error_with_the_place_and_a_next_step(
    layout: Layout, serving: Any, capsys: Capture
) -> None:
    (layout.root / "mine.py").write_text("# mine\n")
    (layout.root / "folder.py").mkdir()
    said = {
        "mine.py": "was not written by `relspec-watch export`; name another file, or move it away",
        "folder.py": "was not written by `relspec-watch export`; name another file, or move it away",
        "tasks/flow.py": "would be read as a file of tasks, because of its folder; name a file elsewhere",
        "nowhere/flow.py": "No such file or directory; name a file in a folder that you may write to",
    }
    with serving({"export": (0, exported(VIEW))}):
        for name, end in said.items():
            path = layout.root / name
            assert main(["export", "hamilton", str(path), "--project", str(layout.root)]) == 2
            message = capsys.readouterr().err.removeprefix("relspec-watch: error: ").strip()
            assert str(path) in message
            assert message.endswith(end)
    assert (layout.root / "mine.py").read_text() == "# mine\n"
    assert sorted(p.name for p in layout.root.iterdir() if p.suffix == ".py") == ["folder.py", "mine.py"]


def test_an_export_replaces_an_earlier_one_and_leaves_nothing_beside_it(layout: Layout, serving: Any) -> None:
    path = layout.root / "flow.py"
    words = ["export", "hamilton", str(path), "--project", str(layout.root)]
    with serving({"export": (0, exported(VIEW, COUNT))}):
        assert main(words) == 0
    with serving({"export": (0, exported(VIEW))}):
        assert main(words) == 0
    assert (MARK in path.read_text(), "n_large" in path.read_text()) == (True, False)
    assert [p.name for p in layout.root.iterdir() if "flow" in p.name] == ["flow.py"]


def test_it_is_written_without_hamilton_and_without_anything_heavy(layout: Layout, serving: Any) -> None:
    code = (
        "import sys; sys.modules['hamilton'] = None; from relspec.ui.cli import main\n"
        f"code = main(['export', 'hamilton', 'flow.py', '--project', {str(layout.root)!r}])\n"
        "heavy = ('ibis', 'duckdb', 'pyarrow', 'sqlglot', 'pandas', 'asyncio', 'rich')\n"
        "print(code, [m for m in heavy if m in sys.modules])"
    )
    with serving({"export": (0, exported(VIEW, COUNT))}):
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, cwd=layout.root, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("\n0 []\n")


def test_a_name_is_kept_where_it_can_be_and_else_has_a_rule() -> None:
    hostile = ["class", "2024 orders", "2024-orders", "_raw", "FLOW", "tag", "ﬁsh", "match", "größe", "dataset_class"]
    assert names_of(hostile) == {
        "dataset_class": "dataset_class",
        "größe": "größe",
        "match": "match",
        "2024 orders": "dataset_2024_orders",
        "2024-orders": "dataset_2024_orders_2",
        "flow": "dataset_FLOW",
        "_raw": "dataset__raw",
        "class": "dataset_class_2",
        "tag": "dataset_tag",
        "ﬁsh": "dataset__sh",
    }


QUERIES = [
    'select \'a"""b\' as "c"""""""',
    "select 'two\nlines' as x",
    "select E'\\'\\n' as x, '\\' as y",
    "select '--\n'' ' as x -- 'no text\n, 1 as y",
    "select $$a\nb$$ as x, $t$'$t$ as y",
    "select '\x1b\u202e\r\x00\ud800é\t' as x",
    'select 1 as "a\nb"',
    "select 1 as x /* \"\n' */\n, '' as y",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_comes_out_of_its_literal_as_it_was(sql: str) -> None:
    (found,) = queries(module_text(exported(plan("t", sql, reads={})), "flow", "."))
    assert isinstance(found, str)
    # Indentation in front of a line is white space in SQL; within a text or a name it would be another value.
    values_over_lines = [quoted for quoted in ("'two\nlines'", "'--\n'' '", "$$a\nb$$", '"a\nb"') if quoted in sql]
    assert [value for value in values_over_lines if value not in found] == []
    assert [line.strip(" ") for line in found.strip(" \n").split("\n")] == [line.strip(" ") for line in sql.split("\n")]


def test_hostile_texts_stay_in_their_literals(tmp_path: Path) -> None:
    evil = 'x"\'\\\n""")\nimport os\u202e'
    task = plan("t", "select 1", task=evil, path=evil, reads={evil: [evil]}, views=[evil], udfs=[])
    document = exported(task, tables={evil: {evil: evil}, "t": {}}, sources={evil: [evil]}, folders=[evil])
    text = module_text(document, evil, evil)
    tree = ast.parse(text)
    kinds = [ast.Expr, ast.ImportFrom, ast.ImportFrom, ast.ImportFrom, ast.ImportFrom, ast.Assign, ast.FunctionDef]
    assert [type(node) for node in tree.body] == kinds
    assert {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} >= {evil, f"{evil}:1"}
    assert "\u202e" not in text


def test_a_module_is_as_ruff_would_have_it(tmp_path: Path) -> None:
    wide = {f"a_rather_long_column_{number}": "DECIMAL(18,2)" for number in range(6)} | {'it\'s "it"': "VARCHAR"}
    plans = [VIEW, COUNT, *(plan(f"t{i}", sql, reads={"orders": list(wide)}) for i, sql in enumerate(QUERIES))]
    tables = {p["dataset"]: wide for p in plans} | {"orders": wide, "class": {}}
    text = module_text(exported(*plans, tables=tables, sources={"class": [], "orders": list(wide)}), "flow", ".")
    path = tmp_path / "flow.py"
    path.write_text(text)
    (tmp_path / "empty.py").write_text(module_text(exported(tables={}, sources={}), "empty", "."))
    ruff = [sys.executable, "-m", "ruff"]
    for words in (["check"], ["format", "--check"]):
        # Elsewhere than here, where our own package counts as first-party.
        run = [*ruff, *words, "--isolated", "."]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
