"""What is being written is waited for. Break that was planted and caught: a look elsewhere forgets it."""

from pathlib import Path

from tests.scenarios.harness import write

from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout


async def test_what_is_being_written_stays_held_while_looks_go_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, {"tasks/one.sql": "select 1 as x", "data/some.csv": "a\n1\n", "data/other.csv": "a\n1\n"})
    some, other = (str(tmp_path / "data" / name) for name in ("some.csv", "other.csv"))
    async with open_workspace(Layout(tmp_path), lambda _: None) as workspace:
        await workspace.look_all()
        with Path(some).open("a") as writer:
            writer.write("2\n")
            writer.flush()
            workspace.look(frozenset({some}))
            assert "data/some.csv" in workspace.held
            workspace.look(frozenset({other}))
            assert "data/some.csv" in workspace.held
        assert "data/some.csv" in (await workspace.look_all()).paths
        assert workspace.held == frozenset()
