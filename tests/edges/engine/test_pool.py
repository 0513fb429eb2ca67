"""The pool with real processes: a lost process costs one call, and nothing outlives the pool."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import psutil
import pytest
from msgspec.structs import replace

from relspec.core.dataset import Dataset, Format, Part
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, Schema, schema_of
from relspec.core.settings import Limits
from relspec.core.work import (
    Analyse,
    Analysed,
    Execute,
    Executed,
    Intake,
    Intaken,
    Measure,
    PublishViews,
    ViewDefinition,
)
from relspec.edges import warm_parent
from relspec.edges.engine import pool as engine_pool
from relspec.edges.engine import worker
from relspec.edges.engine.free import FreeEngines
from relspec.edges.engine.objects import own_prefix
from relspec.edges.engine.pool import EnginePool, Start
from relspec.edges.engine.worker import death_of

ROOT = Path(__file__).parents[3]
LIMITS = Limits(query_s=30.0, memory_mb=256, workers=2)
#: Binds at once and runs for longer than anyone waits.
ENDLESS = (
    "SELECT count(*) AS n FROM range(1000000) a, range(1000000) b, range(1000000) c WHERE a.range + b.range = c.range"
)


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[EnginePool]:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    async with EnginePool(LIMITS, "UTC", tmp_path / "tmp") as pool:
        yield pool


def run(root: Path, sql: str, *inputs: Dataset, columns: tuple[Column, ...] = (Column("n", "BIGINT"),)) -> Execute:
    where = (str(root / "objects"), str(root / "tmp"))
    return Execute("task", "tasks/t.sql", 1, sql, inputs, Schema(columns), (columns,), (), *where, "key")


ONE = "SELECT 1::BIGINT AS n"


def shown(root: Path, *views: ViewDefinition) -> PublishViews:
    return PublishViews(str(root / "v.duckdb"), str(root / "tmp"), 1, views, (), None, logged=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other processes.
            await asyncio.sleep(0.005)


async def busy(pool: EnginePool) -> int:
    """Wait for the process that works hard, and name it."""
    found: list[int] = []

    def one() -> bool:
        found[:] = [pid for pid in pool.pids() if sum(psutil.Process(pid).cpu_times()[:2]) > 1.0]
        return bool(found)

    await until(one)
    return found[0]


def murdered(pid: int) -> None:
    """Kill a process and wait for its end, while the event loop hears of nothing."""
    process = psutil.Process(pid)  # Before: it may be reaped at once.
    process.kill()
    process.wait(20)


async def test_each_verb_is_answered_by_a_process_of_its_own(pool: EnginePool, tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("id,amount\n1,2.5\n2,3.5\n")
    where = (str(tmp_path / "objects"), str(tmp_path / "tmp"))
    taken = await pool.intake(Intake("orders", str(tmp_path / "o.csv"), "o.csv", Format.CSV, None, (), None, *where))
    assert isinstance(taken, Intaken)
    columns = taken.schema.columns
    query = Analyse("t", "t.sql", 1, "select id from orders", False, (("orders", taken.schema),), (), None, (), True)
    compiled = await pool.analyse(query)
    assert isinstance(compiled, Analysed)
    done = await pool.execute(
        run(tmp_path, compiled.sql, Dataset("orders", taken.schema, (taken.part,)), columns=compiled.schema.columns)
    )
    assert isinstance(done, Executed)
    assert (done.rows, compiled.schema) == (2, schema_of({"id": "BIGINT"}))
    measured = await pool.measure(Measure((taken.part,), (columns[:1],)))
    assert measured.bags == (done.bags,)
    view = ViewDefinition("orders", None, (taken.part.path,), (), shaky=False)
    await pool.publish(shown(tmp_path, view))
    assert (tmp_path / "v.duckdb").exists()
    assert os.getpid() not in pool.pids()


async def test_problems_and_moved_inputs_come_through(pool: EnginePool, tmp_path: Path) -> None:
    answer = await pool.execute(run(tmp_path, "SELECT 'x'::BIGINT AS n"))
    assert isinstance(answer, Problem)
    assert answer.code is Code.EXECUTION
    gone = Part("c", str(tmp_path / "gone.parquet"), 1, None)
    with pytest.raises(InputMovedError) as moved:
        await pool.measure(Measure((gone,), ((),)))
    assert moved.value.path == gone.path
    with pytest.raises(InputMovedError):
        await pool.execute(run(tmp_path, ONE, Dataset("g", Schema((Column("a", "INTEGER"),)), (gone,))))


async def test_cancelling_kills_at_once_and_a_spare_takes_over(pool: EnginePool, tmp_path: Path) -> None:
    await pool.execute(run(tmp_path, ONE))
    await until(lambda: len(pool.pids()) == LIMITS.workers + 1)
    before = pool.pids()
    call = asyncio.create_task(pool.execute(run(tmp_path, ENDLESS)))
    victim = await busy(pool)
    started = time.perf_counter()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: not psutil.pid_exists(victim))
    assert time.perf_counter() - started < 0.2
    answers = await asyncio.gather(*(pool.execute(run(tmp_path, ONE)) for _ in range(LIMITS.workers)))
    assert pool.pids() < before, "no cold process was waited for"
    assert [answer.rows for answer in answers if isinstance(answer, Executed)] == [1, 1]
    await until(lambda: len(pool.pids() - {victim}) == LIMITS.workers + 1)


async def test_work_past_its_limit_is_ended(tmp_path: Path) -> None:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    async with EnginePool(replace(LIMITS, query_s=0.5), "UTC", tmp_path / "tmp") as pool:
        with pytest.raises(WorkerError, match=r"longer than 0\.5 s") as ended:
            await pool.execute(run(tmp_path, ENDLESS))
        assert ended.value.cause == "timeout"
        assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)


async def test_a_process_that_dies_is_blamed_on_its_call_alone(pool: EnginePool, tmp_path: Path) -> None:
    call = asyncio.create_task(pool.execute(run(tmp_path, ENDLESS)))
    os.kill(await busy(pool), signal.SIGSEGV)
    with pytest.raises(WorkerError, match="SIGSEGV") as died:
        await call
    assert died.value.cause == "crash"
    assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)


async def test_a_process_that_dies_while_idle_is_blamed_on_nobody(pool: EnginePool, tmp_path: Path) -> None:
    await until(lambda: len(pool.pids()) == LIMITS.workers + 1)
    for pid in pool.pids():
        murdered(pid)
    assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)


def gone(process: psutil.Process) -> bool:
    """Whether a process has ended; who has to reap it may be late."""
    with suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


async def forked_from(pool: EnginePool) -> psutil.Process:
    """Wait for all processes, and give the one that forked them."""
    await until(lambda: len(pool.pids()) == LIMITS.workers + 1)
    (parent,) = {psutil.Process(pid).ppid() for pid in pool.pids()}
    return psutil.Process(parent)


async def test_all_are_forked_from_one_process_that_has_one_thread(pool: EnginePool, tmp_path: Path) -> None:
    """Caught: importing DuckDB opens a database with threads, and what they hold is held for ever in a child."""
    parent = await forked_from(pool)
    assert (parent.num_threads(), parent.ppid()) == (1, os.getpid())
    await pool.publish(shown(tmp_path))
    assert pool._publisher is not None
    assert psutil.Process(pool._publisher.pid).ppid() == parent.pid


async def test_a_process_holds_nothing_of_others(pool: EnginePool) -> None:
    """Caught: an end of a connection that a second process holds keeps the first from hearing that it was closed."""
    parent = await forked_from(pool)
    sockets = []
    for pid in (parent.pid, *pool.pids()):
        held = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        sockets += [name for name in held if name.startswith("socket:")]
        assert pid == parent.pid or not [name for name in held if "pidfd" in name or "eventpoll" in name]
    assert len(sockets) == len(set(sockets)) == len(pool.pids()) + 1


async def test_work_in_a_process_whose_parent_is_lost_says_so_and_the_next_call_finds_another(
    pool: EnginePool, tmp_path: Path
) -> None:
    parent = await forked_from(pool)
    before = [psutil.Process(pid) for pid in pool.pids()]
    call = asyncio.create_task(pool.execute(run(tmp_path, ENDLESS)))
    await busy(pool)
    parent.kill()
    with pytest.raises(WorkerError, match="forked from ended") as lost:
        await call
    assert lost.value.cause == "crash"
    assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)
    await until(lambda: all(map(gone, before)))
    assert (await forked_from(pool)).pid != parent.pid


async def test_a_parent_that_was_stopped_keeps_nobody_from_closing(tmp_path: Path) -> None:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    pool = EnginePool(LIMITS, "UTC", tmp_path / "tmp")
    async with pool:
        parent = await forked_from(pool)
        processes = [parent, *map(psutil.Process, pool.pids())]
        parent.suspend()
        async with asyncio.timeout(10):
            await pool.close()
    await until(lambda: all(map(gone, processes)))


@pytest.mark.parametrize("start", [Start.AHEAD, Start.ASKED])
async def test_a_parent_that_does_not_start_is_told(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_pool, "_PARENT", replace(engine_pool._PARENT, module="relspec.nothing_of_this_name"))
    async with EnginePool(LIMITS, "UTC", tmp_path, start) as pool:
        for _ in range(2):
            with pytest.raises(WorkerError, match="the engine's process is gone"):
                await pool.execute(run(tmp_path, ONE))


def started_as(monkeypatch: pytest.MonkeyPatch, module: str, *arguments: str) -> None:
    """Have the parent started as another program, of the tests."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    environment = {"PYTHONPATH": path, "TEST_ARGUMENTS": " ".join(arguments)}
    program = replace(engine_pool._PARENT, module=module, environment=environment)
    monkeypatch.setattr(engine_pool, "_PARENT", program)


