"""Loading: what a file declares, what it is made of, and what is wrong with it, by the bytes that are there now."""

import pytest

from relspec.core.digest import content_of
from relspec.core.layout import Layout
from relspec.core.plan import ABSENT, FileUse
from relspec.core.problem import Code
from relspec.core.schema import schema_of
from relspec.core.settings import Settings
from relspec.core.spec import Builder, CachePolicy, Kind, Language, TaskSpec
from relspec.edges.loader.client import ForkingLoader

pytestmark = pytest.mark.asyncio(loop_scope="module")

TASK = """
from relspec import task

@task
def revenue(ctx):
    return ctx.table("orders")
"""

LOUD = (
    """
import os, sys
print("hello from a task")
print("and an error", file=sys.stderr)
os.system("echo from a shell")
for _ in range(300):
    os.write(1, b"y" * 100_000)
"""
    + TASK
)

NAMED = """
from relspec import task

@task(name=helpers.N)
def f(ctx): ...
"""


def _paths(files: tuple[FileUse, ...]) -> list[str]:
    return [use.path for use in files]


def _contents(project, *paths: str) -> tuple[FileUse, ...]:
    return tuple(FileUse(path, content_of((project.root / path).read_bytes())) for path in paths)


async def test_a_task_is_declared_with_its_options_and_defaults(project) -> None:
    project.write(
        "tasks/revenue.py",
        """
        from relspec import task

        @task
        def revenue(ctx):
            return ctx.table("orders")

        @task(name="staging.top", output="top", kind="compute", cache_policy="persistent", priority=3)
        def first(ctx): ...

        @task(kind="view")
        def looks(): ...
        """,
    )
    loaded = await project.loaded("tasks/revenue.py")
    table, stored = Kind.MATERIALIZATION, CachePolicy.PERSISTENT
    path, python = "tasks/revenue.py", Language.PYTHON
    assert loaded.tasks == (
        TaskSpec("revenue", "revenue", table, stored, 0, Builder(python, path, "revenue"), 3),
        TaskSpec("staging.top", "top", Kind.COMPUTE, stored, 3, Builder(python, path, "first"), 7),
        TaskSpec("looks", "looks", Kind.VIEW, CachePolicy.NONE, 0, Builder(python, path, "looks"), 10),
    )
    assert (loaded.path, loaded.problems, loaded.extractors) == (path, (), ())
    assert loaded.files == _contents(project, path)


async def test_a_wrong_declaration_is_a_problem_of_that_task_alone(project) -> None:
    project.write(
        "tasks/mixed.py",
        """
        from relspec import task

        @task(inputs=["orders"])
        def declared(ctx): ...

        @task
        def good(ctx): ...

        @task(knid="view")
        def misspelled(ctx): ...

        @task
        def greedy(ctx, orders): ...

        @task
        async def later(ctx): ...
        """,
    )
    loaded = await project.loaded("tasks/mixed.py")
    assert [t.name for t in loaded.tasks] == ["good"]
    assert [(p.code, p.task, p.line) for p in loaded.problems] == [
        (Code.DECLARATION, "declared", 3),
        (Code.DECLARATION, "misspelled", 9),
        (Code.DECLARATION, "greedy", 12),
        (Code.DECLARATION, "later", 15),
    ]
    inferred, misspelled, greedy, later = loaded.problems
    assert "inferred" in inferred.message
    assert misspelled.hint == "did you mean 'kind'?"
    assert "(ctx, orders)" in greedy.message
    assert "coroutine" in later.message


async def test_an_imported_task_is_not_declared_twice(project) -> None:
    project.write("tasks/revenue.py", TASK)
    project.write("tasks/other.py", "from revenue import revenue\nfrom tasks.revenue import revenue as again\n")
    assert (await project.loaded("tasks/other.py")).tasks == ()


async def test_tasks_made_in_a_loop_are_declared_each(project) -> None:
    project.write(
        "tasks/many.py",
        """
        from relspec import task

        def make(country):
            @task(name=country, output=country)
            def of_country(ctx):
                return ctx.table(country)

        for country in ("fr", "de"):
            make(country)
        """,
    )
    assert [t.name for t in (await project.loaded("tasks/many.py")).tasks] == ["fr", "de"]
    assert '"de"' in (await project.built("tasks/many.py", 1, de=schema_of({"id": "BIGINT"}))).text


