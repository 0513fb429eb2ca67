"""A small tree of Python source with every case that the tasks tell apart, and the graph that a build makes of it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from tests.scenarios.harness import build

from relspec.app.documents import Document
from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout

ROOT = Path(__file__).resolve().parents[2]

SOURCES = {
    "src/shop/__init__.py": b"from .pricing import price as price_of\nfrom . import pricing\n",
    "src/shop/pricing.py": b"""
import os.path
import numpy
from .gone import lost
from ... import too_far

RATE = 2

class Rule:
    def apply(self, x):
        return self.scaled(x)

    def scaled(self, x):
        return x * RATE

    @classmethod
    def made(cls):
        return [cls.made() for _ in ()]

class Half(Rule):
    def none(self):
        return self.scaled(1)

def price(x):
    return Half().apply(x)
""",
    "src/shop/till.py": b"""
import shop.pricing
import shop.pricing as p
from shop import price_of, pricing
from .pricing import Rule

class Own(Rule, p.Half): ...

def total(other):
    price_of(1)
    pricing.price(2)
    shop.pricing.price(3)
    p.price(4)
    print(5)
    shop.price_of(6)
    other.price(7)
    p.lost(8)

if RATE:
    def either(): ...
else:
    def either(): ...
either()
""",
    "src/shop/names.py": b"""
x = 0

def outer():
    x = 1
    y = 2

    class C:
        x = 3

        def method(self):
            return x, y

    def inner():
        nonlocal y
        y = x
        return [y + z for z in ()]

    return inner

def setter():
    global x, new
    x = new = 9
    return print

def implicit():
    return x
""",
    "src/shop/hidden.py": b"""
class _Box:
    def __secret(self): ...
    def shown(self): return self.__secret()
    alias = __secret
""",
    # A form feed is no end of a line, and a column counts bytes of UTF-8.
    "src/shop/bytes.py": "# \u00f6\x0c\u00e4\u00fc\r\ndef \u00f6(a):\n    \u00f6\u00f6()\n".encode(),
    "src/shop/broken.py": b"def (:\n",
}


@dataclass(frozen=True)
class Graph:
    """What the builds said of the tree with lines above it, and without; and its tables."""

    documents: list[Document]
    tables: duckdb.DuckDBPyConnection

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.tables.execute(query).fetchall()

    def texts(self, query: str) -> list[tuple[Any, ...]]:
        """Sorted rows with, in place of the node that comes first, its module and its text."""
        places = self.rows("""
            select node_id, module_fqn, path, bstart, bend
            from cpg_spans join cpg_nodes using (node_id) join modules using (file_id)
        """)
        texts = {node: (module, SOURCES[path][start:end].decode()) for node, module, path, start, end in places}
        return sorted((*texts[node], *rest) for node, *rest in self.rows(query))


@asynccontextmanager
async def graph_of(root: Path) -> AsyncIterator[Graph]:
    """Build the repository's tasks over the tree."""
    # Beside the tree, so that the tasks are not part of what they tell of.
    shutil.copytree(ROOT / "src/cpg", root / "cpg", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", root / "data")
    (root / "watch.toml").write_text((ROOT / "watch.toml").read_text().replace("src/cpg", "cpg"))
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        documents = []
        for above in (b"# Above.\n\n", b""):
            for path, content in SOURCES.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(above + content)
            documents.append(await build(workspace))
        with duckdb.connect(root / "state/relspec.duckdb", read_only=True) as tables:
            yield Graph(documents, tables)
