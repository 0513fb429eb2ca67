"""The page of promises names what is there, and says what the campaigns have measured."""

import ast
import json
from pathlib import Path

import pytest
from tests.promises.page import FIGURES, PAGE, page
from tests.promises.promises import PROMISES

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_promises_and_figures_make() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.promises"


def test_every_promise_has_its_number_and_something_that_shows_it() -> None:
    assert [p.number for p in PROMISES] == list(range(1, 20))
    assert all(p.tests for p in PROMISES)


@pytest.mark.parametrize("test", sorted({test for p in PROMISES for test in p.tests}))
def test_what_shows_a_promise_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert (ROOT / path).exists()
    if name:
        tree = ast.parse((ROOT / path).read_text())
        assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_command_can_be_run_and_figures_belong_to_one() -> None:
    commands = {command for p in PROMISES for command in p.commands}
    places = {ROOT / "tests" / command.split()[0].replace(".", "/") for command in commands}
    assert [p for p in places if not ((p / "__main__.py").exists() or p.with_suffix(".py").exists())] == []
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    assert figures.keys() <= commands