async def test_a_parent_that_cannot_serve_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started_as(monkeypatch, "tests.edges.engine.no_room", "duckdb")
    async with EnginePool(LIMITS, "UTC", tmp_path, Start.ASKED) as pool:
        with pytest.raises(WorkerError, match="the engine did not start: ImportError: this DuckDB is broken"):
            await pool.execute(run(tmp_path, ONE))


async def test_a_process_is_let_go_whose_parent_was_stopped(pool: EnginePool, tmp_path: Path) -> None:
    """Caught: until the parent went on, nothing of it was removed, and it counted among those that run."""
    parent = await forked_from(pool)
    call = asyncio.create_task(pool.execute(run(tmp_path, ENDLESS)))
    victim = await busy(pool)
    (tmp_path / "tmp" / f"{own_prefix(victim)}left").touch()
    parent.suspend()
    try:
        call.cancel()
        await until(lambda: victim not in pool.pids())
        assert not any((tmp_path / "tmp").iterdir())
    finally:
        parent.resume()


async def test_a_parent_that_does_not_answer_is_replaced(
    pool: EnginePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await forked_from(pool)
    monkeypatch.setattr(warm_parent, "_SILENT_S", 0.5)
    parent.suspend()
    with pytest.raises(WorkerError, match="has not answered for 1 s"):
        await pool.publish(shown(tmp_path))
    await until(lambda: gone(parent))
    monkeypatch.undo()
    assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)
    assert (await forked_from(pool)).pid != parent.pid


