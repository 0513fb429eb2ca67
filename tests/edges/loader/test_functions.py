"""Python UDFs and extractors: named and remembered by what their code does, run in a session's process."""

import duckdb
import pytest

from relspec.core.dataset import Dataset, Part
from relspec.core.digest import content_of
from relspec.core.errors import WorkerError
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, Schema, schema_of
from relspec.core.work import Execute, Executed, Extract, Extracted

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = schema_of({"id": "BIGINT", "name": "VARCHAR"})

UDF = '''
import ibis
from relspec import task
from helpers import LIMIT, tidy

@ibis.udf.scalar.python
def clean(x: str, k: int = 3) -> str:
    """Tidy up."""
    return tidy(x)[: LIMIT + k]

@task
def names(ctx):
    t = ctx.table("orders")
    return t.mutate(clean=clean(t.name))
'''

HELPERS = """
LIMIT = 3
UNUSED = 4

def tidy(x):
    return _strip(x).upper()

def _strip(x):
    return x.strip()

def unrelated(x):
    return x
"""


async def _udf(project, task: str = UDF, helpers: str = HELPERS):
    project.write("tasks/names.py", task)
    project.write("tasks/helpers.py", helpers)
    (udf,) = (await project.built("tasks/names.py", orders=ORDERS)).udfs
    return udf


async def test_a_udf_is_named_by_its_content_in_the_query_too(project) -> None:
    udf = await _udf(project)
    built = await project.built("tasks/names.py", orders=ORDERS)
    assert (udf.parameters, udf.returns, udf.path) == (("VARCHAR", "BIGINT"), "VARCHAR", "tasks/names.py")
    assert udf.name == f"clean_{udf.digest[:8]}"
    assert f'{udf.name}("t0"."name", 3)' in built.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    """Tidy up."""\n', '    """Another text."""\n'),
        ('    """Tidy up."""\n', ""),
        ("    return tidy", "    # A comment.\n\n    return tidy"),
        ("LIMIT + k]", "(LIMIT\n     + k)]"),
        ("UNUSED = 4", "UNUSED = 5"),
        ("def unrelated(x):\n    return x", "def unrelated(x):\n    return x + 1"),
        ("def _strip(x):\n", "\n\ndef _strip(x):  # strips\n"),
        ("def unrelated", "def other"),
    ],
)
async def test_what_a_function_does_not_use_does_not_change_its_name(project, old, new) -> None:
    before = await _udf(project)
    assert old in UDF + HELPERS
    assert await _udf(project, UDF.replace(old, new), HELPERS.replace(old, new)) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT + k", "LIMIT - k"),
        ("k: int = 3", "k: int = 4"),
        ("k: int = 3", "k: float = 3"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("x.strip()", "x.lstrip()"),
        ("_strip(x).upper()", "_strip(x).lower()"),
    ],
)
async def test_whatever_a_function_uses_changes_its_name(project, old, new) -> None:
    before = await _udf(project)
    assert old in UDF + HELPERS
    after = await _udf(project, UDF.replace(old, new), HELPERS.replace(old, new))
    assert after.name != before.name


BY_MODULE = UDF.replace("from helpers import LIMIT, tidy", "import helpers").replace(
    "tidy(x)[: LIMIT + k]", "helpers.tidy(x)[: helpers.LIMIT + k]"
)


@pytest.mark.parametrize(
    ("old", "new", "moves"),
    [
        ("x.strip()", "x.lstrip()", True),
        ("LIMIT = 3", "LIMIT = 4", True),
        ("UNUSED = 4", "UNUSED = 5", False),
        ("def unrelated(x):\n    return x", "def unrelated(x):\n    return x + 1", False),
    ],
)
async def test_of_a_module_that_is_read_by_attribute_that_attribute_counts(project, old, new, moves) -> None:
    before = await _udf(project, BY_MODULE)
    assert old in HELPERS
    assert (await _udf(project, BY_MODULE, HELPERS.replace(old, new)) != before) is moves


