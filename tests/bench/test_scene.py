"""Edits of a scene change exactly the tables that they say, by the statements alone: the tool takes no part."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.bench.edit import Edit
from tests.bench.forms import IBIS, IBIS_MANY, SQL, Form
from tests.bench.project import dag
from tests.bench.scene import Drawn, Scene
from tests.by_hand import tables_of

NODES = dag(20, n_extra=2)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = _scene(tmp_path, SQL)
    yield made
    made.close()


def _scene(place: Path, form: Form) -> Scene:
    scene = Scene(place, Drawn(NODES, form, 200, 1, 1))
    scene.write()
    scene.built()
    return scene


def _known(edit: Edit) -> frozenset[str]:
    assert edit.executed is not None
    return edit.executed


def _tables(scene: Scene) -> dict[str, list[tuple[object, ...]]]:
    with tables_of(scene.root, {"base": f"from '{scene.root}/data/base.parquet'"}) as made:
        return {node.name: sorted(made.execute(f"from {node.name}").fetchall()) for node in NODES}


def test_an_edit_changes_the_tables_that_it_says(scene: Scene) -> None:
    before = _tables(scene)
    for step in ("touch", "comment", "data file", "leaf", "leaf", "cone 10", "cone 100", "root", "branch switch"):
        edit = scene.edit(step)
        edit.apply()
        after = _tables(scene)
        assert {name for name in after if after[name] != before[name]} == _known(edit), step
        before = after


def test_an_edit_that_is_cut_off_changes_a_text_and_no_row(scene: Scene) -> None:
    before, text = _tables(scene), {path: path.read_text() for path in (scene.root / "tasks").iterdir()}
    edit = scene.edit("cut off")
    edit.apply()
    assert {path.stem for path in text if path.read_text() != text[path]} == _known(edit)
    assert _tables(scene) == before


@pytest.mark.parametrize("step", ["undo", "branch back"])
def test_going_back_gives_the_tables_of_before(scene: Scene, step: str) -> None:
    before = _tables(scene)
    edit = scene.edit(step)
    assert edit.before is not None
    edit.before()
    there = _tables(scene)
    assert {name for name in there if there[name] != before[name]} == edit.restored
    edit.apply()
    assert _tables(scene) == before


@pytest.mark.parametrize("form", [IBIS, IBIS_MANY], ids=["a file each", "many in a file"])
def test_tasks_in_ibis_give_what_those_in_sql_do(scene: Scene, tmp_path: Path, form: Form) -> None:
    (tmp_path / "ibis").mkdir()
    other = _scene(tmp_path / "ibis", form)
    for each in (scene, other):
        each.edit("root").apply()
    assert _tables(other) == _tables(scene)
    other.close()


def test_the_floor_has_what_the_edit_gives(scene: Scene) -> None:
    edit = scene.edit("cone 10")
    edit.apply()
    assert edit.floor is not None
    (scene.root / "state" / "tables").mkdir(parents=True)
    with tables_of(scene.root, {"base": f"from '{scene.root}/data/base.parquet'"}) as made:
        for name in _known(edit):
            made.execute(f"copy {name} to '{scene.root}/state/tables/{name}.parquet'")
    assert scene.differs(_known(edit)) in _known(edit)
    edit.floor()
    assert scene.differs(_known(edit)) is None


def test_a_part_more_has_no_row_that_a_task_keeps(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Drawn(dag(10), SQL, 200, 20, 1))
    scene.write()
    scene.built()
    edit = scene.edit("part added")
    edit.apply()
    parts = sorted((scene.root / "data" / "base").glob("*.parquet"))
    assert len(parts) == 21
    with duckdb.connect() as connection:
        assert connection.execute(f"select count(*) from '{parts[-1]}' where k < 100").fetchall() == [(0,)]
    assert _known(edit) == {"m_00000"}
    scene.close()
