"""Sessions leave no process behind, wherever a build is cancelled, but one that waits for the next of them."""

import asyncio
import errno
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from msgspec.structs import replace
from tests.edges.loader.conftest import Project

from relspec.core.errors import WorkerError
from relspec.core.layout import Layout
from relspec.core.settings import Limits, Settings
from relspec.core.work import Loaded, LoadFailed
from relspec.edges import warm_parent
from relspec.edges.forking import Forked
from relspec.edges.forks import Forks
from relspec.edges.loader import client, family, forked
from relspec.edges.loader.calls import Session
from relspec.edges.loader.client import ForkingLoader
from relspec.edges.loader.messages import Warm
from relspec.edges.loader.parent import Parent

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.asyncio(loop_scope="module")


def children(project: Project) -> list[psutil.Process]:
    return children_of(project.loader)


def children_of(loader: ForkingLoader) -> list[psutil.Process]:
    assert loader.pid is not None
    return psutil.Process(loader.pid).children()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


FREE_MB = """
import resource
from pathlib import Path
from relspec import task

most, _ = resource.getrlimit(resource.RLIMIT_DATA)
held = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()

@task(name=f"free_{(most - held) >> 20}")
def free(orders):
    return orders
"""


def no_room(*_: object) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@asynccontextmanager
async def prepared(root: Path, settings: Settings | None = None) -> AsyncIterator[ForkingLoader]:
    """A loader that has had a session, and has a child that waits for the next one."""
    (root / "tasks").mkdir()
    (root / "tasks/a.py").write_text("X = 1\n")
    async with ForkingLoader(Layout(root), settings or Settings()) as loader:
        async with loader.session() as session:
            await session.load("tasks/a.py")
        loader.prepare()
        await until(lambda: loader._spare is not None)
        yield loader


