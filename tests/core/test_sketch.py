"""Two texts of one sketch give the same queries; whatever could make a difference makes another sketch, or none."""

import ast
import random

import pytest

from relspec.core.sketch import Sketch, sketch_of

_HEAD = "from ibis import _\nfrom relspec import task\n"
_TWO = _HEAD + '@task\ndef a(ctx):\n    return ctx.table("s")\n@task\ndef b(ctx):\n    return ctx.table("t")\n'
_SPACES = (" ", "    ", "\n", "\n\n", "\\\n", "\r", "\r\n", "\t", "\f", "\xa0", "\ufeff")
_PIECES = (*_SPACES, "# x\n", "#", "\0", "(", ")", ";", "@", "a")


def sketched(text: str) -> Sketch:
    found = sketch_of(text.encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "# A word, and open too.\n\n" + _TWO,
        _TWO.replace("\n@task", "\n\n\n@task"),
        _TWO.replace('ctx.table("s")', 'ctx.table(\n        "s"  # The first.\n    )'),
        _TWO.replace("    return", "  return"),
        _TWO.replace("\n", "\r\n"),
    ],
)
def test_comments_blank_lines_and_breaks_say_nothing(text: str) -> None:
    assert sketched(text).whole == sketched(_TWO).whole


@pytest.mark.parametrize(
    "text",
    [
        _TWO.replace('"s"', '"z"'),
        _TWO.replace('"s"', "'s'"),
        _TWO.replace("    return", '    """A text."""\n    return', 1),
        _TWO.replace('def a(ctx):\n    return ctx.table("s")', 'def a(ctx):\n    if 1:\n        return ctx.table("s")'),
        _TWO + "X = 1\n",
    ],
)
def test_every_token_counts_and_so_does_its_depth(text: str) -> None:
    assert sketched(text).whole != sketched(_TWO).whole


def test_texts_of_the_same_tokens_are_the_same_program() -> None:
    """Changes at random: whatever Python reads otherwise, or not at all, has another sketch, or none.

    Caught: ends of lines that are none for others, and zero bytes and tabs that keep a file from compiling.
    """
    draw, same = random.Random(7), 0
    for _ in range(4000):
        text = _TWO
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(_PIECES) + text[at + draw.randrange(2) :]
        found = sketch_of(text.encode())
        if found is not None and found.whole == sketched(_TWO).whole:
            same += 1
            assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(_TWO)), text
    assert same > 100


def test_what_is_no_program_is_sketched_or_not_and_raises_nothing() -> None:
    """An editor saves what is half written. Caught: a loop without `in`, and a decorator without a name."""
    draw, text = random.Random(7), _TWO + "X = 1\ndef f(x):\n    for c in [1]:\n        x += c\n    import a as b, c\n"
    words = ("@", "def", "(", ")", "[", "]", "=", ":", ";", "import", "from", "as", "for", "task", ".", ",", "'")
    for _ in range(4000):
        cut = text
        for _ in range(draw.randrange(1, 5)):
            at = draw.randrange(len(cut) + 1)
            cut = cut[:at] + draw.choice(("", *words)) + cut[at + draw.choice((0, 0, 1, 3, 20)) :]
        sketch_of(cut.encode())
    assert all(sketched(f"{line}\n").rest is None for line in ("@", "def", "for", "import", "from"))


def test_how_deep_a_line_stands_counts() -> None:
    within = "def f(x):\n    if x:\n        x = 1\n        x = 2\n    return x\n"
    after = "def f(x):\n    if x:\n        x = 1\n    x = 2\n    return x\n"
    assert sketched(within).whole != sketched(after).whole


def test_definitions_are_found_in_other_rows() -> None:
    before, after = sketched(_TWO), sketched("\n\n# Down.\n" + _TWO)
    assert (before.rows, after.rows) == ((3, 4, 6, 7), (6, 7, 9, 10))


@pytest.mark.parametrize(
    "line",
    [
        "X = open(__file__).read()",
        "X = __doc__",
        "import inspect",
        "from ibis.util import inspect",
        "def f():\n    return getattr(task, 'name')",
        "def f(g):\n    return g.__code__.co_firstlineno",
        "def f(g):\n    return '{0.__code__}'.format(g)",
        "def f(g):\n    return '{0.\\x5f\\x5fcode\\x5f\\x5f}'.format(g)",
        "def f(g):\n    return f'{open(g)}'",
        "def f(error):\n    return error.tb_lineno",
        "X = eval('1')",
        "# -*- coding: latin-1 -*-",
        "X = (1",
        "X = \uff56ars()",
        "X = $",
        "# Here.\rX = 1",
        "# A \0.",
        "if 1:\n\tX = 1",
    ],
)
def test_there_is_none_of_what_may_see_its_text(line: str) -> None:
    assert sketch_of(f"{line}\n{_TWO}".encode()) is None