async def test_who_no_longer_waits_counts_towards_the_patience_with_a_parent(
    pool: EnginePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: who saved every half minute kept a parent that was stopped."""
    monkeypatch.setattr(warm_parent, "START_S", 5.0)
    suspended = await forked_from(pool)
    parent = pool._parent
    assert parent is not None
    suspended.suspend()
    waiting = asyncio.create_task(pool.publish(shown(tmp_path)))
    await until(lambda: bool(parent._unanswered))
    waiting.cancel()
    await asyncio.wait((waiting,))
    # As if that had been a minute ago.
    parent._unanswered = {ticket: given - 60 for ticket, given in parent._unanswered.items()}
    with pytest.raises(WorkerError, match="has not answered for 61 s"):
        await pool.publish(shown(tmp_path))
    await until(lambda: gone(suspended))
    await pool.publish(shown(tmp_path))


async def test_a_daemon_that_was_stopped_itself_reads_what_was_answered_before_it_gives_up(
    pool: EnginePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: it read one answer, and gave up a parent that had answered all."""
    process = await forked_from(pool)
    parent = pool._parent
    assert parent is not None
    there = len(process.children())
    monkeypatch.setattr(warm_parent, "START_S", 0.2)
    monkeypatch.setattr(warm_parent, "_SILENT_S", 0.2)
    monkeypatch.setattr(warm_parent, "_GRACE_S", 0.0)
    send = parent._send

    def send_and_stop(*arguments: Any) -> None:
        send(*arguments)
        if len(parent._unanswered) == 4:
            while len(process.children()) < there + 5:
                time.sleep(0.01)
            # Nobody waits for the first answers.
            calls[0].cancel()
            calls[1].cancel()

    monkeypatch.setattr(parent, "_send", send_and_stop)
    # As after a stop: what tells of time comes first.
    asyncio.get_running_loop().remove_reader(parent._control.fileno())
    calls = [asyncio.create_task(pool._new_worker(pool._launch)) for _ in range(5)]
    await asyncio.wait(calls)
    workers = [call.result() for call in calls[2:]]
    asyncio.get_running_loop().add_reader(parent._control.fileno(), parent.hear)
    assert pool._parent is parent
    assert parent.alive
    for started in workers:
        await started.end()


async def test_a_parent_that_is_long_in_becoming_warm_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught: each call started one anew, that was not warm in time either."""
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    async with EnginePool(LIMITS, "UTC", tmp_path / "tmp", Start.ASKED) as pool:
        call = asyncio.create_task(pool.execute(run(tmp_path, ONE)))
        monkeypatch.setattr(warm_parent, "START_S", 0.3)
        monkeypatch.setattr(warm_parent, "_SILENT_S", 0.3)
        await until(lambda: pool._parent is not None)
        assert pool._parent is not None
        parent = psutil.Process(pool._parent.pid)
        parent.suspend()
        with pytest.raises(WorkerError, match="has not answered for 0 s"):
            await call
        parent.resume()
        monkeypatch.undo()
        assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)
        assert pool._parent.pid == parent.pid
        await until(lambda: len(parent.children()) == 1)


async def test_what_kept_a_process_from_starting_is_told_to_nobody_later(
    pool: EnginePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Caught: a call failed of a want of room that had passed, though processes were free."""
    await forked_from(pool)
    with monkeypatch.context() as patch:
        patch.setattr(worker.tempfile, "TemporaryFile", full)
        pool._start_soon()
        await until(lambda: pool._starting == 0)
    assert "did not start: no process can be started: No space left on device" in caplog.text
    assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)


