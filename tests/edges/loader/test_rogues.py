"""User code that misbehaves costs its own session, in bounds, and nothing else."""

import asyncio
import os
import time

import psutil
import pytest

from relspec.core.errors import WorkerError
from relspec.core.layout import Layout
from relspec.core.problem import Code
from relspec.core.settings import Limits, Settings
from relspec.core.work import Loaded
from relspec.edges.loader.client import ForkingLoader

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = """
    from relspec import task

    @task
    def good(ctx):
        return ctx.table("orders")
"""


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        ("import os; os._exit(3)", "crash", "exit status 3"),
        ("import os; os._exit(0)", "crash", "exit status 0"),
        ("import ctypes; ctypes.string_at(0)", "crash", "SIGSEGV"),
        ("import os; os.abort()", "crash", "SIGABRT"),
        ("import os; os.kill(os.getpid(), 9)", "memory", "killed from outside"),
        ("import os; os.kill(os.getpid(), 15)", "crash", "SIGTERM"),
        ("import os; os.closerange(3, 100)", "crash", "ended"),
    ],
)
async def test_a_child_that_dies_is_an_error_that_says_how(project, code, cause, words) -> None:
    project.write("tasks/rogue.py", code)
    with pytest.raises(WorkerError, match=words) as caught:
        await project.outcome("tasks/rogue.py")
    assert caught.value.cause == cause


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nsys.exit(2)", "sys.exit(2) was called"),
        ("import sys\nsys.exit()", "sys.exit() was called"),
        ("x = 1\nraise KeyboardInterrupt", "KeyboardInterrupt"),
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero"),
        ("class Silent(BaseException):\n    def __str__(self): raise ValueError\nraise Silent", "cannot be read"),
    ],
)
async def test_what_a_file_raises_is_a_problem_of_that_file(project, code, message) -> None:
    project.write("tasks/rogue.py", code)
    problem = (await project.failed("tasks/rogue.py")).problem
    assert message in problem.message
    assert (problem.code, problem.path) == (Code.LOAD, "tasks/rogue.py")
    assert problem.line == code.count("\n") + 1
    assert problem.hint


async def test_an_endless_loop_is_ended_at_the_limit_and_the_session_goes_on(impatient) -> None:
    impatient.write("tasks/rogue.py", "while True: pass")
    impatient.write("tasks/good.py", GOOD)
    async with impatient.loader.session() as session:
        await session.load("tasks/good.py")
        start = time.monotonic()
        with pytest.raises(WorkerError, match=r"0\.5 s") as caught:
            await session.load("tasks/rogue.py")
        assert caught.value.cause == "timeout"
        assert time.monotonic() - start < 2
        loaded = await session.load("tasks/good.py")
    assert isinstance(loaded, Loaded)


async def test_a_builder_without_end_is_ended_and_its_neighbour_still_builds_in_a_fresh_child(impatient) -> None:
    impatient.write(
        "tasks/both.py",
        """
        from relspec import task

        @task
        def endless(ctx):
            while True:
                pass

        @task
        def good(ctx):
            return ctx.table("orders")
        """,
    )
    async with impatient.loader.session() as session:
        loaded = await session.load("tasks/both.py")
        endless, good = loaded.tasks
        with pytest.raises(WorkerError, match=r"0\.5 s"):
            await session.build(endless, {})
        needs = await session.build(good, {})
    assert [named.name for named in needs.datasets] == ["orders"]


async def test_a_cancelled_call_kills_its_child_at_once(project) -> None:
    started = project.root / "started"
    project.write("tasks/rogue.py", f"open({str(started)!r}, 'w').close()\nwhile True: pass")
    async with project.loader.session() as session:
        call = asyncio.create_task(session.load("tasks/rogue.py"))
        await _until(started.exists)
        (child,) = _children(project.loader)
        call.cancel()
        start = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert time.monotonic() - start < 0.5
        assert not child.is_running()