async def test_two_functions_of_one_name_are_both_declared(project) -> None:
    project.write("tasks/twice.py", "from relspec import task\n@task\ndef a(ctx): ...\n@task\ndef a(ctx): ...\n")
    assert [(t.name, t.line) for t in (await project.loaded("tasks/twice.py")).tasks] == [("a", 2), ("a", 4)]


async def test_a_decorator_on_the_wrong_thing_says_so_at_its_line(project) -> None:
    project.write("tasks/wrong.py", 'from relspec import task\n\n@task("revenue")\ndef revenue(ctx): ...\n')
    problem = (await project.failed("tasks/wrong.py")).problem
    assert (problem.line, "by name" in problem.message) == (3, True)


async def test_a_syntax_error_has_its_place_also_in_a_helper(project) -> None:
    project.write("tasks/helper.py", "x = 1\ny = (2 +\n")
    project.write("tasks/revenue.py", "import helper\n")
    failed = await project.failed("tasks/revenue.py")
    problem = failed.problem
    assert (problem.code, problem.path, problem.line, problem.column) == (Code.SYNTAX, "tasks/helper.py", 2, 5)
    assert failed.files == _contents(project, "tasks/revenue.py", "tasks/helper.py")


@pytest.mark.parametrize("data", [b"x = 1\0", b"# -*- coding: nonsense -*-\n", b"x = '\xff'\n"])
async def test_bytes_that_are_no_python_are_a_syntax_problem(project, data) -> None:
    project.write("tasks/revenue.py", data)
    failed = await project.failed("tasks/revenue.py")
    assert (failed.problem.code, failed.problem.path) == (Code.SYNTAX, "tasks/revenue.py")
    assert _paths(failed.files) == ["tasks/revenue.py"]


async def test_an_error_while_importing_is_shown_where_the_deepest_user_frame_is(project) -> None:
    project.write("tasks/helper.py", "import json\n\ndef parse():\n    return 'é', json.loads('{')\n")
    project.write("tasks/revenue.py", "import helper\nhelper.parse()\n")
    problem = (await project.failed("tasks/revenue.py")).problem
    assert (problem.code, problem.path, problem.line, problem.column) == (Code.LOAD, "tasks/helper.py", 4, 17)
    assert problem.message.startswith("JSONDecodeError: ")


async def test_a_missing_file_is_unreadable(project) -> None:
    failed = await project.failed("tasks/gone.py")
    assert (failed.problem.code, failed.problem.path) == (Code.UNREADABLE, "tasks/gone.py")


async def test_files_are_the_closure_of_imports(project) -> None:
    project.write("tasks/revenue.py", "from helpers import clean\nimport lib.deep.more\n")
    project.write("tasks/helpers.py", "import settings\ndef clean(): ...\n")
    project.write("settings.py", "LIMIT = 3\n")
    project.write("unrelated.py", "LIMIT = 4\n")
    project.write("lib/__init__.py", "")
    project.write("lib/deep/more.py", "from . import sibling\nfrom ..top import x\n")
    project.write("lib/deep/sibling.py", "")
    project.write("lib/top.py", "x = 1\n")
    loaded = await project.loaded("tasks/revenue.py")
    below = ["lib/__init__.py", "lib/deep/more.py", "lib/deep/sibling.py", "lib/top.py", "settings.py"]
    assert loaded.files == _contents(project, "tasks/revenue.py", *below, "tasks/helpers.py")


async def test_two_files_of_one_session_share_a_helper_and_both_count_it(project) -> None:
    project.write("tasks/a.py", "import helpers\n")
    project.write("tasks/b.py", "import importlib\nimportlib.import_module('helpers')\n")
    project.write("tasks/helpers.py", "import deeper\n")
    project.write("tasks/deeper.py", "")
    async with project.loader.session() as session:
        first, second = await session.load("tasks/a.py"), await session.load("tasks/b.py")
    assert _paths(first.files) == ["tasks/a.py", "tasks/deeper.py", "tasks/helpers.py"]
    assert _paths(second.files) == ["tasks/b.py", "tasks/deeper.py", "tasks/helpers.py"]