async def test_a_child_that_was_forked_for_a_cancelled_call_is_ended(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.write("tasks/a.py", "X = 1\n")
    await project.loaded(path)
    forked = asyncio.Event()

    async def held(channel: object, request: object) -> None:
        forked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(client.AsyncChannel, "send", held)
    loading = asyncio.create_task(project.outcome(path))
    await forked.wait()
    assert len(children(project)) == 1
    loading.cancel()
    await asyncio.wait([loading])
    assert loading.cancelled()
    assert children(project) == []


async def test_a_child_that_ends_in_the_same_moment_as_the_daemon_is_told_of_to_nobody() -> None:
    mine, daemons = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    forks = Forks(mine, lambda *_: None)
    daemons.close()
    assert not forks.turn()
    forks.report(Forked(1, 4711))
    assert mine.fileno() == -1
    forks.close()


async def test_a_session_finds_a_child_that_waits_and_has_nothing_of_the_users(tmp_path: Path) -> None:
    async with prepared(tmp_path) as loader:
        (waiting,) = children_of(loader)
        (tmp_path / "tasks/a.py").write_text("import os\nfrom relspec import task\nos.environ['SEEN'] = 'yes'\n")
        async with loader.session() as session:
            loaded = await session.load("tasks/a.py")
            assert isinstance(loaded, Loaded)
            assert children_of(loader) == [waiting]
            other = session.beside()
            await other.load("tasks/a.py")
            assert len(children_of(loader)) == 2
            await other.end()
        loader.prepare()
        await until(lambda: len(children_of(loader)) == 1)
        (another,) = children_of(loader)
        assert another != waiting
        assert "SEEN" not in another.environ()
        loader.prepare()
        assert children_of(loader) == [another], "one waits, and no more"
    assert not another.is_running()


async def test_nothing_waits_where_there_was_no_session(tmp_path: Path) -> None:
    async with ForkingLoader(Layout(tmp_path), Settings()) as loader:
        loader.prepare()
        assert loader._preparing is None


async def test_a_child_that_waits_for_other_folders_is_not_used(tmp_path: Path) -> None:
    async with prepared(tmp_path) as loader:
        (waiting,) = children_of(loader)
        (tmp_path / "more").mkdir()
        (tmp_path / "more/b.py").write_text("import c\n")
        (tmp_path / "more/c.py").write_text("")
        loader.reconfigure(Settings(tasks=("more",)))
        async with loader.session() as session:
            loaded = await session.load("more/b.py")
        assert isinstance(loaded, Loaded), loaded
        loader.prepare()
        await until(lambda: not waiting.is_running() and len(children_of(loader)) == 1)


async def test_a_child_that_waits_is_as_the_parent_is_for_extractors(tmp_path: Path) -> None:
    async with prepared(tmp_path) as loader:
        (waiting,) = children_of(loader)
        loader.expect_extractors()
        loader.prepare()
        await until(lambda: not waiting.is_running() and len(children_of(loader)) == 1)


async def test_while_the_parent_imports_more_a_session_takes_the_child_that_waits(tmp_path: Path) -> None:
    """Caught: it waited until the parent had imported all, and forked another."""
    async with prepared(tmp_path) as loader:
        (waiting,) = children_of(loader)
        loader.expect_extractors()
        loader.prepare()
        async with loader.session() as session:
            await session.load("tasks/a.py")
            assert session._child is not None
            assert session._child.forked.pid == waiting.pid


async def test_while_a_child_works_the_parent_imports_nothing(tmp_path: Path) -> None:
    """Caught: nobody looked after those that worked, and one that was to end took the parent with it."""
    async with prepared(tmp_path) as loader:
        (tmp_path / "tasks/b.py").write_text("import sys\nassert 'wsgiref.handlers' not in sys.modules\n")
        parent = loader._parent
        assert parent is not None
        async with loader.session() as session:
            await session.load("tasks/a.py")
            parent.order(Warm(("this.is.not.there", "wsgiref.handlers")))
            other = session.beside()
            assert isinstance(await other.load("tasks/b.py"), Loaded)
            await other.end()
        loader.prepare()
        await until(lambda: loader._spare is not None)
        async with loader.session() as session:
            assert isinstance(await session.load("tasks/b.py"), LoadFailed)
        assert loader._parent is parent


async def test_what_task_code_may_hold_does_not_hang_on_what_the_parent_has_imported(tmp_path: Path) -> None:
    """Caught: where it has DuckDB and pandas, that was taken off."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/a.py").write_text(FREE_MB)

    async def free_mb() -> int:
        async with loader.session() as session:
            loaded = await session.load("tasks/a.py")
        assert isinstance(loaded, Loaded)
        return int(loaded.tasks[0].name.partition("_")[2])

    async with ForkingLoader(Layout(tmp_path), Settings()) as loader:
        before = await free_mb()
        loader.expect_functions()
        assert abs(await free_mb() - before) < 16


async def test_a_child_that_could_not_be_forked_is_still_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: the one before counted as up to date from then on."""
    async with prepared(tmp_path) as loader:
        before = loader._spare
        loader.expect_extractors()
        with monkeypatch.context() as patch:
            patch.setattr(warm_parent.socket, "socketpair", no_room)
            loader.prepare()
            assert loader._preparing is not None
            await loader._preparing
        assert loader._spare is before
        loader.prepare()
        await until(lambda: loader._spare is not before)


async def test_what_is_left_of_sessions_is_ended_though_no_file_could_be_opened_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: closing the loader failed, and they lived on."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/a.py").write_text("import subprocess\nleft = subprocess.Popen(['sleep', '60'])\nleft.wait()\n")
    looks: list[int] = []

    def look() -> Iterator[int]:
        looks.append(1)
        if len(looks) < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return pids()

    pids = family._pids
    async with ForkingLoader(Layout(tmp_path), Settings()) as loader, loader.session() as session:
        loading = asyncio.create_task(session.load("tasks/a.py"))
        assert loader.pid is not None
        parent = psutil.Process(loader.pid)
        await until(lambda: "sleep" in {child.name() for child in parent.children(recursive=True)})
        (left,) = (child for child in parent.children(recursive=True) if child.name() == "sleep")
        monkeypatch.setattr(family, "_pids", look)
        parent.kill()
        with pytest.raises(WorkerError):
            await loading
        await loader.close()
        await until(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE)
    assert len(looks) >= 3


async def test_a_child_that_died_while_it_waited_is_replaced(tmp_path: Path) -> None:
    async with prepared(tmp_path) as loader:
        (waiting,) = children_of(loader)
        assert loader._spare is not None
        exited = loader._spare.exited
        waiting.kill()
        await exited
        async with loader.session() as session:
            assert isinstance(await session.load("tasks/a.py"), Loaded)
        loader.prepare()
        await until(lambda: len(children_of(loader)) == 1)


async def test_a_child_is_looked_at_once_it_works(tmp_path: Path) -> None:
    limits = Limits(load_s=20, processes=2)
    async with prepared(tmp_path, Settings(limits=limits)) as loader:
        text = "import subprocess\nheld = [subprocess.Popen(['sleep', '30']) for _ in range(4)]\nwhile True: pass\n"
        (tmp_path / "tasks/a.py").write_text(text)
        async with loader.session() as session:
            with pytest.raises(WorkerError, match="processes at once"):
                await session.load("tasks/a.py")


