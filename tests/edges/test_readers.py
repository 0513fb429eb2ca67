"""Who has an earlier file of views open: told by the kernel about real other processes.

Breaks that were caught: a read lease in place of the write lease; a link that is made after the pruning is pruned with
it; errors of the lease taken for "free"; numbers that outlive their database.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relspec.core.errors import StateError
from relspec.core.layout import Layout
from relspec.edges import readers
from relspec.edges.readers import Readers


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.held.mkdir(parents=True)
    return made


def show(layout: Layout, text: str) -> None:
    aside = layout.state / "aside"
    aside.write_text(text)
    aside.replace(layout.views)


@contextmanager
def reader(path: Path) -> Iterator[None]:
    script = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.communicate()


def links(layout: Layout) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in layout.held.iterdir())


def test_this_system_tells_who_has_a_file_open(layout: Layout) -> None:
    assert Readers(layout).seen
    assert links(layout) == []


def test_what_nobody_has_open_is_not_held_for_long(layout: Layout) -> None:
    known = Readers(layout)
    for revision in (1, 2, 3):
        show(layout, str(revision))
        known.hold(revision)
    assert links(layout) == ["3"], "the next one to be replaced is held whether it is open or not"
    show(layout, "4")
    assert known.oldest() is None
    assert links(layout) == []


def test_the_oldest_revision_that_another_process_has_open_is_known_until_it_is_closed(layout: Layout) -> None:
    known = Readers(layout)
    show(layout, "1")
    with reader(layout.views):
        known.hold(1)
        show(layout, "2")
        with reader(layout.views):
            known.hold(2)
            show(layout, "3")
            assert known.oldest() == 1
            assert Readers(layout).oldest() == 1, "another owner of the state finds it as well"
        assert (known.oldest(), links(layout)) == (1, ["1"])
    assert (known.oldest(), links(layout)) == (None, [])


def test_a_reader_that_comes_between_holding_and_replacing_is_seen(layout: Layout) -> None:
    known = Readers(layout)
    show(layout, "1")
    known.hold(1)
    with reader(layout.views):
        show(layout, "2")
        assert known.oldest() == 1


def test_holding_twice_and_holding_nothing_are_no_errors(layout: Layout) -> None:
    known = Readers(layout)
    known.hold(None)
    show(layout, "1")
    with reader(layout.views):
        known.hold(1)
        known.hold(1)
        assert known.oldest() == 1


def test_the_number_of_a_revision_is_unknown_once_its_database_is_gone(layout: Layout) -> None:
    known = Readers(layout)
    show(layout, "1")
    with reader(layout.views):
        known.hold(57)
        known.forget_revisions()
        assert known.oldest() == 0


def test_where_leases_do_not_work_nothing_is_held(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(readers.fcntl, "fcntl", refused)
    known = Readers(layout)
    assert not known.seen
    show(layout, "1")
    known.hold(1)
    assert links(layout) == []


def test_who_may_write_is_seen_in_the_file_that_is_shown_and_in_those_that_are_held(layout: Layout) -> None:
    known = Readers(layout)
    assert not known.may_write()
    show(layout, "1")
    with layout.views.open("rb"):
        assert not known.may_write()
    with layout.views.open("r+b"):
        assert known.may_write()
        known.hold(1)
        show(layout, "2")
        assert known.may_write()
    assert not known.may_write()


def test_a_file_that_stays_is_held_by_the_first_revision_that_it_showed_while_it_was_open(layout: Layout) -> None:
    """Caught: a link for each revision, of which the newest alone would have been enough for nobody."""
    known = Readers(layout)
    show(layout, "1")
    known.hold(1)
    assert known.oldest() is None
    with reader(layout.views):
        for revision in (2, 3, 4):
            known.hold(revision)
            assert links(layout) == ["2"]
        assert known.oldest() == 2
    for revision in (5, 6):
        known.hold(revision)
        assert links(layout) == [str(revision)], "nobody is there still who saw the one before"
    with reader(layout.views):
        assert known.oldest() == 6
    assert known.oldest() is None


def test_where_the_system_does_not_tell_somebody_may_write(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_leases_work", lambda _: False)
    assert Readers(layout).may_write()


def test_what_nobody_needs_goes_where_there_is_no_room_for_another_link(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    known = Readers(layout)
    show(layout, "1")
    known.hold(1)
    show(layout, "2")
    monkeypatch.setattr(readers.os, "link", full)
    with pytest.raises(StateError, match="No space left"):
        known.hold(2)
    assert links(layout) == []