@pytest.mark.parametrize(
    ("line", "imports"),
    [
        ("import datetime as day, math", set()),
        ("import ibis.expr.types as ir", set()),
        ("import numpy as np, lib", {"numpy", "lib"}),
        ("from .near import f", {""}),
        ("from shop.prices import f", {"shop.prices"}),
        ("import relspec.core", {"relspec.core"}),
        ("def f():\n    import late", {"late"}),
    ],
)
def test_imports_are_those_of_which_nothing_is_known(line: str, imports: set[str]) -> None:
    assert sketched(f"{line}\n{_TWO}").imports == imports


def test_a_body_moves_alone() -> None:
    before, after = sketched(_TWO), sketched(_TWO.replace('"s"', '"z"'))
    assert before.rest == after.rest is not None
    assert before.bodies["a"] != after.bodies["a"]
    assert before.bodies["b"] == after.bodies["b"]


@pytest.mark.parametrize(
    "text",
    [
        _TWO + "X = 1\n",
        _TWO.replace("@task\ndef b", '@task(name="c")\ndef b'),
        _TWO.replace("def b(ctx)", "def b(ctx, x=1)"),
        _TWO + "@task\ndef c(ctx):\n    return ctx.table('u')\n",
        _TWO + "def f(x):\n    return x\n",
    ],
)
def test_what_is_outside_of_bodies_is_the_rest(text: str) -> None:
    found = sketched(text)
    assert found.rest is not None
    assert found.rest != sketched(_TWO).rest


@pytest.mark.parametrize(
    "text",
    [
        # What can be changed by one body and read by the other.
        _TWO + "X = []\n",
        _TWO + "X = dict(a=1)\n",
        _TWO + "X = task\n",
        _TWO + "class X:\n    seen = 0\n",
        _TWO + "def f(x, seen=[]):\n    return x\n",
        _TWO + "def f(x, seen=list()):\n    return x\n",
        _TWO + "if True:\n    X = 1\n",
        _TWO + "X = 1; Y = []\n",
        _TWO + "from functools import cache\n@cache\ndef f():\n    return []\n",
        _TWO.replace("    return", "    global X\n    return", 1),
        _TWO.replace("    return", "    task.seen = 1\n    return", 1),
        _TWO.replace("    return", "    task.seen += 1\n    return", 1),
        _TWO.replace("    return", "    for task.seen in (1, 2): pass\n    return", 1),
        _TWO.replace("    return", "    ctx[0] = 1\n    return", 1),
        _TWO.replace("    return", "    del task\n    return", 1),
        _TWO.replace("    return", "    import late\n    return", 1),
        # A body that is used by others.
        _TWO.replace('ctx.table("t")', "a(ctx)"),
        _TWO.replace('ctx.table("t")', "ctx.table(f'{a(ctx)}')"),
        _TWO + "def f(ctx):\n    return a(ctx)\n",
        # A decorator that is another one.
        _TWO.replace("from relspec import task", "from lib import task"),
        _TWO.replace("from relspec import task\n", "from relspec import task\ndef task(f):\n    f(1)\n    return f\n"),
        _TWO + "from lib import *\n",
    ],
)
def test_there_is_no_rest_where_one_body_may_matter_to_another(text: str) -> None:
    assert sketched(text).rest is None


@pytest.mark.parametrize(
    "text",
    [
        _TWO.replace("@task\ndef a", "@task\n@task\ndef a"),
        _TWO.replace("@task\ndef a", "@ibis.udf\n@task\ndef a"),
        _TWO.replace('def a(ctx):\n    return ctx.table("s")', 'def a(ctx): return ctx.table("s")'),
    ],
)
def test_only_a_body_under_its_decorator_alone_is_apart(text: str) -> None:
    assert "a" not in sketched(text).bodies


def test_columns_and_keywords_may_be_named_like_tasks() -> None:
    assert sketched(_TWO.replace('ctx.table("t")', 'ctx.table("a").select(_.a, b=_.b)')).rest is not None
