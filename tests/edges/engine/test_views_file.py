"""The log beside the file of views: a reader finds one whole revision, whatever of the two it opened when."""

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.edges.engine.publishing import TOP, asked, part, rows, stored

from relspec.core.digest import content_of
from relspec.core.views import content_of_views
from relspec.edges.engine import views_file
from relspec.edges.engine.publish import Publisher, PublishError

NAMES = "SELECT list(DISTINCT view_name ORDER BY view_name) FROM duckdb_views() WHERE NOT internal"
REVISION = "SELECT revision FROM relspec_revision"


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """Changes go into the log from the first on."""
    monkeypatch.setattr(views_file, "LINGER_S", 0.0)
    publisher = Publisher()
    yield publisher
    publisher.close()


def test_a_change_goes_into_the_log_and_leaves_the_file_as_it_was(tmp_path: Path, publisher: Publisher) -> None:
    first = publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    before = (tmp_path / "relspec.duckdb").read_bytes()
    second = publisher.publish(asked(tmp_path, 2, stored("a", part(tmp_path, 2))))
    assert (tmp_path / "relspec.duckdb").read_bytes() == before
    assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, revision FROM a, relspec_revision") == [(2, 2)]
    assert first.stamp != second.stamp
    assert second.content == content_of_views(first.content, (tmp_path / "relspec.duckdb.wal").read_bytes())


def test_every_part_of_a_log_that_was_cut_shows_one_whole_revision(tmp_path: Path, publisher: Publisher) -> None:
    path = tmp_path / "relspec.duckdb"
    publisher.publish(asked(tmp_path, 1, stored('da"ta', part(tmp_path, 1)), TOP, whole=True))
    publisher.publish(asked(tmp_path, 2, stored('da"ta', part(tmp_path, 2)), TOP))
    publisher.publish(asked(tmp_path, 3, stored('da"ta', part(tmp_path, 3)), TOP))
    whole = Path(f"{path}.wal").read_bytes()
    found = []
    for size in range(0, len(whole) + 1, 61):
        Path(f"{path}.wal").write_bytes(whole[:size])
        found += rows(path, "SELECT revision, r FROM relspec_revision, top")
    Path(f"{path}.wal").write_bytes(whole)
    found += rows(path, "SELECT revision, r FROM relspec_revision, top")
    assert found == sorted(found)
    assert set(found) == {(1, 1), (2, 2), (3, 3)}


