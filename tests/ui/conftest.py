"""A daemon of the real kind around a fake application: real socket, real lock-free state folder, canned answers."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from relspec.core.layout import Layout
from relspec.edges import api

Reply = tuple[int, dict[str, Any]]
Asked = list[tuple[str, dict[str, Any]]]
Serving = Callable[[dict[str, Reply]], AbstractContextManager[Asked]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "tasks").mkdir()
    return Layout(tmp_path)


@pytest.fixture
def serving(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """Answer commands from a table, in a thread with its own loop; gives the list of what was asked.

    A command that the table does not have is never answered.
    """
    monkeypatch.setattr(api, "GRACE_S", 0.05)

    @contextmanager
    def run(replies: dict[str, Reply]) -> Iterator[Asked]:
        asked: Asked = []
        ready, done = threading.Event(), asyncio.Event()
        loop = asyncio.new_event_loop()

        async def answer(command: str, arguments: dict[str, Any]) -> Reply:
            asked.append((command, arguments))
            if command not in replies:
                await asyncio.Event().wait()
            return replies[command]

        async def life() -> None:
            async with api.serve(layout, answer):
                ready.set()
                await done.wait()

        thread = threading.Thread(target=loop.run_until_complete, args=(life(),))
        thread.start()
        assert ready.wait(5)
        try:
            yield asked
        finally:
            loop.call_soon_threadsafe(done.set)
            thread.join()
            loop.close()

    return run