async def test_of_a_module_that_is_passed_on_everything_counts(project) -> None:
    passed = BY_MODULE.replace("helpers.tidy(x)", "vars(helpers)['tidy'](x)")
    before = await _udf(project, passed)
    assert (await _udf(project, passed, HELPERS.replace("UNUSED = 4", "UNUSED = 5"))).digest != before.digest
    got = BY_MODULE.replace("helpers.tidy(x)", "getattr(helpers, 'tidy')(x)")
    before = await _udf(project, got)
    assert (await _udf(project, got, HELPERS.replace("x.strip()", "x.lstrip()"))).digest != before.digest


DEEP = """
import collections, dataclasses, enum, functools, re
import helpers, ibis
from relspec import task
import helpers as aliased

class Mode(enum.Enum):
    FAST = 1
    SLOW = 2

@dataclasses.dataclass(frozen=True)
class Rule:
    word: str = "a"
    def hits(self, x):
        return self.word in x

class Strict(Rule):
    @property
    def limit(self):
        return 10
    @staticmethod
    def check(x):
        return len(x) > 5

PATTERN = re.compile("b+")
TABLE = {"k": [1, 2, (3, {"x", "y"})]}
MODE = Mode.FAST
PART = functools.partial(int, base=7)

def make(n):
    def inner(x):
        return x * n
    return inner
TIMES = make(11)

@functools.lru_cache
def cached(x):
    return x + "cached"

def recursive(x):
    return other(x)
def other(x):
    return recursive(x[1:]) if x else "stop"

@ibis.udf.scalar.python
def clean(x: str) -> str:
    import lazily
    try:
        helpers.tidy(x)
    except ValueError:
        return ""
    Strict().check(x)
    Rule("w").hits(x)
    return f"{PATTERN}{TABLE}{MODE}{PART(x)}{TIMES(x)}{cached(x)}{recursive(x)}{lazily.N}{[y for y in x if y != 'q']}"

@task
def names(ctx):
    t = ctx.table("orders")
    return t.mutate(clean=clean(t.name))
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SLOW = 2", "SLOW = 3"),
        ("MODE = Mode.FAST", "MODE = Mode.SLOW"),
        ('word: str = "a"', 'word: str = "b"'),
        ("self.word in x", "self.word == x"),
        ("return 10", "return 11"),
        ("len(x) > 5", "len(x) > 6"),
        ('compile("b+")', 'compile("b*")'),
        ('{"x", "y"}', '{"x", "z"}'),
        ("base=7", "base=8"),
        ("make(11)", "make(12)"),
        ('x + "cached"', 'x + "stored"'),
        ('"stop"', '"halt"'),
        ("N = 1", "N = 2"),
        ("return _strip(x).upper()", "return _strip(x).lower()"),
        ("!= 'q'", "!= 'r'"),
    ],
)
async def test_the_walk_reaches_every_kind_of_thing(project, old, new) -> None:
    lazily = "N = 1\n"
    project.write("tasks/lazily.py", lazily)
    before = await _udf(project, DEEP)
    assert await _udf(project, DEEP) == before
    assert old in DEEP + HELPERS + lazily
    project.write("tasks/lazily.py", lazily.replace(old, new))
    assert (await _udf(project, DEEP.replace(old, new), HELPERS.replace(old, new))).digest != before.digest


@pytest.mark.parametrize("more", ["# A comment.\n", "def unrelated(x):\n    return x\n", "OTHER = object()\n"])
async def test_the_walk_sees_through_all_of_it_and_needs_no_whole_file(project, more) -> None:
    project.write("tasks/lazily.py", "N = 1\n")
    before = await _udf(project, DEEP)
    assert (await _udf(project, DEEP + more)).digest == before.digest


async def test_what_cannot_be_seen_through_counts_as_the_whole_file_and_what_it_used(project) -> None:
    opaque = UDF.replace("tidy(x)", "HELD.run(x)").replace(
        "@ibis", "class Held:\n    run = tidy\nHELD = Held()\n@ibis", 1
    )
    before = await _udf(project, opaque)
    assert (await _udf(project, opaque + "# A comment.\n")).digest == before.digest
    assert (await _udf(project, opaque + "MORE = 1\n")).digest != before.digest
    assert (await _udf(project, opaque, HELPERS + "MORE = 1\n")).digest != before.digest


async def test_what_stands_inside_of_a_try_counts(project) -> None:
    line = "    return tidy(x)[: LIMIT + k]"
    start, catch = "    try:\n        a = tidy(x)\n", "    except ValueError:\n        b = x\n"
    inside = UDF.replace(line, f"{start}        b = tidy(a)\n{catch}    return b")
    outside = UDF.replace(line, f"{start}{catch}    else:\n        b = tidy(a)\n    return b")
    assert (await _udf(project, inside)).digest != (await _udf(project, outside)).digest


async def test_a_udf_inside_of_a_builder_and_one_over_pandas_are_refused(project) -> None:
    inner = UDF.replace("    t = ctx", "    @ibis.udf.scalar.python\n    def clean(x: str) -> str: ...\n    t = ctx")
    project.write("tasks/helpers.py", HELPERS)
    project.write("tasks/names.py", inner)
    problem = (await project.unbuilt("tasks/names.py", orders=ORDERS)).problem
    assert (problem.code, "inside of a function" in problem.message) == (Code.BUILDER, True)
    project.write("tasks/names.py", UDF.replace("scalar.python", "scalar.pandas"))
    problem = (await project.unbuilt("tasks/names.py", orders=ORDERS)).problem
    assert (problem.code, "of kind pandas" in problem.message) == (Code.BUILDER, True)


async def test_a_query_with_a_udf_is_executed_in_another_session(project) -> None:
    await _udf(project)
    async with project.loader.session() as session:
        answer = await session.execute(await _execute(project))
    assert isinstance(answer, Executed), answer
    with duckdb.connect() as connection:
        rows = connection.execute(f"FROM '{project.layout.object(answer.content)}' ORDER BY id").fetchall()
    assert rows == [(1, "  alpha ", "ALPHA"), (2, "betabetabeta", "BETABE"), (3, None, None)]


async def test_a_session_that_built_can_execute_and_again_also_a_function_that_keeps_state(project) -> None:
    await _udf(project, UDF.replace("    return tidy", "    SEEN.append(x)\n    return tidy") + "SEEN = []\n")
    request = await _execute(project)
    async with project.loader.session() as session:
        loaded = await session.load("tasks/names.py")
        await session.build(loaded.tasks[0], {"orders": ORDERS})
        first, second = await session.execute(request), await session.execute(request)
    assert isinstance(first, Executed)
    assert first == second


async def test_a_udf_that_raises_is_a_problem_of_the_task(project) -> None:
    await _udf(project, UDF.replace("return tidy(x)[: LIMIT + k]", "raise ValueError('not today')"))
    async with project.loader.session() as session:
        answer = await session.execute(await _execute(project))
    assert isinstance(answer, Problem)
    assert (answer.code, answer.task) == (Code.EXECUTION, "names")
    assert "not today" in answer.message


async def test_a_udf_that_is_no_longer_what_was_compiled_does_not_run(project) -> None:
    await _udf(project)
    request = await _execute(project)
    project.write("tasks/helpers.py", HELPERS.replace("LIMIT = 3", "LIMIT = 1"))
    async with project.loader.session() as session:
        answer = await session.execute(request)
    assert isinstance(answer, Problem)
    assert "no longer what was compiled" in answer.message


async def _execute(project) -> Execute:
    built = await project.built("tasks/names.py", orders=ORDERS)
    source = project.root / "orders.parquet"
    with duckdb.connect() as connection:
        values = "(1::BIGINT, '  alpha '), (2, 'betabetabeta'), (3, NULL)"
        connection.execute(f"COPY (FROM (VALUES {values}) v(id, name)) TO '{source}' (FORMAT parquet)")
    part = Part(content_of(source.read_bytes()), str(source), 3, None)
    return Execute(
        task="names",
        path="tasks/names.py",
        line=1,
        sql=built.text.replace('"orders"', '"main"."orders"'),
        inputs=(Dataset("orders", ORDERS, (part,)),),
        schema=built.schema,
        column_sets=(built.schema.columns,),
        udfs=built.udfs,
        objects=str(project.layout.objects),
        temporary=str(project.layout.temporary),
        key="key",
    )


EXTRACTOR = """
import pyarrow
from relspec import extract

