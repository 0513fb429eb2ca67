"""Building: the SQL text and promised schema of a builder, what it asked for, and what is wrong with it."""

import pytest

from relspec.core.problem import Code
from relspec.core.schema import Column, Schema, schema_of
from relspec.core.work import Named, Needs

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD = "import ibis\nfrom relspec import task\n"


def _task(*body: str) -> str:
    return HEAD + "\n@task\ndef revenue(ctx):\n" + "".join(f"    {line}\n" for line in body)


async def test_a_builder_gives_sql_a_schema_and_what_it_asked_for(project) -> None:
    path = project.write(
        "tasks/revenue.py",
        _task('orders = ctx.table("orders")', 'return orders.group_by("day").agg(total=orders.amount.sum())'),
    )
    built = await project.built(path)
    assert built.text == 'SELECT "t0"."day", SUM("t0"."amount") AS "total" FROM "orders" AS "t0" GROUP BY 1'
    assert built.schema == schema_of({"day": "DATE", "total": "DOUBLE"})
    assert (built.asked, built.metadata, built.udfs) == (("orders",), (), ())
    assert [use.path for use in built.files] == [path]


async def test_an_unknown_dataset_is_asked_for_with_the_place_of_the_call(project) -> None:
    path = project.write("tasks/revenue.py", _task('é = "é"; orders = ctx.table("orders")', "return orders"))
    assert await project.answer(path, {}) == Needs((Named("orders", 6, 23),))


@pytest.mark.parametrize("clause", ["except Exception:", "except BaseException:", "except:"])
@pytest.mark.parametrize("then", ["return t", "raise ValueError"])
async def test_no_except_clause_of_a_builder_swallows_that_a_dataset_is_unknown(project, clause, then) -> None:
    lines = ['t = ctx.table("orders")', "try:", '    return ctx.table("rates")', clause, f"    {then}"]
    path = project.write("tasks/revenue.py", _task(*lines))
    assert await project.answer(path, {"orders": schema_of({"id": "BIGINT"})}) == Needs((Named("rates", 8, 16),))


async def test_a_dataset_is_found_without_regard_to_case(project) -> None:
    path = project.write("tasks/revenue.py", _task('return ctx.table("ORDERS")'))
    assert (await project.built(path, orders=schema_of({"id": "BIGINT"}))).asked == ("ORDERS",)


async def test_build_loads_the_file_by_itself(project) -> None:
    path = project.write("tasks/revenue.py", _task('return ctx.table("orders")'))
    (spec,) = (await project.loaded(path)).tasks
    async with project.loader.session() as session:
        assert await session.build(spec, {}) == Needs((Named("orders", 6, 12),))


async def test_an_import_inside_of_a_builder_counts(project) -> None:
    project.write("tasks/helper.py", "N = 1\n")
    project.write("tasks/rates.txt", "3")
    lines = ["from helper import N", 'ctx.table("orders").limit(int(open("tasks/rates.txt").read()))']
    path = project.write("tasks/revenue.py", _task(lines[0], f"return {lines[1]}"))
    async with project.loader.session() as session:
        loaded = await session.load(path)
        first = await session.build(loaded.tasks[0], {"orders": schema_of({"id": "BIGINT"})})
        second = await session.build(loaded.tasks[0], {"orders": schema_of({"id": "BIGINT"})})
    assert [use.path for use in loaded.files] == [path]
    assert [use.path for use in first.files] == [path, "tasks/helper.py", "tasks/rates.txt"]
    assert second == first


