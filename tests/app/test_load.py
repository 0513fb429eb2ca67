"""Task files are loaded again when they were not what the last look saw, and not for ever."""

from pathlib import Path

from relspec.app.load import UNSTEADY_MAX, load
from relspec.app.texts import Texts
from relspec.app.world import World
from relspec.core.dataset import Stamp
from relspec.core.errors import InputMovedError
from relspec.core.layout import Layout
from relspec.core.plan import FileUse
from relspec.core.settings import Settings
from relspec.core.settle import ChangeSet
from relspec.core.state import Saved
from relspec.core.toolchain import Toolchain
from relspec.core.tree import FileEntry
from relspec.core.work import Loaded

PATH = "tasks/one.py"


class Session:
    """A loader that always reads `content`."""

    def __init__(self, content: str) -> None:
        self.content = content
        self.loads = 0

    async def load(self, path: str) -> Loaded:
        """Count."""
        self.loads += 1
        return Loaded(path, (), (), (FileUse(path, self.content),), (), ())


class Unread:
    """No file can be read."""

    def read_code(self, path: str) -> tuple[str, bytes]:
        raise InputMovedError(path)


def world() -> World:
    entry = FileEntry(PATH, Stamp(1, 1, 1, 1, 1), "looked at")
    saved = Saved(0, 0, None, {PATH: entry}, {}, {}, {}, {}, {}, {})
    return World(Layout(Path("/project")), Settings(), saved, Toolchain("engine", "compiler"))


async def test_what_was_not_what_the_look_saw_is_loaded_again_and_not_for_ever() -> None:
    opened, session = world(), Session("other")
    texts = Texts(Unread())
    await load(opened, ChangeSet((PATH,), (), ()), session, texts)  # type: ignore[arg-type]
    while opened.look_again:
        assert opened.look_again == {PATH}
        await load(opened, ChangeSet((), (), ()), session, texts)  # type: ignore[arg-type]
        assert session.loads < 100
    assert session.loads == UNSTEADY_MAX + 1


async def test_what_was_what_the_look_saw_is_loaded_once() -> None:
    opened, session = world(), Session("looked at")
    texts = Texts(Unread())
    await load(opened, ChangeSet((PATH,), (), ()), session, texts)  # type: ignore[arg-type]
    assert (opened.look_again, session.loads) == (set(), 1)
