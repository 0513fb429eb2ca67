"""User code that misbehaves costs its own session, in bounds, and nothing else."""

import asyncio
import os
import time

import psutil
import pytest

from relspec.core.digest import content_of
from relspec.core.errors import WorkerError
from relspec.core.layout import Layout
from relspec.core.problem import Code
from relspec.core.settings import Settings
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
        ("import os; os.closerange(3, 100)", "crash", "closed or replaced its process's connection"),
        ("import os; os.kill(os.getpid(), 40)", "crash", "signal 40"),
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


async def test_what_came_to_no_end_tells_what_it_had_read_and_tried_until_then(impatient) -> None:
    impatient.write("shared.py", "import deeper")
    impatient.write("deeper.py", "X = 1\n")
    impatient.write("notes.txt", "read")
    # A copy of the process, and a thread of it, write nothing into its notes.
    code = """
        import os, threading
        import shared
        open('notes.txt').close()
        try:
            import absent
        except ImportError:
            pass
        if os.fork() == 0:
            import late
        threading.Thread(target=lambda: __import__('later')).start()
        while True:
            pass
        """
    impatient.write("tasks/rogue.py", code)
    impatient.write("late.py", "while True: pass")
    impatient.write("later.py", "")
    async with impatient.loader.session() as session:
        with pytest.raises(WorkerError) as caught:
            await session.load("tasks/rogue.py")
    read = {use.path: use.content for use in caught.value.files}
    assert read.keys() == {"tasks/rogue.py", "shared.py", "deeper.py", "notes.txt"}
    assert read["deeper.py"] == content_of(b"X = 1\n")
    assert {"absent", "shared", "deeper"} <= set(caught.value.imports)


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
    code = f"import subprocess\np = subprocess.Popen(['sleep', '60'])\nopen({str(number)!r}, 'w').write(str(p.pid))"
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


async def test_a_memory_bomb_is_a_problem_and_not_the_end_of_the_machine(stingy) -> None:
    stingy.write("tasks/rogue.py", "hoard = [bytearray(1 << 24) for _ in range(256)]")
    failed = await stingy.failed("tasks/rogue.py")
    assert failed.problem.code is Code.MEMORY
    assert "python_mb" in failed.problem.hint


#: Touches memory that no limit of a single process counts.
SHARED = """
import mmap
hoard = mmap.mmap(-1, 1 << 32)
while True:
    hoard.write(bytes(1 << 24))
"""
#: Holds little in each of several processes.
IN_FORKS = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        hoard = bytearray(b"x") * (100 << 20)
        time.sleep(60)
time.sleep(60)
"""


@pytest.mark.parametrize("code", [SHARED, IN_FORKS], ids=["shared", "in forks"])
async def test_memory_counts_with_all_that_the_code_started(stingy, code) -> None:
    stingy.write("tasks/rogue.py", code)
    with pytest.raises(WorkerError, match="more than python_mb and memory_mb") as caught:
        await stingy.outcome("tasks/rogue.py")
    assert caught.value.cause == "memory"
    await _until(lambda: _children(stingy.loader) == [])


async def test_more_processes_than_it_may_have_end_a_child(stingy) -> None:
    stingy.write("tasks/rogue.py", "import os, time\nfor _ in range(5):\n    os.fork()\ntime.sleep(60)")
    with pytest.raises(WorkerError, match="processes = 8 under") as caught:
        await stingy.outcome("tasks/rogue.py")
    assert caught.value.cause == "crash"
    await _until(lambda: _children(stingy.loader) == [])


#: A process that belongs to nobody: of another session, its parent gone. It ends at last where nobody ends it.
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("number.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename("number.new", "number")
        time.sleep(60)
    os._exit(0)
while not os.path.exists("number"):
    time.sleep(0.01)
"""


async def test_a_process_that_made_itself_a_daemon_dies_with_its_session(project) -> None:
    """Caught: killing by process group alone left it behind for good."""
    project.write("tasks/rogue.py", DAEMON)
    await project.loaded("tasks/rogue.py")
    number = int((project.root / "number").read_text())
    await _until(lambda: not _runs(number))
    await _until(lambda: _children(project.loader) == [])


async def test_a_daemon_of_task_code_dies_also_when_the_parent_was_killed(tmp_path) -> None:
    (tmp_path / "tasks").mkdir()
    end = "assert os.getppid() > 1\nos.kill(os.getppid(), 9)\ntime.sleep(60)\n"
    (tmp_path / "tasks/rogue.py").write_text(DAEMON + end)
    (tmp_path / "tasks/empty.py").write_text("")
    async with ForkingLoader(Layout(tmp_path), Settings()) as loader, loader.session() as session:
        with pytest.raises(WorkerError):
            await session.load("tasks/rogue.py")
        await session.load("tasks/empty.py")
        number = int((tmp_path / "number").read_text())
        await _until(lambda: not _runs(number))