@pytest.mark.parametrize(
    "expression",
    ["t.amont.sum()", "t['amont'].sum()", "ibis._.amont.sum()"],
)
async def test_an_unknown_column_is_named_with_the_nearest_one(project, expression) -> None:
    path = project.write("tasks/revenue.py", _task('t = ctx.table("orders")', f"return t.agg(x={expression})"))
    failed = await project.unbuilt(path)
    problem = failed.problem
    assert (problem.code, problem.task, problem.path, problem.line) == (Code.UNKNOWN_COLUMN, "revenue", path, 7)
    assert (problem.message, problem.hint) == ("there is no column 'amont'", "did you mean 'amount'?")
    assert failed.asked == ("orders",)
    assert [use.path for use in failed.files] == [path]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "returned None"),
        ("ctx.table('orders')", "returned None"),
        ("return 'select 1'", "returned a text"),
        ("return ctx.table('orders').id.sum()", "single Ibis value"),
        ("return [1]", "builtins.list"),
        ("return ibis.memtable({'a': [1]})", "in memory"),
        ("return ctx.table('orders').cross_join(ibis.memtable({'a': [1]}))", "in memory"),
        ("return ibis.table({'id': 'int64'}, name='orders')", "not given by ctx"),
        ("raise ValueError('no')", "ValueError: no"),
        ("import sys; sys.exit(4)", "sys.exit(4) was called"),
        ("return ctx.table(7)", "a dataset is named by a text, not by 7"),
        ("return ctx.tabel('orders')", "has no attribute 'tabel'"),
    ],
)
async def test_what_is_no_query_is_a_problem_of_the_builder(project, body, message) -> None:
    path = project.write("tasks/revenue.py", _task(body))
    problem = (await project.unbuilt(path)).problem
    assert (problem.code, problem.task, problem.path) == (Code.BUILDER, "revenue", path)
    assert message in problem.message
    assert problem.line in (4, 6)


async def test_metadata_that_is_read_is_required_and_missing_metadata_names_what_is_there(project) -> None:
    schema = Schema((Column("id", "BIGINT"),), (("currency", "EUR"), ("zone", "UTC")))
    lines = [
        'm = ctx.metadata("orders")',
        'm.get("nothing")',
        'return ctx.table("orders").mutate(c=ibis.literal(m[KEY]))',
    ]
    path = project.write("tasks/revenue.py", _task(*lines).replace("KEY", '"currency"'))
    assert (await project.built(path, orders=schema)).metadata == (("orders", "currency", "EUR"),)
    project.write("tasks/revenue.py", _task(*lines).replace("KEY", '"curency"'))
    problem = (await project.unbuilt(path, orders=schema)).problem
    assert (problem.code, problem.line) == (Code.EDGE, 8)
    assert "currency, zone" in problem.message
    assert problem.hint == "did you mean 'currency'?"


async def test_a_column_that_ibis_cannot_express_can_be_passed_by_but_not_given_out(project) -> None:
    schema = schema_of({"id": "BIGINT", "odd": "UNION(i INTEGER, s VARCHAR)"})
    path = project.write("tasks/revenue.py", _task('return ctx.table("orders").select("id")'))
    assert (await project.built(path, orders=schema)).schema == schema_of({"id": "BIGINT"})
    project.write("tasks/revenue.py", _task('return ctx.table("orders")'))
    assert "'odd'" in (await project.unbuilt(path, orders=schema)).problem.message


async def test_the_text_is_the_same_in_every_process(project) -> None:
    drop = 'return ctx.table("wide").drop("c3", "c11", "c7", "c1")'
    path = project.write("tasks/revenue.py", _task(drop))
    wide = schema_of({f"c{i}": "BIGINT" for i in range(40)})
    assert 'EXCLUDE ("c1", "c11", "c3", "c7")' in (await project.built(path, wide=wide)).text


async def test_a_builder_without_a_parameter_is_called_without(project) -> None:
    path = project.write("tasks/days.py", HEAD + "@task\ndef days():\n    return ibis.range(3).unnest().as_table()\n")
    assert (await project.built(path)).asked == ()


async def test_a_file_that_does_not_load_fails_its_build_with_what_it_read(project) -> None:
    path = project.write("tasks/revenue.py", _task('return ctx.table("orders")'))
    (spec,) = (await project.loaded(path)).tasks
    project.write(path, "import helper\n")
    project.write("tasks/helper.py", "1 / 0\n")
    async with project.loader.session() as session:
        failed = await session.build(spec, {})
    assert (failed.problem.code, failed.problem.task, failed.problem.path) == (Code.LOAD, "revenue", "tasks/helper.py")
    assert [use.path for use in failed.files] == [path, "tasks/helper.py"]