async def test_imports_name_what_a_new_file_could_be(project) -> None:
    project.write("tasks/helpers.py", "")
    project.write(
        "tasks/revenue.py",
        """
        import json, ibis
        from relspec import task
        import helpers
        from helpers import __name__
        try:
            import missing.part
        except ImportError:
            pass
        """,
    )
    assert (await project.loaded("tasks/revenue.py")).imports == (
        "helpers",
        "helpers.__name__",
        "missing",
        "missing.part",
    )


async def test_what_was_read_until_an_import_failed_is_told(project) -> None:
    project.write("tasks/helpers.py", "1 / 0\n")
    project.write("tasks/revenue.py", "import settled\nimport helpers\n")
    project.write("tasks/settled.py", "")
    failed = await project.failed("tasks/revenue.py")
    assert failed.files == _contents(project, "tasks/revenue.py", "tasks/helpers.py", "tasks/settled.py")
    assert failed.imports == ("helpers", "settled")


async def test_a_session_sees_one_version_of_each_file(project) -> None:
    project.write("tasks/helpers.py", "1 / 0\n")
    project.write("tasks/a.py", "import helpers\n")
    project.write("tasks/b.py", "import helpers\n")
    async with project.loader.session() as session:
        first = await session.load("tasks/a.py")
        project.write("tasks/helpers.py", "")
        second = await session.load("tasks/b.py")
    assert first.problem == second.problem
    assert first.files[1] == second.files[1]


async def test_what_other_decorators_make_of_a_task_is_what_builds(project) -> None:
    project.write(
        "tasks/wrapped.py",
        """
        import functools
        from relspec import task

        def limited(function):
            @functools.wraps(function)
            def wrapper(ctx):
                return function(ctx).limit(3)
            return wrapper

        @task
        @limited
        def on_top(ctx):
            return ctx.table("orders")

        @limited
        @task
        def below(ctx):
            return ctx.table("orders")

        @task
        @functools.cache
        def cached(ctx):
            return ctx.table("orders").limit(3)
        """,
    )
    loaded = await project.loaded("tasks/wrapped.py")
    assert [(t.name, t.line) for t in loaded.tasks] == [("on_top", 10), ("below", 15), ("cached", 20)]
    for number in range(3):
        assert "LIMIT 3" in (await project.built("tasks/wrapped.py", number)).text


async def test_the_seed_of_hashes_is_fixed(project) -> None:
    code = "import sys\nfrom relspec import task\n@task(name=f'seed{sys.flags.hash_randomization}')\ndef f(): ...\n"
    project.write("tasks/seed.py", code)
    assert [t.name for t in (await project.loaded("tasks/seed.py")).tasks] == ["seed0"]


async def test_a_module_that_is_not_there_is_a_problem_with_the_name_tried(project) -> None:
    project.write("tasks/revenue.py", "\nimport absent_module\n")
    failed = await project.failed("tasks/revenue.py")
    assert failed.imports == ("absent_module",)
    assert failed.problem.message == "ModuleNotFoundError: No module named 'absent_module'"
    assert "'absent_module'" in failed.problem.hint


async def test_data_files_read_while_loading_count_also_absent_ones(project) -> None:
    project.write("tasks/rates.json", '{"eur": 1}')
    project.write("tasks/out.txt", "before")
    project.write("state/secret", "")
    project.write(
        "tasks/revenue.py",
        """
        import pathlib
        here = pathlib.Path(__file__).parent
        rates = (here / "rates.json").read_text()
        (here / "out.txt").write_text("after")
        open("state/secret").close()
        try:
            open("tasks/optional.json")
        except FileNotFoundError:
            pass
        """,
    )
    files = (await project.loaded("tasks/revenue.py")).files
    assert files == (
        *_contents(project, "tasks/revenue.py"),
        FileUse("tasks/optional.json", ABSENT),
        *_contents(project, "tasks/rates.json"),
    )


async def test_quick_edits_of_the_same_size_are_never_stale(project) -> None:
    project.write("tasks/revenue.py", "import helpers" + NAMED)
    for round_ in range(20):
        project.write("tasks/helpers.py", f"N = 'round{round_:02}'\n")
        loaded = await project.loaded("tasks/revenue.py")
        assert [t.name for t in loaded.tasks] == [f"round{round_:02}"]
        assert loaded.files == _contents(project, "tasks/revenue.py", "tasks/helpers.py")
    assert list(project.root.rglob("*.pyc")) == []


