"""Each peer gets the same SQL; an edit changes one file and takes back nothing."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bench.peers.rendering import Edited, Rendering, dbt, hamilton, sqlmesh
from tests.bench.project import Node, query

ROOT, JOIN = Node("m_00000", ()), Node("m_00001", ("m_00000",))
SOURCE = Path("/data/base.parquet")
PROJECT = Rendering((ROOT, JOIN), SOURCE, Edited({}, {}))
READS_SOURCE = query(ROOT, 0).replace("\nfrom base\n", "\nfrom read_parquet('/data/base.parquet')\n")


def test_every_peer_gets_the_sql_of_the_benchmark() -> None:
    """Seen to fail with the source left as `base`, and with a name in place of `ref`."""
    models = dbt(PROJECT, cores=2)
    assert models["models/m_00000.sql"] == READS_SOURCE
    assert models["models/m_00001.sql"] == query(JOIN, 0).replace("from m_00000", "from {{ ref('m_00000') }}")
    models = sqlmesh(PROJECT)
    assert models["models/m_00000.sql"] == "MODEL (name m_00000, kind FULL);\n\n" + READS_SOURCE
    assert models["models/m_00001.sql"] == "MODEL (name m_00001, kind FULL);\n\n" + query(JOIN, 0)


def test_a_function_of_hamilton_takes_what_its_sql_reads() -> None:
    """Seen to fail when a function took no arguments."""
    functions = [n for n in ast.parse(hamilton(PROJECT)["tables.py"]).body if isinstance(n, ast.FunctionDef)]
    assert [(f.name, [a.arg for a in f.args.args]) for f in functions] == [("m_00000", []), ("m_00001", ["m_00000"])]
    texts = [
        n.value for f in functions for n in ast.walk(f) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]
    assert [text.lstrip("\n") for text in texts] == [READS_SOURCE, query(JOIN, 0)]


@pytest.mark.parametrize("render", [lambda p: dbt(p, cores=2), sqlmesh, hamilton])
def test_an_edit_changes_one_file_and_keeps_earlier_edits(render: Callable[[Rendering], dict[str, str]]) -> None:
    """Seen to fail when `moved` forgot the other constants, and when it forgot the comments."""
    edited = Edited({}, {}).moved("m_00000", 5).remarked("m_00001", "why").moved("m_00001", 7)
    assert edited == Edited({"m_00000": 5, "m_00001": 7}, {"m_00001": "why"})
    before = render(Rendering((ROOT, JOIN), SOURCE, edited))
    after = render(Rendering((ROOT, JOIN), SOURCE, edited.remarked("m_00001", "because")))
    (changed,) = (place for place in before if before[place] != after[place])
    assert after[changed] == before[changed].replace("why", "because")
    assert "why" in before[changed]
    assert "+ 7" in before[changed]


def test_a_comment_is_no_part_of_the_sql() -> None:
    assert Rendering((JOIN,), SOURCE, Edited({}, {"m_00001": "why"})).sql(JOIN) == query(JOIN, 0)