TEXT = pyarrow.string()
SCHEMA = pyarrow.schema([("path", TEXT), ("line", pyarrow.int32()), ("tags", pyarrow.list_(TEXT))])

@extract(files="src/**/*.py")
def lines(file):
    rows = [{"path": file.path, "line": i, "tags": [text]} for i, text in enumerate(file.text().splitlines())]
    return {"lines": pyarrow.Table.from_pylist(rows, schema=SCHEMA)}
"""


async def _extract(project, code: str = EXTRACTOR) -> Extracted | Problem:
    project.write("tasks/extractors.py", code)
    project.write("src/a.py", "x\ny\n")
    async with project.loader.session() as session:
        loaded = await session.load("tasks/extractors.py")
        (spec,) = loaded.extractors
        layout = project.layout
        request = Extract(
            spec, str(project.root / "src/a.py"), "src/a.py", None, str(layout.objects), str(layout.temporary)
        )
        return await session.extract(request)


async def test_an_extractor_gives_tables_as_objects_with_the_types_that_duckdb_reads(project) -> None:
    extracted = await _extract(project)
    assert isinstance(extracted, Extracted), extracted
    ((name, schema, part),) = extracted.tables
    columns = (Column("path", "VARCHAR"), Column("line", "INTEGER"), Column("tags", "VARCHAR[]"))
    assert (name, schema) == ("lines", Schema(columns))
    assert extracted.content == content_of((project.root / "src/a.py").read_bytes())
    data = (project.layout.objects / f"{part.content}.parquet").read_bytes()
    assert (part.content, part.rows, part.stamp) == (content_of(data), 2, None)
    with duckdb.connect() as connection:
        assert connection.execute(f"FROM '{part.path}'").fetchall() == [("src/a.py", 0, ["x"]), ("src/a.py", 1, ["y"])]
    assert list(project.layout.temporary.iterdir()) == []
    assert await _extract(project) == extracted


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "returned a NoneType"),
        ('{"../x": 1}', "cannot be the output"),
        ('{"lines": [1]}', "is a builtins.list"),
        ("1 / 0", "ZeroDivisionError"),
        ("__import__('sys').exit(1)", "sys.exit(1) was called"),
    ],
)
async def test_an_extractor_that_gives_something_else_is_a_problem(project, result, message) -> None:
    code = f"from relspec import extract\n\n@extract(files='*')\ndef lines(file):\n    return {result}\n"
    answer = await _extract(project, code)
    assert isinstance(answer, Problem)
    assert (answer.code, answer.path) == (Code.EXTRACTOR, "tasks/extractors.py")
    assert answer.line in (3, 5)
    assert message in answer.message


async def test_an_extractor_is_remembered_by_what_it_does(project) -> None:
    async def digest(code: str) -> str:
        project.write("tasks/extractors.py", code)
        return (await project.loaded("tasks/extractors.py")).extractors[0].code

    before = await digest(EXTRACTOR)
    assert await digest(EXTRACTOR.replace("def lines", "# A comment.\ndef lines")) == before
    assert await digest(EXTRACTOR.replace("int32", "int64")) != before
    assert await digest(EXTRACTOR.replace("[text]", "[]")) != before


@pytest.mark.parametrize("options", ["", "files=3", "files='/etc/*'", "file='*'"])
async def test_a_wrong_extractor_is_a_problem_of_its_declaration(project, options) -> None:
    project.write("tasks/extractors.py", f"from relspec import extract\n@extract({options})\ndef lines(file): ...\n")
    loaded = await project.loaded("tasks/extractors.py")
    assert loaded.extractors == ()
    assert [(p.code, p.line) for p in loaded.problems] == [(Code.DECLARATION, 2)]


SEEN = """
import os, sys
from relspec import extract