async def test_a_compiled_file_of_another_time_is_not_used(project) -> None:
    import importlib._bootstrap_external as external  # noqa: PLC0415
    import importlib.util  # noqa: PLC0415

    project.write("tasks/helpers.py", "N = 'new'\n")
    file = project.root / "tasks/helpers.py"
    stat = file.stat()
    stale = external._code_to_timestamp_pyc(compile("N = 'old'", "x", "exec"), int(stat.st_mtime), stat.st_size)
    project.write(importlib.util.cache_from_source("tasks/helpers.py"), bytes(stale))
    project.write("tasks/revenue.py", "import helpers" + NAMED)
    assert [t.name for t in (await project.loaded("tasks/revenue.py")).tasks] == ["new"]


async def test_a_file_named_like_a_library_loads_and_breaks_nothing(project) -> None:
    for name in ("json", "ibis", "wave", "pandas", "duckdb"):
        project.write(f"tasks/{name}.py", TASK)
        assert [t.name for t in (await project.loaded(f"tasks/{name}.py")).tasks] == ["revenue"]
    project.write("tasks/user.py", "import wave\nassert wave.Wave_read\n")
    loaded = await project.loaded("tasks/user.py")
    assert _paths(loaded.files) == ["tasks/user.py"]
    # Whether or not its process has imported it yet.
    project.write("tasks/user.py", "import pandas\nassert pandas.DataFrame\n")
    loaded = await project.loaded("tasks/user.py")
    assert (_paths(loaded.files), loaded.imports) == (["tasks/user.py"], ())
    project.write("tasks/tasks.py", TASK)
    assert [t.name for t in (await project.loaded("tasks/tasks.py")).tasks] == ["revenue"]


async def test_a_file_whose_name_is_no_identifier_loads(project) -> None:
    project.write("tasks/2024-revenue.py", TASK)
    assert [t.name for t in (await project.loaded("tasks/2024-revenue.py")).tasks] == ["revenue"]


async def test_an_inner_package_may_import_from_the_one_around_it(project) -> None:
    project.write("tasks/shop/__init__.py", "from .prices import N\n")
    project.write("tasks/shop/rates.py", "N = 1\n")
    loaded = await project.loaded(project.write("tasks/shop/prices/__init__.py", "from ..rates import N\n"))
    inner, outer = "tasks/shop/prices/__init__.py", "tasks/shop/__init__.py"
    assert {use.path for use in loaded.files} == {inner, outer, "tasks/shop/rates.py"}


async def test_a_relative_import_beside_a_task_works(project) -> None:
    project.write("tasks/revenue.py", "from . import helpers" + NAMED)
    project.write("tasks/helpers.py", "N = 'relative'\n")
    loaded = await project.loaded("tasks/revenue.py")
    assert ([t.name for t in loaded.tasks], _paths(loaded.files)) == (
        ["relative"],
        ["tasks/revenue.py", "tasks/helpers.py"],
    )


async def test_a_file_from_outside_of_the_project_loads_by_its_path(project, tmp_path) -> None:
    file = tmp_path / "offered.py"
    file.write_text("from relspec import task\n@task\ndef offered(ctx): ...\n")
    loaded = await project.loaded(str(file))
    assert ([t.name for t in loaded.tasks], _paths(loaded.files)) == (["offered"], [str(file)])


async def test_prints_disturb_nothing_and_never_reach_standard_output(tmp_path, capfd, monkeypatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/loud.py").write_text(LOUD)
    async with ForkingLoader(Layout(tmp_path), Settings()) as loader, loader.session() as session:
        loaded = await session.load("tasks/loud.py")
    assert [t.name for t in loaded.tasks] == ["revenue"]
    out, error = capfd.readouterr()
    assert out == ""
    lines = error.splitlines()
    assert lines[:3] == ["[task code] hello from a task", "[task code] and an error", "[task code] from a shell"]
    assert "not shown" in lines[-1]
    assert len(error) < 100_000


async def test_inspection_shows_the_bytes_that_run(project) -> None:
    project.write(
        "tasks/revenue.py",
        """
        import inspect, pathlib
        from relspec import task
        def f():
            return "before"
        pathlib.Path(__file__).write_text("# gone\\n")
        @task(name=inspect.getsource(f).split('"')[1])
        def g(ctx): ...
        """,
    )
    assert [t.name for t in (await project.loaded("tasks/revenue.py")).tasks] == ["before"]