async def test_processes_that_user_code_started_die_with_the_session(project) -> None:
    number = project.root / "number"
    code = f"import subprocess\np = subprocess.Popen(['sleep', '600'])\nopen({str(number)!r}, 'w').write(str(p.pid))"
    project.write("tasks/rogue.py", code)
    await project.loaded("tasks/rogue.py")
    await _until(lambda: not _runs(int(number.read_text())))


async def test_a_copy_that_user_code_forks_does_not_answer(project) -> None:
    project.write("tasks/rogue.py", "import os\nos.fork()")
    project.write("tasks/good.py", GOOD)
    async with project.loader.session() as session:
        assert (await session.load("tasks/rogue.py")).tasks == ()
        assert [t.name for t in (await session.load("tasks/good.py")).tasks] == ["good"]
        assert [t.name for t in (await session.load("tasks/good.py")).tasks] == ["good"]


async def test_a_memory_bomb_is_a_problem_and_not_the_end_of_the_machine(tmp_path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/rogue.py").write_text("hoard = [bytearray(1 << 28) for _ in range(256)]")
    settings = Settings(limits=Limits(memory_mb=16))
    async with ForkingLoader(Layout(tmp_path), settings) as loader, loader.session() as session:
        failed = await session.load("tasks/rogue.py")
    assert failed.problem.code is Code.MEMORY


async def test_user_code_finds_nothing_of_the_daemon_or_of_other_sessions_open(project) -> None:
    found = project.root / "found"
    project.write(
        "tasks/curious.py",
        f"""
        import os
        links = []
        for number in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink("/proc/self/fd/" + number))
            except OSError:
                pass
        open({str(found)!r}, "w").write(" ".join(links))
        """,
    )
    async with project.loader.session() as other:
        project.write("tasks/good.py", GOOD)
        await other.load("tasks/good.py")
        await project.loaded("tasks/curious.py")
    kinds = sorted(link.split(":")[0] for link in found.read_text().split() if "/proc/" not in link)
    assert kinds == ["/dev/null", "pipe", "pipe", "socket"]


async def test_sessions_leave_no_process_behind(project) -> None:
    project.write("tasks/good.py", GOOD)
    for _ in range(5):
        await project.loaded("tasks/good.py")
    assert _children(project.loader) == []


async def test_closing_ends_everything_within_a_second_also_in_the_midst_of_work(tmp_path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/rogue.py").write_text(f"open({str(tmp_path / 'started')!r}, 'w').close()\nwhile True: pass")
    loader = ForkingLoader(Layout(tmp_path), Settings())
    async with loader, loader.session() as session:
        call = asyncio.create_task(session.load("tasks/rogue.py"))
        await _until((tmp_path / "started").exists)
        children = psutil.Process(loader.pid).children(recursive=True)
        start = time.monotonic()
        await loader.close()
        assert time.monotonic() - start < 1
        with pytest.raises(WorkerError):
            await call
    assert [child for child in children if child.is_running()] == []
    assert len(children) == 1


async def test_a_loader_whose_parent_was_killed_starts_another(tmp_path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/empty.py").write_text("")
    async with ForkingLoader(Layout(tmp_path), Settings()) as loader:
        async with loader.session() as session:
            await session.load("tasks/empty.py")
            first = loader.pid
            os.kill(first, 9)
            await _until(lambda: loader.pid is None)
            loaded = await session.load("tasks/empty.py")
        assert loaded.tasks == ()
        assert loader.pid != first


async def test_the_parent_stays_single_threaded_and_loads_neither_duckdb_nor_pyarrow(project) -> None:
    project.write("tasks/good.py", GOOD)
    await project.loaded("tasks/good.py")
    parent = psutil.Process(project.loader.pid)
    assert parent.num_threads() == 1
    mapped = " ".join(mapping.path for mapping in parent.memory_maps())
    assert "_duckdb" not in mapped
    assert "pyarrow" not in mapped


def _children(loader: ForkingLoader) -> list[psutil.Process]:
    return psutil.Process(loader.pid).children(recursive=True)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _until(condition, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        await asyncio.sleep(0.005)
