"""Executions that outlive the run that started them."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from relspec.app.executions import Executions
from relspec.core.digest import BagDigest
from relspec.core.problem import Problem
from relspec.core.schema import Column, Schema
from relspec.core.work import Execute, Executed

COLUMNS = (Column("a", "BIGINT"), Column("b", "BIGINT"))
REQUEST = Execute(
    task="one",
    path="tasks/one.sql",
    line=1,
    sql="select 1 as a, 2 as b",
    inputs=(),
    schema=Schema(COLUMNS),
    column_sets=(COLUMNS[:1],),
    udfs=(),
    objects="",
    temporary="",
    key="key",
)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - of what happens in between the loop alone knows.
            await asyncio.sleep(0)


async def test_an_execution_that_is_taken_over_measured_what_its_first_request_asked_for() -> None:
    # Its bag was taken for that of whatever the readers require by now, or the daemon ended for want of a bag.
    go_on = asyncio.Event()

    n_started = 0

    async def start(request: Execute) -> Executed | Problem:
        nonlocal n_started
        n_started += 1
        await go_on.wait()
        return Executed("content", 1, 1, tuple(BagDigest(1, "of " + s[0].name) for s in request.column_sets))

    def begun() -> None:
        told.append(n_started)

    told: list[int] = []
    executions = Executions()
    superseded = asyncio.create_task(executions.run(REQUEST, start, begun))
    await until(lambda: told)
    superseded.cancel()
    await asyncio.wait([superseded])
    again = replace(REQUEST, column_sets=(COLUMNS[1:], COLUMNS))
    taken_over = asyncio.create_task(executions.run(again, start, begun))
    await until(lambda: len(told) == 2)
    assert told == [1, 1], "it is told when it is under way, and there was one"
    go_on.set()
    request, answer = await taken_over
    assert request.column_sets == REQUEST.column_sets
    assert isinstance(answer, Executed)
    assert [bag.total for bag in answer.bags] == ["of a"]
