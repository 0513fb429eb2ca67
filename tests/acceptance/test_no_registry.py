"""No registry of rules or declared tasks stands between files and what runs: a task is there while its file says so.

Caught when planted: a list of tasks in a module of the application that grows with each file, a daemon that imports
what collects declarations, a task that stays when its file is gone, and a catalog that only grows.
"""

import ast
import re

from tests.acceptance.code import callers, changed_globals, imported, reached, texts, tree
from tests.acceptance.conftest import together
from tests.scenarios.harness import build, write

from relspec.app.registry import TaskRegistry
from relspec.app.workspace import Workspace

DAEMON = "relspec/app/serving.py"
#: What runs files of the user's, and what collects their declarations.
USER_CODE = {"relspec/edges/loader/importing.py", "relspec/edges/loader/declared.py", "relspec/edges/loader/session.py"}
FILES = {
    "tasks/deep/newcomer.sql": "select id + 1 as id from orders\n",
    "tasks/pair.py": "from relspec import task\n\n@task\ndef first(ctx):\n    return ctx.table('newcomer')\n\n"
    "@task(output='other')\ndef second(ctx):\n    return ctx.table('first')\n",
}
CAME = {"newcomer", "first", "second"}


def test_declarations_are_collected_in_one_list_that_one_module_reads() -> None:
    """A function of a session's child, which ends with its build; what it hands over are values."""
    assert callers("declarations") == {"relspec/edges/loader/declared.py"}
    mentioned = [name for name, text in texts().items() if "authoring" in text or "from relspec import" in text]
    assert {name for name in mentioned if "relspec/authoring.py" in imported(name)} == {
        "relspec/__init__.py",
        "relspec/edges/loader/declared.py",
    }


def test_the_daemon_reaches_nothing_that_runs_or_collects_user_code() -> None:
    found = reached(DAEMON)
    assert {"relspec/app/build.py", "relspec/core/graph.py", "relspec/edges/loader/client.py"} <= found
    assert found & USER_CODE == set()
    assert reached("relspec/app/loader_process.py") >= USER_CODE


def test_the_list_of_declarations_is_all_that_a_module_keeps_and_changes() -> None:
    assert {name: found for name in texts() if (found := changed_globals(name))} == {
        "relspec/authoring.py": {"_declared"}
    }


def test_nothing_is_remembered_of_tasks_by_a_cached_function() -> None:
    """Those that are cached know patterns, columns, types, code files and versions, each by its own arguments."""
    functions = [(n, node) for n in texts() for node in tree(n).body if isinstance(node, ast.FunctionDef)]
    cached = {(n, f.name) for n, f in functions if any(re.search(r"cache\b", ast.unparse(d)) for d in f.decorator_list)}
    assert cached == {
        ("relspec/core/digest.py", "columns_digest"),
        ("relspec/core/globs.py", "_compiled"),
        ("relspec/core/types.py", "canonical_type"),
        ("relspec/core/types.py", "parse"),
        ("relspec/core/types.py", "stored_type"),
        ("relspec/edges/loader/instructions.py", "_instructions"),
        ("relspec/edges/loader/instructions.py", "file_digest"),
        ("relspec/edges/loader/types.py", "ibis_type"),
        ("relspec/edges/loader/versions.py", "package_version"),
    }


def test_specs_and_catalogs_are_made_where_files_are_read() -> None:
    assert callers("TaskSpec") == {"relspec/core/declaration.py"}
    assert callers("catalog_of") == {"relspec/app/world.py"}
    assert TaskRegistry.__struct_fields__ == ("folders", "installed")


@together
async def test_a_task_comes_with_its_file_and_goes_with_it(shop: Workspace) -> None:
    world, root = shop.world, shop.world.layout.root
    before, graph = set(world.catalog.by_name), world.graph.signature()
    write(root, dict(FILES))
    document = await build(shop)
    assert (set(document["executed"]), document["problems"]) == (CAME, [])
    assert set(world.catalog.by_name) == before | CAME
    assert world.graph.readers("other") == ()
    assert world.graph.readers("first") == ("second",)
    assert (world.layout.tables / "other.parquet").exists()
    write(root, dict.fromkeys(FILES))
    assert (await build(shop))["problems"] == []
    assert world.graph.signature() == graph
    assert not (world.layout.tables / "other.parquet").exists()
    for known in (world.catalog.by_name, world.plans, world.records, world.statuses):
        assert set(known) == before
    assert {"newcomer", "first", "other"}.isdisjoint({*world.outputs, *world.graph.datasets()})