def test_whoever_is_opening_the_file_while_it_is_folded_finds_what_goes_with_it(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader has opened one of the files and opens the log later. Caught: a log that begins anew with the fold."""
    monkeypatch.setattr(views_file, "_LOG_BYTES", 1000)
    monkeypatch.setattr(views_file, "_LOG_SHARE", 1 << 30)
    path = tmp_path / "relspec.duckdb"
    publisher.publish(asked(tmp_path, 0, stored("a", part(tmp_path, 0)), stored("b", part(tmp_path, 0)), whole=True))
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1))))
    monkeypatch.setattr(views_file, "LINGER_S", 3600.0)
    opened = [shutil.copy(path, tmp_path / "base-0.duckdb")]
    folded = []
    for revision in range(2, 14):
        if revision % 4 == 0:
            # Nobody can be opening any file but this one any more.
            publisher._views._placed_at -= 7200.0
            opened = opened[-1:]
        name = "a" if revision % 2 else "b"
        publisher.publish(asked(tmp_path, revision, stored(name, part(tmp_path, revision))))
        if path.read_bytes() != Path(opened[-1]).read_bytes():
            opened.append(shutil.copy(path, tmp_path / f"base-{len(folded) + 1}.duckdb"))
            folded.append(revision)
        for base in opened:
            shutil.copy(f"{path}.wal", f"{base}.wal")
            found = rows(Path(base), "SELECT revision, greatest(a.r, b.r), least(a.r, b.r) FROM relspec_revision, a, b")
            assert found == [(revision, revision, revision - 1)], base
    # Not at each publication, though the log was too long after each: it has to say all for those who are opening.
    assert folded == [2, 4, 8, 12]


def test_a_log_begins_anew_when_nobody_can_be_opening_an_earlier_file(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_file, "_LOG_BYTES", 1000)
    monkeypatch.setattr(views_file, "_LOG_SHARE", 1 << 30)
    publisher.publish(asked(tmp_path, 0, stored("a", part(tmp_path, 0)), whole=True))
    sizes = []
    for revision in range(1, 20):
        publisher.publish(asked(tmp_path, revision, stored("a", part(tmp_path, revision))))
        sizes.append((tmp_path / "relspec.duckdb.wal").stat().st_size)
        assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, revision FROM a, relspec_revision") == [(revision,) * 2]
    assert max(sizes) < 2000
    assert sizes != sorted(sizes)


@pytest.mark.parametrize("first", ["a name comes", "a name goes", "a new publisher"])
def test_a_log_that_does_not_fit_over_a_newer_file_goes_with_the_fold(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Caught: the file cannot be opened any more, since its log creates a view that it has."""
    one = stored("a", part(tmp_path, 1))
    publisher.publish(asked(tmp_path, 1, one, stored("gone", part(tmp_path, 1)), whole=True))
    publisher.publish(asked(tmp_path, 2, one))
    if first == "a name comes":
        publisher.publish(asked(tmp_path, 3, stored("new", part(tmp_path, 3))))
    elif first == "a name goes":
        publisher.publish(asked(tmp_path, 3, dropped=("gone",)))
    else:
        publisher.publish(asked(tmp_path, 3, stored("new", part(tmp_path, 3))))
        publisher.close()
    monkeypatch.setattr(views_file, "_LOG_BYTES", 0)
    monkeypatch.setattr(views_file, "_LOG_SHARE", 1 << 30)
    names = rows(tmp_path / "relspec.duckdb", NAMES)
    publisher.publish(asked(tmp_path, 4, stored("a", part(tmp_path, 4))))
    assert not (tmp_path / "relspec.duckdb.wal").exists()
    assert rows(tmp_path / "relspec.duckdb", NAMES) == names
    assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, revision FROM a, relspec_revision") == [(4, 4)]


def test_what_does_not_fit_over_a_newer_file_is_remembered_when_the_log_begins_anew(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: a new view that came while the log still said what came before."""
    monkeypatch.setattr(views_file, "_LOG_SHARE", 1 << 30)
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    monkeypatch.setattr(views_file, "_LOG_BYTES", 0)
    publisher.publish(asked(tmp_path, 2, stored("a", part(tmp_path, 2))))
    monkeypatch.setattr(views_file, "LINGER_S", 3600.0)
    monkeypatch.setattr(views_file, "_LOG_BYTES", 1 << 30)
    publisher.publish(asked(tmp_path, 3, stored("new", part(tmp_path, 3))))
    monkeypatch.setattr(views_file, "LINGER_S", 0.0)
    monkeypatch.setattr(views_file, "_LOG_BYTES", 0)
    publisher.publish(asked(tmp_path, 4, stored("a", part(tmp_path, 4))))
    assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, new.r, revision FROM a, new, relspec_revision") == [(4, 3, 4)]


def test_while_changes_follow_each_other_the_log_begins_with_all_since_the_first_file(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: each file that is written anew puts the log off, so there never was one while somebody typed."""
    path = tmp_path / "relspec.duckdb"
    monkeypatch.setattr(views_file, "LINGER_S", 3600.0)
    publisher.publish(asked(tmp_path, 0, stored("a", part(tmp_path, 0)), stored("b", part(tmp_path, 0)), whole=True))
    opened = [Path(shutil.copy(path, tmp_path / "base-0.duckdb"))]
    for revision in range(1, 4):
        publisher.publish(asked(tmp_path, revision, stored("ab"[revision % 2], part(tmp_path, revision))))
        opened.append(Path(shutil.copy(path, tmp_path / f"base-{revision}.duckdb")))
    assert not Path(f"{path}.wal").exists()
    assert len({base.read_bytes() for base in opened}) == 4
    publisher._views._begun_at -= 7200.0
    publisher.publish(asked(tmp_path, 4, stored("a", part(tmp_path, 4))))
    assert path.read_bytes() == opened[-1].read_bytes()
    for base in opened:
        shutil.copy(f"{path}.wal", f"{base}.wal")
        assert rows(base, "SELECT a.r, b.r, revision FROM a, b, relspec_revision") == [(4, 3, 4)]


def test_a_process_that_alone_publishes_knows_how_long_the_file_was_left_alone(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: the first saves after each start of a daemon wrote the file anew."""
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    monkeypatch.setattr(views_file, "LINGER_S", 3600.0)
    for prepares in (False, True):
        other = Publisher()
        other._started_at -= 7200.0
        request = asked(tmp_path, 2, stored("a", part(tmp_path, 2)))
        if prepares:
            other.prepare(asked(tmp_path, 1))
        other.publish(request)
        other.close()
        assert (tmp_path / "relspec.duckdb.wal").exists() == prepares
    assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, revision FROM a, relspec_revision") == [(2, 2)]


def test_while_somebody_may_write_there_is_no_log(tmp_path: Path, publisher: Publisher) -> None:
    one = stored("a", part(tmp_path, 1))
    publisher.publish(asked(tmp_path, 1, one, whole=True))
    publisher.publish(asked(tmp_path, 2, one))
    publisher.publish(asked(tmp_path, 3, one, logged=False))
    assert not (tmp_path / "relspec.duckdb.wal").exists()
    assert rows(tmp_path / "relspec.duckdb", REVISION) == [(3,)]


def test_a_new_publisher_goes_on_with_the_log_that_is_there(tmp_path: Path, publisher: Publisher) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), stored("b", part(tmp_path, 1)), whole=True))
    publisher.publish(asked(tmp_path, 2, stored("a", part(tmp_path, 2))))
    before = (tmp_path / "relspec.duckdb").read_bytes()
    publisher.close()
    published = Publisher().publish(asked(tmp_path, 3, stored("b", part(tmp_path, 3))))
    assert (tmp_path / "relspec.duckdb").read_bytes() == before
    query = "SELECT a.r, b.r, revision FROM a, b, relspec_revision"
    assert rows(tmp_path / "relspec.duckdb", query) == [(2, 3, 3)]
    assert published.content == content_of_views(content_of(before), (tmp_path / "relspec.duckdb.wal").read_bytes())


def test_a_log_of_a_version_that_is_not_known_is_not_used(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    monkeypatch.setattr(views_file, "_HEAD", b"another")
    publisher.publish(asked(tmp_path, 2, stored("a", part(tmp_path, 2))))
    assert [path.name for path in tmp_path.glob("relspec.duckdb*")] == ["relspec.duckdb"]
    assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, revision FROM a, relspec_revision") == [(2, 2)]


@pytest.mark.parametrize("change", ["log", "fold", "replace", "fold of new names"])
def test_wherever_a_publication_ends_readers_see_one_whole_revision(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The n-th call that moves a file is refused, as at the end of the process. Caught: the log outlives its file."""
    path = tmp_path / "relspec.duckdb"
    both = "SELECT revision, a.r, b.r FROM relspec_revision, a, b"
    if change.startswith("fold"):
        monkeypatch.setattr(views_file, "_LOG_BYTES", 0)
        monkeypatch.setattr(views_file, "_LOG_SHARE", 1 << 30)
    outcomes = []
    for n in range(5):
        calls = itertools.count()
        first = stored("a", part(tmp_path, 1)), stored("b", part(tmp_path, 1))
        publisher.publish(asked(tmp_path, 1, *first, whole=True))
        publisher.publish(asked(tmp_path, 2, stored("a", part(tmp_path, 2)), stored("b", part(tmp_path, 2))))
        names = (stored("new", part(tmp_path, 3)),) if change == "fold of new names" else ()
        views = stored("a", part(tmp_path, 3)), stored("b", part(tmp_path, 3)), *names
        request = asked(tmp_path, 3, *views, logged=change != "replace")
        with monkeypatch.context() as refused:
            for name in ("rename", "unlink"):
                refused.setattr(Path, name, _ending(getattr(Path, name), calls, n, path))
            with contextlib.suppress(PublishError):
                publisher.publish(request)
        ((revision, a, b),) = rows(path, both)
        assert (a, b) == (revision, revision)
        outcomes.append(revision)
        # Who begins anew finds it as it is.
        publisher.close()
        with contextlib.suppress(PublishError):
            publisher.publish(replace(request, stamp=None))
        assert rows(path, both) == [(3, 3, 3)]
    assert outcomes[-1] == 3
    assert outcomes[0] < 3


def _ending(move: Callable[..., object], calls: Iterator[int], n: int, views: Path) -> Callable[..., object]:
    def moved(self: Path, *arguments: object, **named: object) -> object:
        there = [p for p in (self, *arguments) if isinstance(p, Path) and p.parent == views.parent]
        if any(views.name in p.name for p in there) and next(calls) >= n:
            raise OSError("the process ended")
        return move(self, *arguments, **named)

    return moved
