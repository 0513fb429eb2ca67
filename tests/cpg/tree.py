"""A small tree of Python source with every case that the tasks tell apart, and the graph of any files, made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from tests.by_hand import File, declared, extractor_of, importing_from, make_all

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
    """The tables that the repository's tasks make of some files."""

    tables: duckdb.DuckDBPyConnection
    files: Mapping[str, bytes]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.tables.execute(query).fetchall()

    def texts(self, query: str) -> list[tuple[Any, ...]]:
        """Sorted rows with, in place of the node that comes first, its module and its text."""
        places = self.rows("""
            select node_id, module_fqn, path, bstart, bend
            from cpg_spans join cpg_nodes using (node_id) join modules using (file_id)
        """)
        texts = {node: (module, self.files[path][start:end].decode()) for node, module, path, start, end in places}
        return sorted((*texts[node], *rest) for node, *rest in self.rows(query))


def graph_by_hand(files: Mapping[str, bytes], outputs: Sequence[str] = ()) -> Graph:
    """Run the extractor, and all tasks or those of `outputs` in this order, with plain DuckDB.

    That takes a fifth of what the tool takes, which compiles them first.
    """
    with importing_from(ROOT / "src/cpg"):
        _, extract = extractor_of(ROOT / "src/cpg/python_source.py")
        extracted = [extract(File(path, content)) for path, content in files.items()]
    connection = duckdb.connect(config={"threads": 1})
    for name in extracted[0]:
        rows = pa.concat_tables(tables[name] for tables in extracted)
        connection.register("rows", rows)
        connection.execute(f"create table {name} as from rows")
    for name in ("severity_rules", "ext_modules"):
        connection.execute(f"create table {name} as from '{ROOT}/data/{name}.csv'")
    if outputs:
        tasks = declared(ROOT / "src/cpg")
        for output in outputs:
            tasks[output](connection)
    else:
        make_all(connection, ROOT / "src/cpg")
    return Graph(connection, files)
