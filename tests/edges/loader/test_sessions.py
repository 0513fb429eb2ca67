"""Sessions leave no process behind, wherever a build that has one is cancelled."""

import asyncio
import socket

import psutil
import pytest
from tests.edges.loader.conftest import Project

from relspec.edges.loader import client
from relspec.edges.loader.messages import Forked
from relspec.edges.loader.parent import Parent

pytestmark = pytest.mark.asyncio(loop_scope="module")


def children(project: Project) -> list[psutil.Process]:
    assert project.loader.pid is not None
    return psutil.Process(project.loader.pid).children()


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
    parent = Parent(mine, lambda *_: None)  # type: ignore[arg-type,return-value]
    parent._watch(mine.fileno(), parent._obey)
    daemons.close()
    parent._obey()
    parent._report(Forked(1, 4711))
    assert mine.fileno() == -1
    parent._selector.close()