async def test_a_call_that_is_cancelled_as_a_process_becomes_free_leaves_it_to_the_next(tmp_path: Path) -> None:
    free = FreeEngines()
    taking = asyncio.create_task(free.take())
    await until(lambda: free.n_calls == 1)
    engine = cast("worker.Worker", object())
    free.give(engine)
    taking.cancel()
    await asyncio.wait((taking,))
    assert (taking.cancelled(), free.n_calls) == (True, 0)
    async with asyncio.timeout(5):
        assert await free.take() is engine


async def test_a_process_whose_end_nobody_waits_for_any_more_keeps_no_descriptor(
    pool: EnginePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forked_from(pool)
    assert pool._parent is not None
    before = pid_descriptors()
    one = await worker.Worker.start(pool._parent, pool._launch)
    with monkeypatch.context() as patch:
        patch.setattr(type(one._child.handle), "ended", lambda _: asyncio.Event().wait())
        ending = asyncio.create_task(one.end())
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait((ending,))
    assert (ending.cancelled(), pid_descriptors(), one._complaints.closed) == (True, before, True)


async def test_a_publisher_that_died_is_let_go(pool: EnginePool, tmp_path: Path) -> None:
    await pool.publish(shown(tmp_path))
    assert pool._publisher is not None
    victim = pool._publisher.pid
    murdered(victim)
    await pool.publish(shown(tmp_path))
    await until(lambda: victim not in pool.pids())


async def test_how_a_process_ended_is_known_whatever_signals_were_ignored_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: the system reaped the engine, and its parent ended over that."""
    (tmp_path / "tmp").mkdir()
    begin = warm_parent.WarmParent.start.__func__  # type: ignore[attr-defined]

    def ignoring(*arguments: Any) -> warm_parent.WarmParent:
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            return begin(warm_parent.WarmParent, *arguments)
        finally:
            signal.signal(signal.SIGCHLD, before)

    monkeypatch.setattr(warm_parent.WarmParent, "start", ignoring)
    async with EnginePool(LIMITS, "UTC", tmp_path / "tmp") as pool:
        parent = await forked_from(pool)
        call = asyncio.create_task(pool.execute(run(tmp_path, ENDLESS)))
        victim = await busy(pool)
        os.kill(victim, signal.SIGSEGV)
        with pytest.raises(WorkerError, match="died of SIGSEGV"):
            await call
        await until(lambda: victim not in pool.pids())
        assert (await forked_from(pool)).pid == parent.pid


async def test_descriptors_of_processes_go_to_nobody_else(pool: EnginePool) -> None:
    await forked_from(pool)
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if "pidfd" in os.readlink(f"/proc/self/fd/{name}"):
                assert not os.get_inheritable(int(name))
    assert pid_descriptors() > 0


async def test_where_the_daemon_has_no_room_for_it_the_call_hears_of_it(
    pool: EnginePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await forked_from(pool)
    n_children = len(parent.children())
    received = socket.recv_fds

    def dropped(connection: socket.socket, *arguments: Any) -> tuple[bytes, list[int], int, Any]:
        data, descriptors, flags, address = received(connection, *arguments)
        for descriptor in descriptors:
            os.close(descriptor)
        return data, [], flags, address

    monkeypatch.setattr(socket, "recv_fds", dropped)
    with pytest.raises(WorkerError, match="no process can be started: Too many open files"):
        await pool.publish(shown(tmp_path))
    monkeypatch.undo()
    await until(lambda: len(parent.children()) == n_children)
    await pool.publish(shown(tmp_path))


def full() -> BinaryIO:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_where_there_is_no_room_for_complaints_the_call_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EnginePool(LIMITS, "UTC", tmp_path) as pool:
        monkeypatch.setattr(worker.tempfile, "TemporaryFile", full)
        for _ in range(2):
            with pytest.raises(WorkerError, match="can be started: No space left on device"):
                async with asyncio.timeout(20):
                    await pool.execute(run(tmp_path, ONE))


def pid_descriptors() -> int:
    held = (f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd"))
    return sum("pidfd" in os.readlink(name) for name in held if os.path.lexists(name))


async def test_a_fork_that_is_cancelled_as_it_comes_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    async with EnginePool(LIMITS, "UTC", tmp_path, Start.ASKED) as pool:
        await pool.publish(shown(tmp_path))
        before = pid_descriptors()
        parent = pool._parent
        assert parent is not None
        welcome = parent._welcome

        def welcome_and_cancel(*arguments: Any) -> None:
            welcome(*arguments)
            task.cancel()

        monkeypatch.setattr(parent, "_welcome", welcome_and_cancel)
        task = asyncio.create_task(pool._new_worker(pool._launch))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pid_descriptors() == before
        await until(lambda: len(psutil.Process(parent.pid).children()) == 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("fork", "Resource temporarily unavailable"),
        ("pidfd_open", "Resource temporarily unavailable"),
        ("register", "No space left on device"),
    ],
)
async def test_where_no_process_can_be_forked_the_call_hears_of_it(
    call: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: the parent ended of it, and all that it had forked with it."""
    started_as(monkeypatch, "tests.edges.engine.no_room", call)
    async with EnginePool(LIMITS, "UTC", tmp_path, Start.ASKED) as pool:
        for _ in range(2):
            with pytest.raises(WorkerError, match=f"no process can be started: {said}"):
                await pool.execute(run(tmp_path, ONE))
            assert pool._parent is not None
            assert pool._parent.alive
            assert psutil.Process(pool._parent.pid).children() == []


async def test_a_pool_closes_while_processes_start_whose_parent_was_stopped(tmp_path: Path) -> None:
    pool = EnginePool(LIMITS, "UTC", tmp_path)
    async with pool:
        await until(lambda: pool._parent is not None)
        assert pool._parent is not None
        parent = psutil.Process(pool._parent.pid)
        parent.suspend()
        async with asyncio.timeout(10):
            await pool.close()
        await until(lambda: gone(parent))


async def test_who_publishes_and_starts_while_all_is_closed_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: what was closed did not know of it, so its file of complaints and its connection stayed open."""
    (tmp_path / "tmp").mkdir()
    pool = EnginePool(LIMITS, "UTC", tmp_path / "tmp")
    async with pool:
        await forked_from(pool)
        greet = worker.Worker._greet

        async def slowly(starting: worker.Worker) -> None:
            await greet(starting)
            pool._closed = True  # As if it were closed in this moment.

        monkeypatch.setattr(worker.Worker, "_greet", slowly)
        with pytest.raises(WorkerError, match="the engines were closed"):
            await pool.publish(shown(tmp_path))
        assert len(pool.pids()) == LIMITS.workers + 1
        assert pool._parent is not None
        children = psutil.Process(pool._parent.pid).children
        await until(lambda: len(children()) == LIMITS.workers + 1)


def test_a_kill_from_outside_is_taken_for_the_systems_memory() -> None:
    assert death_of(-9, "").cause == "memory"
    assert death_of(-11, "").cause == "crash"
    assert "ImportError: x" in str(death_of(1, "ImportError: x"))


async def test_calls_beyond_the_number_of_processes_wait_in_order(tmp_path: Path) -> None:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    order: list[int] = []
    async with EnginePool(replace(LIMITS, workers=1), "UTC", tmp_path / "tmp") as pool:

        async def one(at: int) -> None:
            await pool.execute(run(tmp_path, f"SELECT {at}::BIGINT AS n"))
            order.append(at)

        await asyncio.gather(*(one(at) for at in range(12)))
    assert order == list(range(12))


async def test_a_waiting_call_that_is_cancelled_costs_no_process(pool: EnginePool, tmp_path: Path) -> None:
    await pool.execute(run(tmp_path, ONE))
    await until(lambda: len(pool.pids()) == LIMITS.workers + 1)
    before = pool.pids()
    running = [asyncio.create_task(pool.execute(run(tmp_path, ENDLESS))) for _ in range(LIMITS.workers)]
    await busy(pool)
    waiting = asyncio.create_task(pool.execute(run(tmp_path, ONE)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.pids() == before
    for call in running:
        call.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_killed_process_leaves_no_files(pool: EnginePool, tmp_path: Path) -> None:
    """Caught: without the clean-up, a query that spills leaves its spill directory."""
    sql = "SELECT count(*) AS n FROM (SELECT i, hash(i)::VARCHAR AS h FROM range(80000000) r(i) ORDER BY h)"
    call = asyncio.create_task(pool.execute(run(tmp_path, sql)))
    await until(lambda: any((tmp_path / "tmp").iterdir()))
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await until(lambda: not any((tmp_path / "tmp").iterdir()))


async def test_what_cannot_be_removed_is_no_reason_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A command whose work was done and kept ended with a traceback.
    tried: list[Path] = []

    def refused(path: Path) -> None:
        tried.append(path)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(worker, "_remove", refused)
    (tmp_path / "tmp").mkdir()
    pool = EnginePool(LIMITS, "UTC", tmp_path / "tmp", Start.ASKED)
    async with pool:
        await pool.analyse(Analyse("t", "t.sql", 1, "select 1 as a", False, (), (), None, (), True))
        for pid in pool.pids():
            (tmp_path / "tmp" / f"{own_prefix(pid)}left").touch()
    assert tried


async def test_closing_ends_everything_within_a_second(tmp_path: Path) -> None:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    pool = EnginePool(LIMITS, "UTC", tmp_path / "tmp")
    async with pool:
        call = asyncio.create_task(pool.execute(run(tmp_path, ENDLESS)))
        await busy(pool)
        processes = [psutil.Process(pid) for pid in pool.pids()]
        started = time.perf_counter()
        await pool.close()
        assert time.perf_counter() - started < 1.0
        assert not any(process.is_running() for process in processes)
        with pytest.raises(WorkerError):
            await call
    assert pool.pids() == frozenset()


async def test_a_publisher_that_is_lost_goes_on_from_the_published_file(pool: EnginePool, tmp_path: Path) -> None:
    answer = await pool.execute(run(tmp_path, ONE))
    assert isinstance(answer, Executed)
    path = str(tmp_path / "objects" / f"{answer.content}.parquet")
    request = shown(tmp_path, ViewDefinition("a", None, (path,), (), shaky=False))
    with pytest.raises(WorkerError, match="revision 1"):
        await pool.publish(replace(request, stamp="nothing"))
    published = await pool.publish(request)
    assert pool._publisher is not None
    murdered(pool._publisher.pid)
    await pool.publish(
        replace(
            request,
            revision=2,
            changed=(ViewDefinition("b", "SELECT n FROM main.a", (), (), shaky=False),),
            stamp=published.stamp,
        )
    )
    assert (tmp_path / "v.duckdb").exists()


async def test_the_process_that_publishes_prepares(pool: EnginePool, tmp_path: Path) -> None:
    request = shown(tmp_path, ViewDefinition("a", "SELECT 1 AS n", (), (), shaky=False))
    published = await pool.publish(request)
    broken = ViewDefinition("b", "SELECT n FROM main.nothing", (), (), shaky=False)
    fine = ViewDefinition("b", "SELECT n FROM main.a", (), (), shaky=False)
    publisher = pool._publisher
    for definition in (broken, fine):
        pool.prepare(replace(request, revision=2, changed=(definition,), stamp=published.stamp))
    found = await pool.publish(replace(request, revision=2, changed=(fine,), stamp=published.stamp))
    assert (found.revision, pool._publisher) == (2, publisher)
    await until(lambda: not pool._background)


async def test_a_command_starts_no_more_processes_than_it_asks_at_once(tmp_path: Path) -> None:
    """Caught: a spare, and a process of its own that publishes, cost each command a second."""
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    async with EnginePool(LIMITS, "UTC", tmp_path / "tmp", Start.ASKED) as pool:
        assert pool.pids() == frozenset()
        for _ in range(2):
            assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)
        await pool.publish(shown(tmp_path))
        assert len(pool.pids()) == 1
        answers = await asyncio.gather(*(pool.execute(run(tmp_path, ONE)) for _ in range(2 * LIMITS.workers)))
        assert [answer.rows for answer in answers if isinstance(answer, Executed)] == [1] * 2 * LIMITS.workers
        await until(lambda: not pool._background)
        assert len(pool.pids()) == LIMITS.workers


async def test_a_command_starts_another_in_place_of_a_process_that_is_lost(tmp_path: Path) -> None:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    async with EnginePool(replace(LIMITS, query_s=1.0), "UTC", tmp_path / "tmp", Start.ASKED) as pool:
        lost = await asyncio.gather(
            *(pool.execute(run(tmp_path, ENDLESS)) for _ in range(LIMITS.workers)), return_exceptions=True
        )
        assert [type(error) for error in lost] == [WorkerError] * LIMITS.workers
        assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)
        murdered(*pool.pids())
        assert isinstance(await pool.execute(run(tmp_path, ONE)), Executed)
        request = replace(shown(tmp_path), stamp="nothing")
        with pytest.raises(WorkerError, match="revision 1"):
            await pool.publish(request)
        await pool.publish(replace(request, stamp=None))


async def test_a_name_that_is_no_text_is_a_problem(pool: EnginePool, tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path / "x") + b"\xff.csv")
    answer = await pool.intake(Intake("s", name, name, Format.CSV, None, (), None, "o", "t"))
    assert isinstance(answer, Problem)
    assert answer.code is Code.UNREADABLE


DAEMON = """
import asyncio, sys
from pathlib import Path
from relspec.core.schema import schema_of
from relspec.core.settings import Limits
from relspec.core.work import Execute
from relspec.edges.engine.pool import EnginePool

async def main():
    place, sql = sys.argv[1:]
    async with EnginePool(Limits(workers=1), "UTC", Path(place)) as pool:
        while len(pool.pids()) < 2:
            await asyncio.sleep(0.01)
        print(*pool.pids(), flush=True)
        await pool.execute(Execute("t", "t", 1, sql, (), schema_of({"n": "BIGINT"}), (), (), place, place, "key"))

asyncio.run(main())
"""


def ignores_interrupts(pid: int) -> bool:
    (mask,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigIgn"))
    return bool(int(mask.split()[1], 16) & 1 << (signal.SIGINT - 1))


@contextmanager
def daemon_of(root: Path) -> Iterator[tuple["subprocess.Popen[str]", list[psutil.Process]]]:
    command = [sys.executable, "-c", DAEMON, str(root), ENDLESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        engines = [psutil.Process(int(pid)) for pid in daemon.stdout.readline().split()]
        try:
            yield daemon, engines
        finally:
            daemon.kill()
            for engine in engines:
                with suppress(psutil.NoSuchProcess):
                    engine.kill()


async def test_processes_end_with_a_daemon_that_is_killed_even_when_busy(tmp_path: Path) -> None:
    """Caught: without the parent's death signal, a busy process does not see that its socket closed."""
    with daemon_of(tmp_path) as (daemon, engines):
        assert len(engines) == 2
        assert all(ignores_interrupts(engine.pid) and os.getpgid(engine.pid) == engine.pid for engine in engines)
        await until(lambda: any(sum(engine.cpu_times()[:2]) > 1.0 for engine in engines))
        daemon.kill()
        await until(lambda: all(map(gone, engines)))


def loaded(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_daemons_side_loads_no_engine() -> None:
    heavy = {"duckdb", "sqlglot", "pyarrow", "ibis", "numpy", "pandas"}
    assert loaded("import relspec.edges.engine.pool") & heavy == set()


def test_a_warm_process_has_not_loaded_what_it_does_not_need() -> None:
    """Caught: one statement with a parameter makes DuckDB import pandas and pyarrow; the daemon's end of a connection
    in the same module as the child's, asyncio."""
    code = """
import relspec.edges.engine.__main__, relspec.edges.engine.loop
from relspec.edges.engine.serve import Engine
from relspec.edges.engine.protocol import AskExecute
from relspec.core.work import Execute
from relspec.core.schema import schema_of
import os, tempfile
place = tempfile.mkdtemp()
request = Execute("t", "t", 1, "SELECT 1 AS x", (), schema_of({"x": "INTEGER"}), ((),), (), place, place, "key")
answer = Engine(256, "UTC", place).answer(AskExecute(request))
assert answer.value.rows == 1
"""
    assert loaded(code) & {"pandas", "pyarrow", "ibis", "numpy", "asyncio", "ssl"} == set()
