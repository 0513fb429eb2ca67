"""When to look, and what a look found: pure, so every case is a literal."""

import pytest

from relspec.core.dataset import Stamp
from relspec.core.settings import WatchSettings
from relspec.core.settle import (
    HINTS_MAX,
    HOLD_MAX_MS,
    ChangeSet,
    Gathered,
    Hint,
    Hints,
    changes_between,
    gather,
    look_at_ms,
    merge,
)
from relspec.core.tree import FileEntry, Tree

SETTINGS = WatchSettings(quiet_ms=10, settle_max_ms=50)


def entry(path: str, mark: int, content: str | None = None) -> FileEntry:
    return FileEntry(path, Stamp(1, mark, 0, 0, 0), content)


def tree(*entries: FileEntry) -> Tree:
    return {e.path: e for e in entries}


def test_changes_are_sorted_by_kind() -> None:
    before = tree(entry("c", 1), entry("b", 1), entry("gone", 1), entry("same", 1))
    after = tree(entry("c", 2), entry("b", 2), entry("z", 1), entry("a", 1), entry("same", 1))
    found = changes_between(before, after)
    assert found == ChangeSet(added=("a", "z"), changed=("b", "c"), removed=("gone",))
    assert found.paths == ("a", "b", "c", "gone", "z")
    assert found
    assert not changes_between(after, after)


def test_a_touch_of_code_is_no_change() -> None:
    assert not changes_between(tree(entry("t.sql", 1, "same")), tree(entry("t.sql", 2, "same")))
    assert changes_between(tree(entry("t.sql", 1, "old")), tree(entry("t.sql", 1, "new"))).changed == ("t.sql",)


@pytest.mark.parametrize("field", ["device", "inode", "size", "mtime_ns", "ctime_ns"])
def test_every_field_of_a_stamp_counts_for_data(field: str) -> None:
    values = {"device": 1, "inode": 1, "size": 1, "mtime_ns": 1, "ctime_ns": 1}
    before = FileEntry("d.csv", Stamp(**values), None)
    after = FileEntry("d.csv", Stamp(**{**values, field: 0}), None)
    assert changes_between(tree(before), tree(after)).changed == ("d.csv",)


def test_merged_changes_tell_the_whole_way() -> None:
    first = ChangeSet(added=("brief", "new"), changed=("c",), removed=("back", "gone"))
    later = ChangeSet(added=("back",), changed=("new",), removed=("brief", "c"))
    assert first.merged(later) == ChangeSet(("new",), ("back", "brief"), ("c", "gone"))


def gathered(*hints: tuple[float, Hint]) -> Gathered:
    """Hints that came at these times, where every `.sql` is a file of the project."""
    found = None
    for now_ms, hint in hints:
        found = gather(found, hint, now_ms, lambda path: path.endswith(".sql"))
    assert found is not None
    return found


def due(*hints: tuple[float, Hint], looked_ms: float = -1_000) -> float:
    """When these hints are looked at, if nothing more comes."""
    return look_at_ms(gathered(*hints), SETTINGS, looked_ms, False, hints[-1][0])


def unsure(*paths: str) -> Hint:
    return Hint(frozenset(paths))


def whole(*paths: str) -> Hint:
    return Hint(frozenset(paths), frozenset(paths))


def test_a_look_waits_for_quiet() -> None:
    assert due((100, unsure("/a.sql"))) == 110
    hints = ((100, unsure("/a.sql")), (105, unsure("/b.sql")))
    found = gathered(*hints)
    assert (found.hints, found.first_ms, found.last_ms) == (frozenset({"/a.sql", "/b.sql"}), 100, 105)
    assert due(*hints) == 115


def test_a_lone_file_that_is_whole_hardly_waits() -> None:
    assert due((100, whole("/a.sql"))) == 101
    # It was being written, and then closed.
    assert due((100, unsure("/a.sql")), (101, whole("/a.sql"))) == 102
    # Names that a save passes through are no files of the project.
    assert due((100, Hint(frozenset({"/.tmp", "/a.sql"}), frozenset({"/a.sql"})))) == 101
    assert due((100, unsure("/4913")), (101, whole("/a.sql")), (102, unsure("/a.sql~"))) == 103


def test_who_waits_less_than_that_is_not_made_to_wait() -> None:
    assert look_at_ms(gathered((0, whole("/a.sql"))), WatchSettings(quiet_ms=0), -1_000, False, 0) == 0


@pytest.mark.parametrize(
    "hints",
    [
        # It is written again, or somebody took it away.
        ((99, whole("/a.sql")), (100, unsure("/a.sql"))),
        # Several files, at once or one after the other, whole or not.
        ((100, whole("/a.sql", "/b.sql")),),
        ((100, whole("/a.sql", "/b.sql", "/c.sql")),),
        ((99, whole("/a.sql")), (100, whole("/b.sql"))),
        ((99, unsure("/a.sql")), (100, whole("/b.sql"))),
        ((98, whole("/a.sql", "/b.sql")), (100, whole("/c.sql"))),
        # No file of the project; and everything.
        ((100, whole("/x~")),),
        ((100, Hint(None)),),
        ((99, Hint(None)), (100, whole("/a.sql"))),
    ],
)
def test_all_else_waits_for_quiet(hints: tuple[tuple[float, Hint], ...]) -> None:
    assert due(*hints) == 110


def test_saves_one_after_the_other_are_two_looks_at_most() -> None:
    assert due((105, whole("/b.sql")), looked_ms=102) == 115
    assert due((112, whole("/b.sql")), looked_ms=102) == 113


def test_a_stream_of_hints_does_not_starve_the_look() -> None:
    assert due(*((now, unsure("/a.sql")) for now in range(0, 100, 5))) == 50
    # Nor does one that says each time that the file is whole.
    assert due(*((now, whole("/a.sql")) for now in range(100))) == 50


def test_a_look_waits_for_git_but_not_for_ever() -> None:
    found = gathered((0, whole("/a.sql")))
    assert look_at_ms(found, SETTINGS, -1_000, True, 40) == 50
    assert look_at_ms(found, SETTINGS, -1_000, True, 700) == 710
    assert look_at_ms(found, SETTINGS, -1_000, True, HOLD_MAX_MS) <= HOLD_MAX_MS


def test_a_hold_without_quiet_time_still_lets_time_pass() -> None:
    assert look_at_ms(gathered((0, Hint(None))), WatchSettings(quiet_ms=0), -1_000, True, 0) > 0


def test_hints_unite_and_too_many_become_everything() -> None:
    one: Hints = frozenset({"/a"})
    assert merge(one, frozenset({"/b"})) == {"/a", "/b"}
    assert merge(one, None) is None
    assert merge(None, one) is None
    many = frozenset(f"/{n}" for n in range(HINTS_MAX))
    assert merge(many, frozenset({"/0"})) == many
    assert merge(many, one) is None
