"""Real projects, built once: the example of `init`, the repository's own over a small tree, and one of odd needs."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.acceptance.bare import Case, Table
from tests.scenarios.harness import write

from relspec.app.world import World
from relspec.core.plan import PlanArtifact, Requirement
from relspec.core.query import references
from relspec.core.spec import Kind, Language
from relspec.edges.engine.sql import identifier, read_parquet
from relspec.edges.scaffold import create

ROOT = Path(__file__).resolve().parents[2]

#: The Python functions that queries of these projects call, in SQL: to register one in Python, DuckDB imports pandas,
#: which costs more than all the queries.
FUNCTIONS = {
    "last_letters": r"""(tailnum) AS CASE WHEN regexp_full_match(tailnum, 'N\d+[A-Z]*')
    THEN regexp_extract(tailnum, 'N\d+([A-Z]*)', 1) ELSE '?' END"""
}

#: A small source tree in which each table of the extractor has rows, and each way to lead a name somewhere is taken.
TREE = {
    "app/__init__.py": "from .core import plan\nfrom .core.plan import Plan as P\n",
    "app/core/__init__.py": "",
    "app/core/plan.py": '''"""Plans."""
import os.path
from json import dumps
from numpy import *

LIMIT = 3

class Plan:
    """One plan."""

    def run(self, n: int = LIMIT) -> str:
        """Run."""
        return self.step(n) + dumps(n)

    def step(self, n):
        # TODO: count
        total = n
        def more():
            nonlocal total
            global LIMIT
            total += 1
            return total
        return more()

class Longer(Plan):
    def run(self, n=1):
        return super().run(n)

def made():
    return Plan()
''',
    "app/ui/__init__.py": "",
    "app/ui/page.py": """from functools import cache
from .. import core
from ..core import plan
from ..core.plan import Longer, made
from . import missing
import app.core.plan as p

@cache
def show(*names, **options):
    def inner():
        return [len(name) for name in names]
    found = made()
    found.run(2)
    return plan.made(), p.made(), inner(), core, Longer()

def hide(): pass

async def wait():
    return show()
""",
    "app/broken.py": "def (:\n",
}

#: Requirements without columns: only the number of rows, only the metadata of a file, only whether there is a row.
ODD = {
    "data/orders.parquet": "select i as id, i * 10 as amount from range(3) t(i)\nwith kv_metadata {unit: 'cents'}",
    "data/rates.parquet": "select 1.5 as rate\nwith kv_metadata {bank: 'Oslo'}",
    "tasks/counted.sql": "select count(*) as n from orders",
    "tasks/paired.sql": "select o.id from orders as o cross join rates",
    "tasks/priced.py": """from relspec import task

@task
def priced(ctx):
    orders = ctx.table("orders")
    return orders.select(price=orders.amount / {"cents": 100}[ctx.metadata("orders")["unit"]])
""",
    "tasks/labelled.py": """import ibis
from relspec import task

@task
def labelled(ctx):
    ctx.table("rates")
    orders = ctx.table("orders")
    return orders.select("id", bank=ibis.literal(ctx.metadata("rates")["bank"]))
""",
}


def make_example(root: Path) -> None:
    """Write what `init` writes, with the flights of one week: each query is executed some fifteen times."""
    create(root)
    for path in sorted((root / "data/flights").iterdir())[1:]:
        path.unlink()


def make_own(root: Path) -> None:
    """Copy the repository's own project, and point its extractor at a small tree."""
    shutil.copytree(ROOT / "src/cpg", root / "src/cpg", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", root / "data")
    settings = (ROOT / "watch.toml").read_text()
    assert "[extractors]" not in settings
    (root / "watch.toml").write_text(f'{settings}\n[extractors]\npython_source = "tree/**/*.py"\n')
    write(root, {f"tree/{name}": text for name, text in TREE.items()})


def make_odd(root: Path) -> None:
    """Write the project of odd needs."""
    write(root, dict(ODD))


MAKERS: Mapping[str, Callable[[Path], None]] = {"example": make_example, "own": make_own, "odd": make_odd}


def cases_of(world: World) -> list[Case]:
    """Every task with its executable query, into which views are put, over the stored tables that it requires."""
    return [_case(world, plan, plan.sql, _stored_tables(world, plan.deps.inputs)) for _, plan in _plans(world)]


def texts_over_views(world: World) -> list[Case]:
    """Every SQL task that reads views with its own text, over these views as tables."""
    found = []
    for name, plan in _plans(world):
        builder = world.catalog.by_name[name].builder
        if plan.deps.views and builder.language is Language.SQL:
            text = (world.layout.root / builder.path).read_text()
            views = _views(world, plan.deps.views)
            named = references(text)
            assert isinstance(named, tuple)
            mentioned = {mention.name.lower() for mention in named}
            tables = _stored_tables(world, [n for n in plan.deps.inputs if n.dataset.lower() in mentioned])
            found.append(replace(_case(world, plan, text, tables | views), judged=frozenset(views)))
    return found


def _plans(world: World) -> Iterable[tuple[str, PlanArtifact]]:
    return sorted(world.plans.items())


def _case(world: World, plan: PlanArtifact, sql: str, tables: Mapping[str, Table]) -> Case:
    # In a query the name of a function ends with the hash of its code.
    macros = {udf.name: FUNCTIONS[udf.name.rpartition("_")[0]] for udf in plan.udfs}
    stored, columns = _rows_of(world, plan), plan.schema.columns
    return Case(plan.task, sql, tables, frozenset(tables), stored, columns, macros)


def _stored_tables(world: World, needs: Iterable[Requirement]) -> dict[str, Table]:
    datasets = [(need, world.dataset(need.dataset)) for need in needs]
    return {
        need.dataset: Table(read_parquet([p.path for p in d.parts]), d.schema.columns, _names(need))
        for need, d in datasets
        if d is not None
    }


def _views(world: World, needs: Iterable[Requirement]) -> dict[str, Table]:
    found = {}
    for need in needs:
        plan = world.view_plan(need.dataset)
        assert plan is not None
        found[need.dataset] = Table(_published(plan.output), plan.schema.columns, _names(need))
    return found


def _names(need: Requirement) -> frozenset[str]:
    return frozenset(column.name for column in need.columns)


def _rows_of(world: World, plan: PlanArtifact) -> str:
    if world.catalog.by_name[plan.task].kind is Kind.VIEW:
        return _published(plan.output)
    dataset = world.dataset(plan.output)
    assert dataset is not None
    return read_parquet([part.path for part in dataset.parts])


def _published(output: str) -> str:
    return f"published.main.{identifier(output)}"
