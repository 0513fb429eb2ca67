"""When to look, and what a look found: pure, so every case is a literal."""

import pytest

from relspec.core.dataset import Stamp
from relspec.core.settings import WatchSettings
from relspec.core.settle import (
    HINTS_MAX,
    HOLD_MAX_MS,
    ChangeSet,
    Gathered,
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


def test_a_look_waits_for_quiet() -> None:
    gathered = gather(None, frozenset({"/a"}), 100)
    assert look_at_ms(gathered, SETTINGS, False, 100) == 110
    gathered = gather(gathered, frozenset({"/b"}), 105)
    assert gathered == Gathered(frozenset({"/a", "/b"}), 100, 105)
    assert look_at_ms(gathered, SETTINGS, False, 105) == 115


def test_a_stream_of_hints_does_not_starve_the_look() -> None:
    gathered = gather(None, frozenset({"/a"}), 0)
    for now in range(5, 100, 5):
        gathered = gather(gathered, frozenset({"/a"}), now)
    assert look_at_ms(gathered, SETTINGS, False, 95) == 50


def test_a_look_waits_for_git_but_not_for_ever() -> None:
    gathered = gather(None, frozenset({"/a"}), 0)
    assert look_at_ms(gathered, SETTINGS, True, 40) == 50
    assert look_at_ms(gathered, SETTINGS, True, 700) == 710
    assert look_at_ms(gathered, SETTINGS, True, HOLD_MAX_MS) <= HOLD_MAX_MS


def test_a_hold_without_quiet_time_still_lets_time_pass() -> None:
    gathered = gather(None, None, 0)
    assert look_at_ms(gathered, WatchSettings(quiet_ms=0), True, 0) > 0


def test_hints_unite_and_too_many_become_everything() -> None:
    one: Hints = frozenset({"/a"})
    assert merge(one, frozenset({"/b"})) == {"/a", "/b"}
    assert merge(one, None) is None
    assert merge(None, one) is None
    many = frozenset(f"/{n}" for n in range(HINTS_MAX))
    assert merge(many, frozenset({"/0"})) == many
    assert merge(many, one) is None
