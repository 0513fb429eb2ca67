"""The daemon's door and its client, over real sockets: who gets an answer, what is refused, what is left behind."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relspec.core.document import EncodedList, encoded
from relspec.core.errors import DaemonLostError, StateError, UnknownNameError
from relspec.core.layout import Layout
from relspec.edges import api
from relspec.edges.ask import ask, card


async def echo(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 1, {"command": command, **arguments}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def deep(tmp_path: Path) -> Layout:
    root = tmp_path / ("d" * 60) / ("e" * 60)
    root.mkdir(parents=True)
    return Layout(root)


async def asked(layout: Layout, command: str = "status", within_s: float | None = 5, **arguments: Any) -> Any:
    return await asyncio.to_thread(ask, layout, command, arguments, within_s)


def sent(layout: Layout, data: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(layout.socket))
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(data)
        with connection.makefile() as file:
            reply: dict[str, Any] = json.loads(file.readline())
    return reply


async def test_a_command_comes_back_with_its_exit_code_and_document(layout: Layout) -> None:
    async with api.serve(layout, echo):
        assert await asked(layout, "build", tasks=["a"]) == (1, {"command": "build", "tasks": ["a"]})


async def test_a_large_answer_and_a_name_that_is_no_utf8_arrive_whole(layout: Layout) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    document = {"name": name, "rows": ["x" * 1000] * 3000}

    async def answer(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 0, document

    async with api.serve(layout, answer):
        assert await asked(layout) == (0, document)


async def test_a_list_that_is_json_already_arrives_as_its_values(layout: Layout) -> None:
    lines = [{"name": "é", "n": n} for n in range(20_000)]

    async def answer(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 0, {"before": 1, "tasks": EncodedList([encoded(line) for line in lines]), "after": float("inf")}

    async with api.serve(layout, answer):
        assert await asked(layout) == (0, {"before": 1, "tasks": lines, "after": None})


async def test_an_answer_that_nobody_takes_is_held_back_and_dropped(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "CLIENT_S", 0.2)
    n_made, ended = 0, asyncio.Event()

    def pieces(_: object) -> Iterator[bytes]:
        nonlocal n_made
        try:
            for n_made in range(1000):  # noqa: B007 - counted for the test.
                yield b"x" * 100_000
        finally:
            ended.set()

    monkeypatch.setattr(api, "encoded_document", pieces)
    async with api.serve(layout, echo):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(layout.socket))
            silent.sendall(b'{"command": "status", "arguments": {}}\n')
            await asyncio.wait_for(ended.wait(), 5)
    assert 0 < n_made < 20


async def test_an_error_of_ours_comes_back_with_code_sentence_and_hint(layout: Layout) -> None:
    async def answer(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        raise UnknownNameError("task", "revenu", ["revenue", "orders"])

    async with api.serve(layout, answer):
        error = {
            "code": "unknown-name",
            "message": "there is no task named 'revenu'",
            "hint": "did you mean 'revenue'?",
        }
        assert await asked(layout) == (2, {"error": error})


async def test_a_defect_reaches_the_client_and_the_loops_handler_and_others_are_still_answered(layout: Layout) -> None:
    met: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: met.append(report["exception"]))

    async def answer(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if command == "bad":
            raise ZeroDivisionError("x")
        return 0, {}

    async with api.serve(layout, answer):
        exit_code, document = await asked(layout, "bad")
        assert (exit_code, "ZeroDivisionError" in document["error"]["message"]) == (1, True)
        assert await asked(layout, "good") == (0, {})
    assert [type(error) for error in met] == [ZeroDivisionError]


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"[]\n",
        b"\xff\xfe\n",
        b'{"command": "status"}\n',
        b'{"command": 1, "arguments": {}}\n',
        b'{"command": "status", "arguments": []}\n',
        b"[" * 100_000 + b"\n",
        b'{"command": "' + b"x" * (api.REQUEST_BYTES_MAX + 10),
    ],
)
async def test_a_malformed_request_is_answered_with_a_sentence(layout: Layout, line: bytes) -> None:
    async with api.serve(layout, echo):
        reply = await asyncio.to_thread(sent, layout, line)
        assert (reply["exit"], reply["code"]) == (2, "config")
        assert reply["error"].startswith("a request ")
        assert (await asked(layout))[0] == 1


async def test_clients_that_hang_or_leave_disturb_nobody(layout: Layout) -> None:
    release = asyncio.Event()
    waiting = asyncio.Event()

    async def answer(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if command == "slow":
            waiting.set()
            await release.wait()
        return 0, {"x": "y" * 5_000_000}

    async with api.serve(layout, answer):
        _, silent = await asyncio.open_unix_connection(str(layout.socket))
        _, leaver = await asyncio.open_unix_connection(str(layout.socket))
        leaver.write(b'{"command": "slow", "arguments": {}}\n')
        await waiting.wait()
        leaver.close()
        release.set()
        assert (await asked(layout))[0] == 0
        silent.close()


async def test_too_many_clients_are_turned_away_with_a_sentence(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "CLIENTS_MAX", 1)
    async with api.serve(layout, echo):
        _, silent = await asyncio.open_unix_connection(str(layout.socket))
        exit_code, document = await asked(layout)
        assert (exit_code, document["error"]["code"]) == (1, "state")
        silent.close()


async def test_the_client_that_asked_to_stop_gets_its_answer_and_one_that_still_waits_is_told(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "GRACE_S", 0.1)
    waits = {"build": asyncio.Event(), "stop": asyncio.Event()}
    release = asyncio.Event()

    async def answer(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        waits[command].set()
        await (release if command == "stop" else asyncio.Event()).wait()
        return 0, {"stopping": True}

    async with api.serve(layout, answer):
        building = asyncio.create_task(asked(layout, "build"))
        stopping = asyncio.create_task(asked(layout, "stop"))
        await asyncio.gather(*(event.wait() for event in waits.values()))
        asyncio.get_running_loop().call_later(0.01, release.set)
    assert await stopping == (0, {"stopping": True})
    exit_code, document = await building
    assert (exit_code, document["error"]["code"]) == (1, "daemon-lost")


async def test_a_daemon_that_does_not_answer_in_time_is_an_error(layout: Layout) -> None:
    never = asyncio.Event()

    async def answer(command: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        await never.wait()
        return 0, {}

    async with api.serve(layout, answer):
        with pytest.raises(DaemonLostError, match="did not answer 'status' within"):
            await asked(layout, within_s=0.05)
        never.set()


def test_without_a_socket_nobody_is_there(layout: Layout) -> None:
    assert ask(layout, "status", {}, 1) is None


def test_a_socket_that_a_killed_daemon_left_is_nobody(layout: Layout) -> None:
    leave_stale(layout)
    assert ask(layout, "status", {}, 1) is None


async def test_a_stale_socket_is_replaced(layout: Layout) -> None:
    leave_stale(layout)
    async with api.serve(layout, echo):
        assert (await asked(layout))[0] == 1


def names_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def leave_stale(layout: Layout) -> None:
    layout.state.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(layout.socket))
        dead.listen()


@pytest.mark.parametrize("where", ["layout", "deep"])
@pytest.mark.parametrize("removed", ["socket", "card", "folder"])
async def test_what_was_tidied_away_under_a_daemon_is_made_anew(
    where: str, removed: str, runtime: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    # Nobody could ask it any more, nor stop it: `stop` said that no daemon runs.
    monkeypatch.setattr(api, "KEEP_S", 0.01)
    here: Layout = request.getfixturevalue(where)
    async with api.serve(here, echo):
        if removed == "folder" and where == "deep":
            shutil.rmtree(here.socket.resolve().parent)
        else:
            (here.card if removed == "card" else here.socket).unlink()
        async with asyncio.timeout(5):
            while card(here) is None or (found := await asked(here)) is None:  # noqa: ASYNC110 - files tell nobody.
                await asyncio.sleep(0.01)
        assert found == (1, {"command": "status"})
    assert not here.socket.is_symlink()
    assert not here.socket.exists()
    assert not here.card.exists()
    assert list(runtime.iterdir()) == []


async def test_no_socket_is_made_in_a_state_that_took_the_place_of_ours(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "KEEP_S", 0.01)
    looked, is_at, enough = 0, api._is_at, asyncio.Event()

    def counted(*where: Any) -> bool:
        nonlocal looked
        looked += 1
        if looked == 3:
            enough.set()
        return is_at(*where)

    async with api.serve(layout, echo):
        layout.state.rename(layout.root / "moved")
        layout.state.mkdir()
        monkeypatch.setattr(api, "_is_at", counted)
        await asyncio.wait_for(enough.wait(), 5)
        assert list(layout.state.iterdir()) == []


async def test_socket_folder_and_card_are_the_users_alone_and_gone_at_the_end(layout: Layout) -> None:
    layout.state.mkdir(mode=0o755)
    async with api.serve(layout, echo):
        modes = [stat.S_IMODE(p.stat().st_mode) for p in (layout.state, layout.socket, layout.card)]
        assert modes == [0o700, 0o600, 0o600]
        found = card(layout)
        assert found is not None
        assert (found["pid"], found["socket"], found["root"]) == (os.getpid(), str(layout.socket), str(layout.root))
    assert names_in(layout.state) == []


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rt-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


async def test_a_project_too_deep_for_a_socket_is_answered_all_the_same(deep: Layout, runtime: Path) -> None:
    async with api.serve(deep, echo):
        folder = runtime / names_in(runtime)[0]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert Path(os.readlink(deep.socket)) == folder / "daemon.sock"
        assert (await asked(deep))[0] == 1
    assert names_in(runtime) == []
    assert names_in(deep.state) == []


@pytest.mark.parametrize("top", ["/nowhere/at/all", "/proc", "x" * 120])
async def test_where_the_runtime_folder_is_of_no_use_another_place_is_found(
    deep: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, top: str
) -> None:
    if not top.startswith("/"):
        (tmp_path / top).mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / top))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / top))
    async with api.serve(deep, echo):
        place = Path(os.readlink(deep.socket))
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert (await asked(deep))[0] == 1
    assert not place.parent.exists()


async def test_a_deep_project_takes_another_folder_when_its_own_is_open_to_others(deep: Layout, runtime: Path) -> None:
    async with api.serve(deep, echo):
        own = runtime / names_in(runtime)[0]
    own.mkdir(mode=0o777)
    own.chmod(0o777)
    async with api.serve(deep, echo):
        assert names_in(own) == []
        assert (await asked(deep))[0] == 1


async def test_a_copy_of_a_project_does_not_reach_the_daemon_of_the_original(deep: Layout, runtime: Path) -> None:
    async with api.serve(deep, echo):
        copy = deep.root.with_name("f" * 60)
        (copy / "state").mkdir(parents=True)
        shutil.copy(deep.card, copy / "state" / "daemon.json")
        assert ask(Layout(copy), "status", {}, 1) is None


async def test_a_copied_link_to_the_socket_leads_nobody_to_the_daemon_of_the_original(
    deep: Layout, runtime: Path, tmp_path: Path
) -> None:
    async with api.serve(deep, echo):
        # Its path is short enough for a socket, so what lies there is taken for its own.
        copy = Layout(tmp_path / "c")
        await asyncio.to_thread(subprocess.run, ["cp", "-a", str(deep.root), str(copy.root)], check=True)
        assert copy.socket.is_symlink()
        assert await asked(copy) is None
        assert (await asked(deep))[0] == 1
        place = runtime / names_in(runtime)[0] / "daemon.sock"
        raw = {"command": "stop", "arguments": {}, "state": [1, 2]}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(place))
            connection.sendall(json.dumps(raw).encode() + b"\n")
            reply = json.loads(await asyncio.to_thread(connection.recv, 4096))
    assert (reply["exit"], reply["code"]) == (3, "no-daemon")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
async def test_another_user_is_refused_even_where_modes_would_let_them_in() -> None:
    root = Path(tempfile.mkdtemp(prefix="peer-"))
    layout = Layout(root)
    request = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        's.sendall(b\'{"command": "status", "arguments": {}}\\n\'); print(s.makefile().readline())'
    )
    try:
        async with api.serve(layout, echo):
            for path, mode in ((root, 0o755), (layout.state, 0o755), (layout.socket, 0o666)):
                path.chmod(mode)
            command = ["/usr/bin/env", "python3", "-c", request, str(layout.socket)]
            done = await asyncio.to_thread(
                subprocess.run,
                command,
                user=65534,
                capture_output=True,
                text=True,
                env={"PATH": "/usr/bin:/usr/local/bin"},
            )
            assert json.loads(done.stdout)["error"] == "this daemon answers only user 0, and you are user 65534"
            assert (await asked(layout))[0] == 1
    finally:
        shutil.rmtree(root)


IMPOSTOR = """
import socket, sys
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind(sys.argv[1])
    listening.listen()
    print("listening", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_daemon_of_another_user_is_not_believed() -> None:
    root = Path(tempfile.mkdtemp(prefix="peer-"))
    layout = Layout(root)
    layout.state.mkdir()
    try:
        for path in (root, layout.state):
            path.chmod(0o777)
        command = ["/usr/bin/env", "python3", "-c", IMPOSTOR, str(layout.socket)]
        with subprocess.Popen(
            command,
            user=65534,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin:/usr/local/bin"},
        ) as impostor:
            assert impostor.stdout is not None
            assert impostor.stdout.readline() == "listening\n"
            with pytest.raises(StateError, match="answers a process of user 65534, and only your own"):
                ask(layout, "status", {}, 5)
            impostor.communicate("")
    finally:
        shutil.rmtree(root)


def test_the_client_loads_neither_asyncio_nor_msgspec_nor_logging() -> None:
    code = "import sys, relspec.edges.ask; print([m for m in ('asyncio', 'msgspec', 'logging') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_many_clients_at_once_each_get_their_own_answer(layout: Layout) -> None:
    async with api.serve(layout, echo):
        replies = await asyncio.gather(*(asked(layout, "show", n=n) for n in range(30)))
    assert [document["n"] for _, document in replies] == list(range(30))
    assert threading.active_count() < 50


async def test_whoever_waits_when_the_daemon_ends_hears_of_it_and_nothing_is_logged(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    forgotten: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    waits = asyncio.Event()

    async def never(command: str, arguments: dict[str, Any]) -> Any:
        waits.set()
        return await forgotten

    async with api.serve(layout, never):
        asking = asyncio.create_task(asked(layout, "build", within_s=None))
        await waits.wait()
        forgotten.cancel()
    exit_code, document = await asking
    assert (exit_code, document["error"]["code"]) == (1, "daemon-lost")
    assert caplog.records == []


async def test_a_card_that_cannot_be_written_is_an_error_that_says_so(layout: Layout) -> None:
    layout.card.with_suffix(".new").mkdir(parents=True)
    with pytest.raises(StateError, match=r"cannot write .*daemon\.json"):
        async with api.serve(layout, echo):
            pass
    assert not layout.socket.exists()


async def test_a_door_that_cannot_be_made_whole_leaves_nothing_that_is_listened_for(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: the socket was closed under the loop, which then accepted on whatever had its number next."""

    def refuse(layout: Layout, place: Path) -> None:
        raise StateError("cannot write daemon.json: Permission denied")

    watched = dict(asyncio.get_running_loop()._selector.get_map())  # type: ignore[attr-defined]
    monkeypatch.setattr(api, "_write_card", refuse)
    with pytest.raises(StateError, match=r"daemon\.json"):
        async with api.serve(layout, echo):
            pass
    assert dict(asyncio.get_running_loop()._selector.get_map()) == watched  # type: ignore[attr-defined]
    assert not layout.socket.exists()
