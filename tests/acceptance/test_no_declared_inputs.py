"""What a task reads can be declared nowhere: whoever tries is told that it is inferred, or that there is no such thing.

Caught when planted: a decorator that drops options it does not know, `inputs` among the options of a task, a request
and a table of `watch.toml` that may hold anything, a builder whose parameters are taken for tables, and a list of
inputs in TaskSpec.
"""

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.acceptance.conftest import together
from tests.scenarios.harness import Children, build, write

from relspec import Project, authoring
from relspec.app.answers import check_arguments
from relspec.app.workspace import open_workspace
from relspec.core import declaration, spec
from relspec.core.errors import ConfigError
from relspec.core.layout import Layout
from relspec.edges.config import settings_of
from relspec.ui.cli.arguments import COMMANDS, UsageError, parse

#: How other tools call it, and some more.
WORDS = (
    *("inputs", "input", "deps", "depends_on", "dependencies", "requires"),
    *("sources", "reads", "upstream", "after", "refs", "parents"),
)
#: These are common enough for a sentence of their own.
KNOWN = WORDS[:6]
INFERRED = r"is not an option: what a task reads is inferred from its query, down to the column"

PYTHON = "from relspec import extract, task\n\n"
BODY = 'def {name}(ctx):\n    return ctx.table("orders").select("id")\n'
SQL = "select id from orders\n"
ORDERS = {"data/orders.parquet": "select 1 as id"}


def _python(name: str, decorator: str) -> str:
    return PYTHON + decorator + "\n" + BODY.format(name=name)


#: Each way to try it: a file with its text, and what is said of it.
TRIES: dict[str, tuple[str, str]] = {
    **{f"tasks/python_{w}.py": (_python(w, f'@task({w}=["orders"])'), INFERRED) for w in KNOWN},
    **{f"tasks/python_{w}.py": (_python(w, f'@task({w}=["orders"])'), "no option") for w in WORDS[6:]},
    **{f"tasks/sql_{w}.sql": (f"-- relspec: {w}=orders\n{SQL}", INFERRED) for w in KNOWN},
    **{f"tasks/sql_{w}.sql": (f"-- relspec: {w}=orders\n{SQL}", "no option") for w in WORDS[6:]},
    "tasks/listed.py": (_python("listed", '@task(["orders"])'), "options are given by name"),
    "tasks/taken.py": (PYTHON + "@task\ndef taken(ctx, orders):\n    return orders\n", "called with one argument"),
    "tasks/named.py": (PYTHON + "@task\ndef named(ctx, *, orders):\n    return orders\n", "called with one argument"),
    "tasks/late.sql": (f"{SQL}-- relspec: inputs=orders\n", "below the start of the query"),
    "tasks/lines.py": (
        PYTHON + '@extract(files="logs/*.log", inputs=["orders"])\ndef lines(file):\n    return {}\n',
        "an extractor has no option 'inputs'",
    ),
}
#: The task file of an installed package.
OFFERED = ("offered_tasks.py", _python("offered", '@task(inputs=["orders"])'))


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def tried(tmp_path_factory: pytest.TempPathFactory, children: Children) -> AsyncIterator[dict[str, Any]]:
    """One build of a project with all of it; its problems by file, and the edges and tasks that came of it."""
    root, site = tmp_path_factory.mktemp("tried"), tmp_path_factory.mktemp("site")
    write(root, {path: text for path, (text, _) in TRIES.items()} | ORDERS)
    (site / OFFERED[0]).write_text(OFFERED[1])
    info = site / "offered-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{OFFERED[0]},,\n")
    (info / "entry_points.txt").write_text("[relspec.tasks]\norders = offered_tasks [orders]\n")
    with children.lent(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "path", [*sys.path, str(site)])
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            document = await build(workspace)
            world = workspace.world
            problems = {str(problem["path"]): problem for problem in document["problems"]}
            yield {"problems": problems, "edges": world.graph.edges(), "tasks": world.catalog.by_name}


@together
@pytest.mark.parametrize("path", [*TRIES, OFFERED[0]])
async def test_who_declares_inputs_is_told_that_there_is_no_such_thing(tried: dict[str, Any], path: str) -> None:
    (problem,) = [p for place, p in tried["problems"].items() if Path(place).name == Path(path).name]
    assert re.search(TRIES[path][1] if path in TRIES else INFERRED, problem["message"]), problem


@together
async def test_nothing_of_it_becomes_a_task_or_an_edge(tried: dict[str, Any]) -> None:
    assert len(tried["problems"]) == len(TRIES) + 1
    assert (dict(tried["tasks"]), tried["edges"]) == ({}, ())


@pytest.mark.parametrize(
    "text",
    [
        'inputs = ["orders"]',
        '[inputs]\ndaily = ["orders"]',
        '[tasks.daily]\ninputs = ["orders"]',
        '[[tasks]]\nname = "daily"\ninputs = ["orders"]',
        '[sources.orders]\nfiles = "data/orders.csv"\nreaders = ["daily"]',
        '[extractors.lines]\nfiles = "logs/*.log"\ninputs = ["orders"]',
        '[limits]\ndepends_on = ["orders"]',
    ],
)
def test_the_settings_have_no_place_for_inputs(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"watch\.toml:\d+: "):
        settings_of(Layout(tmp_path), text.encode())


def _options(command: str) -> set[str]:
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f"relspec.ui.cli.{COMMANDS[command][0]}").arguments(parser)
    return {action.dest for action in parser._actions}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_takes_inputs(command: str) -> None:
    assert _options(command).isdisjoint(WORDS)
    for word in WORDS:
        with pytest.raises(UsageError):
            parse([command, f"--{word.replace('_', '-')}", "orders"])
        with pytest.raises(ConfigError, match="no argument"):
            check_arguments({word: ["orders"]})


def test_the_python_api_takes_no_inputs() -> None:
    methods = [getattr(Project, name) for name in dir(Project) if not name.startswith("_")]
    taken = {name for method in methods for name in inspect.signature(method).parameters}
    assert taken == {"self", "directory", "tasks", "again", "sync", "name"}


#: Every field of every value that says what is declared of a task. None of them holds the name of a dataset that it
#: reads: `by_output` and `output` are what it makes.
DECLARED = {
    "Builder": ("language", "path", "function"),
    "Declaration": ("role", "function", "options"),
    "Fault": ("option", "message", "hint"),
    "TaskCatalog": ("by_name", "by_output", "problems"),
    "TaskSpec": ("name", "output", "kind", "cache_policy", "priority", "builder", "line", "allow"),
}


def test_what_is_declared_has_no_field_for_inputs() -> None:
    found = {
        name: value.__match_args__
        for module in (authoring, declaration, spec)
        for name, value in vars(module).items()
        if isinstance(value, type) and hasattr(value, "__match_args__") and value.__module__ == module.__name__
    }
    assert found == DECLARED
    assert declaration.OPTIONS == ("name", "output", "kind", "cache_policy", "priority", "allow")