async def test_the_parent_rests_while_its_only_child_waits(tmp_path: Path) -> None:
    mine, daemons = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = Parent(mine, lambda *_: None)  # type: ignore[arg-type,return-value]
    parent._children[1] = None  # type: ignore[assignment]
    parent._waiting.add(1)
    assert parent._patience() is None
    parent._put_to_work(1)
    patience = parent._patience()
    assert patience is not None
    assert 0 < patience < 1
    daemons.close()
    mine.close()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("fork", "Resource temporarily unavailable"),
        ("pidfd_open", "Resource temporarily unavailable"),
        ("pipe", "Resource temporarily unavailable"),
        ("register", "No space left on device"),
        ("recv_fds", "Too many open files"),
    ],
)
async def test_where_no_process_can_be_forked_the_call_hears_of_it_and_the_next_is_served(
    call: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: the parent ended of it, and every session with it."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/a.py").write_text("X = 1\n")
    paths = filter(None, (os.environ.get("PYTHONPATH"), str(ROOT)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("TEST_REFUSED", call)
    async with ForkingLoader(Layout(tmp_path), Settings(), "tests.edges.loader.no_room") as loader:
        async with loader.session() as session:
            with pytest.raises(WorkerError, match=f"no process can be started: {said}"):
                await session.load("tasks/a.py")
            parent = loader.pid
            await until(lambda: children_of(loader) == [])
            assert isinstance(await session.load("tasks/a.py"), Loaded)
        assert loader.pid == parent


async def test_a_parent_that_can_open_no_file_for_a_while_goes_on_and_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: the parent ended when it could not look at processes, and every session with it."""
    (tmp_path / "tasks").mkdir()
    source = "import subprocess, time\nx = subprocess.Popen(['sleep', '60'])\ntime.sleep(0.3)\n"
    (tmp_path / "tasks/a.py").write_text(source)
    paths = filter(None, (os.environ.get("PYTHONPATH"), str(ROOT)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("TEST_REFUSED", "look")
    settings = replace(Settings(), limits=replace(Limits(), processes=1))
    async with ForkingLoader(Layout(tmp_path), settings, "tests.edges.loader.no_room") as loader:
        parent = loader.pid
        async with loader.session() as session:
            with pytest.raises(WorkerError, match="it had 2 processes at once"):
                await session.load("tasks/a.py")
        assert loader.pid == parent
        assert parent is not None
        await until(lambda: psutil.Process(parent).children(recursive=True) == [])


async def test_what_is_compiled_of_libraries_is_kept_and_of_users_files_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: where installing does not compile, each start did so with all of Ibis."""
    (tmp_path / "tasks").mkdir()
    start = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import tasks.helper'], check=True)\n"
    (tmp_path / "tasks/a.py").write_text(f"import helper\n{start}")
    (tmp_path / "tasks/helper.py").write_text("X = 1\n")
    kept = tmp_path / "kept"
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(kept))
    async with ForkingLoader(Layout(tmp_path), Settings()) as loader, loader.session() as session:
        assert isinstance(await session.load("tasks/a.py"), Loaded)
    found = {path.name.partition(".")[0] for path in kept.rglob("*.pyc")}
    assert {"warming", "session", "relations"} <= found
    assert not {"a", "helper"} & found


async def test_a_parent_that_nobody_asked_yet_is_ended_while_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: a command that had nothing to do waited half a second for it."""
    monkeypatch.setattr(warm_parent, "END_S", 60.0)
    async with asyncio.timeout(10), ForkingLoader(Layout(tmp_path), Settings()) as loader:
        parent = loader._parent
        assert parent is not None
        psutil.Process(parent.pid).suspend()
    assert parent._process.returncode == -signal.SIGKILL


async def test_handles_of_children_that_ended_are_closed(tmp_path: Path) -> None:
    async with prepared(tmp_path) as loader:
        held: list[int] = []
        for _ in range(5):
            async with loader.session() as session:
                await session.load("tasks/a.py")
            await until(lambda: children_of(loader) == [])
            held.append(len(os.listdir("/proc/self/fd")))
        # The first took the child that waited; after it there is none.
        assert held == [held[0]] * 5


async def test_sessions_that_find_their_parent_gone_at_once_have_one_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: each started one, and the last was the only one that was ever ended."""
    async with prepared(tmp_path) as loader:
        before = psutil.Process().children()
        assert loader._parent is not None
        monkeypatch.setattr(loader._parent, "_gone", lambda _: None)  # Nothing has replaced it yet.
        await loader._parent.end()
        one = Session(loader.fork, Limits())
        sessions = (one, one.beside())
        await asyncio.gather(*(session.load("tasks/a.py") for session in sessions))
        assert len(psutil.Process().children()) == len(before)
        await asyncio.gather(*(session.end() for session in sessions))
    with pytest.raises(WorkerError, match="the loader was closed"):
        await loader.fork()


async def test_what_a_session_runs_is_dead_at_once_though_its_parent_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with prepared(tmp_path) as loader:
        monkeypatch.setattr(forked, "_REAPED_S", 60.0)
        (tmp_path / "tasks/a.py").write_text("while True: pass\n")
        async with loader.session() as session:
            loading = asyncio.create_task(session.load("tasks/a.py"))
            await until(lambda: any(c.cpu_times().user > 0.1 for c in children_of(loader)))
            (busy,) = (c for c in children_of(loader) if c.cpu_times().user > 0.1)
            assert loader.pid is not None
            parent = psutil.Process(loader.pid)
            parent.suspend()
            try:
                loading.cancel()
                await until(lambda: busy.status() == psutil.STATUS_ZOMBIE)
            finally:
                parent.resume()
            await asyncio.wait([loading])