async def test_a_parent_that_was_stopped_is_replaced(impatient) -> None:
    impatient.write("tasks/rogue.py", "import os\nassert os.getppid() > 1\nos.kill(os.getppid(), 19)\nwhile True: pass")
    impatient.write("tasks/good.py", GOOD)
    stopped = impatient.loader.pid
    with pytest.raises(WorkerError, match=r"0\.5 s"):
        await impatient.outcome("tasks/rogue.py")
    await impatient.loaded("tasks/good.py")
    assert impatient.loader.pid != stopped
    assert not _runs(stopped)


PROTOCOL = """
import os, stat
talk = next(d for d in range(3, 64) if os.path.exists(f"/proc/self/fd/{d}") and stat.S_ISSOCK(os.fstat(d).st_mode))
"""
FORGED = """
from relspec.edges.loader.messages import InputMoved, Reply
from relspec.edges.wire import encode
os.write(talk, encode(Reply(InputMoved("x"), None)))
"""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.write(talk, b'\\x00\\x01\\x02')\nos.write(talk, b'x' * 99)", "wrote into its process's connection"),
        ("os.write(talk, b'abcd\\x00\\x00\\x01\\x00{}')", "wrote into its process's connection"),
        ("os.dup2(os.open('/dev/null', os.O_RDWR), talk)", "closed or replaced"),
        (FORGED, "InputMoved, which is no answer"),
    ],
    ids=["bytes", "a length", "replaced", "forged"],
)
async def test_what_code_does_to_its_connection_is_found_at_once(project, code, words) -> None:
    project.write("tasks/rogue.py", PROTOCOL + code)
    started = time.monotonic()
    with pytest.raises(WorkerError, match=words):
        await project.outcome("tasks/rogue.py")
    assert time.monotonic() - started < 5


async def test_an_error_text_that_is_no_text_is_still_that_problem(project) -> None:
    """Caught: it could not be sent, and the process ended with exit status 0."""
    project.write("tasks/rogue.py", "raise ValueError('half a pair: \\ud800')")
    assert (await project.failed("tasks/rogue.py")).problem.message == "ValueError: half a pair: \\ud800"


@pytest.mark.parametrize(
    "code",
    [
        "os.chdir('/')",
        "os.umask(0o777)",
        "os.environ.pop('PATH')",
        "os.environ['PATH'] = ''",
        "sys.path.clear()",
        "sys.meta_path.clear()",
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})",
        "signal.setitimer(signal.ITIMER_REAL, 600)",
        "threading.Thread(target=time.sleep, args=(600,)).start()",
        "subprocess.Popen(['sleep', '60'])",
        "builtins.oct = None",
        "sys.settrace(lambda *_: None)",
        "sys.stdout = None",
        "os.close(2)",
        "del sys.modules['sqlglot']",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))",
    ],
)
async def test_a_process_that_a_file_spoilt_serves_no_other(project, code) -> None:
    modules = "builtins, os, resource, signal, subprocess, sys, threading, time"
    project.write("tasks/rogue.py", f"import {modules}\n{code}")
    project.write("tasks/other.py", f"import {modules}\nopen('spoilt', 'w').write(str(os.getpid()))")
    project.write("tasks/more.py", f"import {modules}\nopen('other', 'w').write(str(os.getpid()))")
    async with project.loader.session() as session:
        assert isinstance(await session.load("tasks/other.py"), Loaded)
        assert isinstance(await session.load("tasks/rogue.py"), Loaded)
        assert isinstance(await session.load("tasks/more.py"), Loaded)
    assert (project.root / "spoilt").read_text() != (project.root / "other").read_text()


@pytest.mark.parametrize(
    "code", ["os.environ['MINE'] = '1'", "sys.path.append('/')", "builtins._ = str", "import json"]
)
async def test_what_a_file_adds_spoils_nothing(project, code) -> None:
    project.write("tasks/rogue.py", f"import builtins, os, sys\n{code}\nopen('first', 'w').write(str(os.getpid()))")
    project.write("tasks/more.py", "import os\nopen('second', 'w').write(str(os.getpid()))")
    async with project.loader.session() as session:
        await session.load("tasks/rogue.py")
        await session.load("tasks/more.py")
    assert (project.root / "first").read_text() == (project.root / "second").read_text()


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


async def test_a_loader_whose_parent_was_killed_starts_another_at_once(tmp_path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/empty.py").write_text("")
    async with ForkingLoader(Layout(tmp_path), Settings()) as loader:
        async with loader.session() as session:
            await session.load("tasks/empty.py")
            first = loader.pid
            os.kill(first, 9)
            # Before anybody asks: whoever does so next waits for no start.
            await _until(lambda: loader.pid not in {first, None})
            second = loader.pid
            loaded = await session.load("tasks/empty.py")
        assert loaded.tasks == ()
        assert loader.pid == second
        assert not _runs(first)


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