seen = "pyarrow.parquet" in sys.modules
threads = len(os.listdir(f"/proc/{os.getppid()}/task"))

import pyarrow

@extract(files="src/**/*.py")
def lines(file):
    return {"lines": pyarrow.table({"seen": [seen], "threads": [threads]})}
"""


async def test_a_loader_that_expects_extractors_forks_with_arrow_from_one_thread(project) -> None:
    """Also the parent that takes the place of one that died."""

    async def seen() -> tuple[bool, int]:
        extracted = await _extract(project, SEEN)
        assert isinstance(extracted, Extracted), extracted
        with duckdb.connect() as connection:
            return connection.execute(f"from '{extracted.tables[0][2].path}'").fetchall()[0]

    assert await seen() == (False, 1)
    project.loader.expect_extractors()
    project.loader.expect_extractors()
    assert await seen() == (True, 1)
    await project.loader._parent.end()
    assert await seen() == (True, 1)


LOOKING = """
import os, sys

SEEN = ["duckdb" in sys.modules, "pandas" in sys.modules, len(os.listdir(f"/proc/{os.getppid()}/task"))]
"""


async def test_what_a_function_is_does_not_hang_on_what_its_process_has_imported(project) -> None:
    """Caught: a submodule that a body imports counted once something else had imported it."""
    digests = []
    for before in ("", "import wsgiref.handlers\n"):
        body = "from wsgiref import handlers\n    return tidy(x)[: LIMIT + k]"
        await _udf(project, before + UDF.replace("return tidy(x)[: LIMIT + k]", body))
        digests.append((await _execute(project)).udfs[0].digest)
    assert digests[0] == digests[1]


async def test_a_database_that_task_code_has_opened_by_default_stays_open(project) -> None:
    """Caught: the first process that executed closed it, and what task code had put into it was gone."""
    rate = "import duckdb\nduckdb.sql('create table rates as select 7 as rate')\n"
    used = "str(duckdb.sql('from rates').fetchone())"
    await _udf(project, UDF.replace("return tidy(x)[: LIMIT + k]", f"return {used}") + rate)
    async with project.loader.session() as session:
        answer = await session.execute(await _execute(project))
    assert isinstance(answer, Executed), answer


async def test_a_loader_whose_functions_are_called_forks_with_duckdb_from_one_thread(project) -> None:
    """The first time each child imports what they need, which takes 0.7 s. Then it is there, and harms nobody."""
    source = UDF.replace("return tidy(x)[: LIMIT + k]", "return str(SEEN)") + LOOKING

    async def seen() -> str:
        async with project.loader.session() as session:
            answer = await session.execute(await _execute(project))
        assert isinstance(answer, Executed)
        with duckdb.connect() as connection:
            (found,) = connection.execute(
                f"SELECT clean FROM '{project.layout.object(answer.content)}' LIMIT 1"
            ).fetchone()
        return found

    await _udf(project, source)
    assert (await seen()).startswith("[False, ")
    project.loader.prepare()
    assert await seen() == "[True, True, 1]"
    await project.loader._parent.end()
    assert await seen() == "[True, True, 1]"
    project.write("tasks/own.py", "import duckdb\nX = duckdb.sql('select 42').fetchall()\n")
    await project.loaded("tasks/own.py")
    project.write("tasks/rogue.py", "import os; os.closerange(3, 4096)")
    with pytest.raises(WorkerError, match="closed or replaced its process's connection"):
        await project.failed("tasks/rogue.py")
