"""A small package is traced for real: every way of calling is seen, and an edge that nobody takes is.

Caught: named tuples that nobody seems to make, the text of a class that ends where a call does.
"""

import importlib

import pytest
from tests.by_hand import importing_from
from tests.cpg.traced import Graph, Judged, judge, told
from tests.cpg.tracing import Recorder
from tests.cpg.tree import graph_by_hand

FILES = {
    "src/traced_shop/__init__.py": b"from .calls import everything\n",
    "src/traced_shop/base.py": b"""
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

@dataclass
class Point:
    x: int

class Pair(NamedTuple):
    x: int

class Base:
    def __init__(self): self.value = self.step() or self.one()
    def step(self): return 0
    def one(self): return 1

class Sub(Base):
    def step(self): return None

@contextmanager
def opened():
    yield 1

@cache
def once(x): return x

def key(x): return -x

def swapped(x): return x
""",
    "src/traced_shop/calls.py": b"""
from . import base
from .base import (
    Base, Pair, Point, Sub, key,
    once, opened,
)

def numbers():
    yield 1
    yield 2

async def later():
    return await soon()

async def soon(): ...

def everything(given):
    Point(1), Pair(2), Sub(), Base()
    for n in numbers():
        key(n)
    with opened() as n: key(n)
    handed = opened()
    with handed: pass
    once(1)
    once(1)
    try:
        later().send(None)
    except StopIteration:
        pass
    base.swapped(3)
    given(4)
    Base.one(given)
    sorted([1, 2], key=key)

class Last:
    def never(self): return key(5)
""",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    root = tmp_path_factory.mktemp("traced").resolve()
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    with importing_from(root / "src"), Recorder(root / "src") as recorder:
        package = importlib.import_module("traced_shop")
        # Whoever reads the text cannot know.
        package.calls.base.swapped = abs
        package.everything(package.calls.key)
    return judge(Graph(graph_by_hand(FILES).tables, recorder.seen, "src/"))


def test_each_way_of_calling_is_seen(judged: Judged) -> None:
    assert judged.sites == {"imported_def": 8, "local_def": 3, "module_attr": 1, "self_method": 2}
    assert judged.right == {"imported_def": 8, "local_def": 3, "module_attr": 0, "self_method": 2}


def test_a_call_of_what_a_decorator_hides_tells_nothing(judged: Judged) -> None:
    assert judged.behind == {"imported_def": 1}


def test_an_edge_that_leads_elsewhere_than_the_call_is_seen(judged: Judged) -> None:
    found = [(reason, call.dotted, names) for found in judged.unseen.values() for reason, call, _, names in found]
    assert found == [("something else", "base.swapped", {"abs"})]


def test_what_is_called_without_an_edge_has_a_reason(judged: Judged) -> None:
    assert judged.missed == {
        "a name that holds a value": 1,
        "an attribute of a value": 1,
        "another than its edges lead to": 1,
    }


def test_the_figures_are_told_by_method(judged: Judged) -> None:
    imported, _, module, _, recall = told(judged)
    assert imported == (
        "imported_def: 8 calls executed, 100.0% reached one of their definitions, 100.0% of 8 edges taken, "
        "sure of 99.0%; 1 more behind decorators"
    )
    assert module.startswith("module_attr: 1 calls executed, 0.0% reached one of their definitions, ")
    assert recall.startswith("recall 75.0% of 12: missed ")
