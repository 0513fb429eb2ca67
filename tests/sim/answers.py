"""What has to hold when an answer comes, and of a project at rest: what its files mean is what a clean build gives."""

from pathlib import PurePosixPath

from tests.sim.configured import CONFIG, read
from tests.sim.model import Meaning
from tests.sim.state import State
from tests.sim.witness import table_of

from relspec.app.world import World
from relspec.core.problem import Code
from relspec.core.state import TaskState
from relspec.core.work import LoadFailed

#: How else a clean build tells of the same: it knows of no input that was there before.
_ALSO = {Code.EDGE: Code.UNKNOWN_COLUMN}


class Difference(Exception):  # noqa: N818 - it is what the simulation looks for
    """The product did what it must not."""


def check_answer(world: World, state: State, meanings: list[Meaning], *, may_be_broken: bool) -> None:
    """Hold an answer against what the files meant, at the question or at some time since."""
    for name in sorted({name for one in meanings for name in one.tasks} | world.statuses.keys()):
        _check_state(world, name, meanings, may_be_broken=may_be_broken)
    shown = {} if state.views is None else dict(state.views.names)
    for name in sorted({n for one in meanings for n in one.tables}):
        tables = [one.tables.get(name) for one in meanings]
        status = world.statuses.get(name)
        if any(table is None for table in tables) or (status is not None and status.state is not TaskState.FRESH):
            continue
        found = table_of(state, shown, name)
        if found not in tables and not may_be_broken:
            raise Difference(f"{name} shows {found}, expected {tables[-1]} of {len(tables)}")
        if status is not None and len(meanings) == 1 and not may_be_broken:
            wanted = meanings[0].tasks[name] == "table"
            if wanted != (name in state.tables):
                raise Difference(f"{name} is {'not ' if wanted else ''}among the tables that users open")
    extra = shown.keys() - {name for one in meanings for name in one.tables}
    if extra and not may_be_broken:
        raise Difference(f"{sorted(extra)} are still shown")


def _check_state(world: World, name: str, meanings: list[Meaning], *, may_be_broken: bool) -> None:
    status = world.statuses.get(name)
    expected = {
        "absent" if name not in one.tasks else "broken" if one.tables[name] is None else "fresh" for one in meanings
    }
    expected |= {"absent" for one in meanings if name in one.undeclared}
    found = "absent" if status is None else "fresh" if status.state is TaskState.FRESH else "broken"
    # What never loaded because a process died is told of by its file.
    died = found == "absent" and any(
        isinstance(m, LoadFailed) and PurePosixPath(path).stem == name for path, m in world.modules.items()
    )
    if found not in expected and not (may_be_broken and (found == "broken" or died)):
        reason = "" if status is None else status.reason
        raise Difference(f"{name} is {found} ({reason}), expected {expected}")


def check_settings(world: World, history: list[dict[str, bytes]]) -> bool:
    """Hold that a wrong `watch.toml` is told of, and a right one is not; whether it is known which settings hold."""
    wrong = {read(files.get(CONFIG, b"")) is None for files in history}
    if len(wrong) == 1 and wrong != {"config" in world.loose_problems}:
        raise Difference(f"{CONFIG} is {'' if wrong == {False} else 'not '}told of as wrong")
    return wrong == {False}


def check_clean(mine: State, clean: State, now: Meaning) -> None:
    """Hold a state against that of a build of the same files from nothing: tasks, problems and tables."""
    for name in sorted((clean.saved.statuses.keys() | mine.saved.statuses.keys()) - now.undeclared):
        found, wanted = mine.saved.statuses.get(name), clean.saved.statuses.get(name)
        if found is None or wanted is None or found.state is not wanted.state:
            raise Difference(f"{name} is {found and found.state}, in a clean build {wanted and wanted.state}")
    if not now.undeclared and _told(mine) != _told(clean):
        raise Difference(f"problems are {sorted(_told(mine))}, in a clean build {sorted(_told(clean))}")
    assert mine.views is not None
    assert clean.views is not None
    names, clean_names = dict(mine.views.names), dict(clean.views.names)
    for name in sorted(clean_names):
        if table_of(mine, names, name) != table_of(clean, clean_names, name):
            raise Difference(f"{name} differs from a clean build")


def _told(state: State) -> set[tuple[str, str]]:
    return {(_ALSO.get(p.code, p.code).value, p.task or p.path or "") for p in state.problems}
