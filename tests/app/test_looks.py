"""What is being written is waited for. Break that was planted and caught: a look elsewhere forgets it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenarios.harness import write

from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout


@contextmanager
def writing(path: str, text: str) -> Iterator[None]:
    """Append to a file, and have it open all the while."""
    with Path(path).open("a") as writer:
        writer.write(text)
        writer.flush()
        yield


async def test_what_is_being_written_stays_held_while_looks_go_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, {"tasks/one.sql": "select 1 as x", "data/some.csv": "a\n1\n", "data/other.csv": "a\n1\n"})
    some, other = (str(tmp_path / "data" / name) for name in ("some.csv", "other.csv"))
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.look_all()
        with writing(some, "2\n"):
            workspace.look(frozenset({some}))
            assert "data/some.csv" in workspace.held
            workspace.look(frozenset({other}))
            assert "data/some.csv" in workspace.held
        assert "data/some.csv" in (await workspace.look_all()).paths
        assert workspace.held == frozenset()
