"""Publishing: the file of views is whole at every moment, for other processes, under any name."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from msgspec.structs import replace
from tests.edges.engine.publishing import TOP, asked, part, rows, seen, stored

from relspec.core.digest import content_of
from relspec.core.work import Published, ViewDefinition
from relspec.edges.engine import views_file
from relspec.edges.engine.publish import Publisher, PublishError
from relspec.edges.engine.views_file import ViewsFile

READER = """
import duckdb, sys
path = sys.argv[1]
print("ready", flush=True)
seen = 0
while seen < 60:
    connection = duckdb.connect(path, read_only=True)
    rows = connection.execute("SELECT (SELECT revision FROM relspec_revision), (SELECT max(r) FROM top)").fetchall()
    connection.close()
    assert rows[0][0] == rows[0][1] >= seen, rows
    seen = rows[0][0]
print(seen)
"""


@pytest.fixture(autouse=True, params=["log", "file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether changes go into the log from the first on, or into a new file as long as one may still be opened."""
    monkeypatch.setattr(views_file, "LINGER_S", 0.0 if request.param == "log" else 3600.0)
    return str(request.param)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.close()


def test_views_over_parts_and_over_views_are_there_under_any_name(tmp_path: Path, publisher: Publisher) -> None:
    parts = [part(tmp_path, 1), part(tmp_path, 2)]
    request = asked(tmp_path, 7, stored('da"ta', *parts), TOP, whole=True)
    published = publisher.publish(request)
    stamp = ViewsFile(str(tmp_path / "relspec.duckdb")).stamp()
    content = content_of((tmp_path / "relspec.duckdb").read_bytes())
    assert published == Published(7, (), content, str(stamp))
    shutil.copy(tmp_path / "relspec.duckdb", tmp_path / "other name.duckdb")
    for name in ("relspec.duckdb", "other name.duckdb"):
        assert rows(tmp_path / name, "SELECT * FROM top") == [(2,)]
        assert rows(tmp_path / name, "SELECT revision FROM relspec_revision") == [(7,)]


def test_a_view_whose_text_ends_in_a_comment_is_followed_by_others(tmp_path: Path, publisher: Publisher) -> None:
    commented = ViewDefinition("commented", "SELECT 3 AS r -- of; all", (), (), shaky=False)
    publisher.publish(asked(tmp_path, 1, commented, replace(commented, name="other"), whole=True))
    assert rows(
        tmp_path / "relspec.duckdb", "SELECT c.r, o.r, revision FROM commented c, other o, relspec_revision"
    ) == [(3, 3, 1)]


def test_only_what_changed_is_given(tmp_path: Path, publisher: Publisher) -> None:
    one, two = part(tmp_path, 1), part(tmp_path, 2)
    publisher.publish(asked(tmp_path, 1, stored("a", one), stored("b", one), stored("c", one), whole=True))
    publisher.publish(asked(tmp_path, 2, stored("b", two), dropped=("c", "never there")))
    names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    assert rows(tmp_path / "relspec.duckdb", names) == [("a",), ("b",), ("relspec_revision",)]
    assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, b.r FROM a, b") == [(1, 2)]


def test_nothing_of_the_files_is_kept(tmp_path: Path, publisher: Publisher) -> None:
    """Caught: DuckDB's cache of files, which grows with each object that was ever published."""
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    assert publisher._connection is not None
    kept = "SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag IN ('EXTERNAL_FILE_CACHE', 'OBJECT_CACHE')"
    assert publisher._connection.execute(kept).fetchall() == [(0,)]


def test_a_new_publisher_goes_on_from_the_file_that_is_there(tmp_path: Path, publisher: Publisher) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    other = Publisher()
    other.publish(asked(tmp_path, 2, stored("b", part(tmp_path, 2))))
    other.close()
    assert rows(tmp_path / "relspec.duckdb", "SELECT a.r, b.r FROM a, b") == [(1, 2)]


def test_whole_starts_from_nothing(tmp_path: Path, publisher: Publisher) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    publisher.publish(asked(tmp_path, 2, stored("b", part(tmp_path, 2)), whole=True))
    names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    assert rows(tmp_path / "relspec.duckdb", names) == [("b",), ("relspec_revision",)]


def test_without_a_file_to_go_on_from_the_whole_is_asked_for(tmp_path: Path, publisher: Publisher) -> None:
    with pytest.raises(PublishError):
        publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1))))


def test_what_fails_changes_nothing_and_the_next_goes_on(tmp_path: Path, publisher: Publisher) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    before = seen(tmp_path)
    with pytest.raises(PublishError, match="gone"):
        publisher.publish(
            asked(tmp_path, 2, stored("b", part(tmp_path, 2)), stored("c", str(tmp_path / "gone.parquet")))
        )
    assert seen(tmp_path) == before
    publisher.publish(asked(tmp_path, 3, stored("d", part(tmp_path, 3))))
    names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    assert rows(tmp_path / "relspec.duckdb", names) == [("a",), ("d",), ("relspec_revision",)]


def test_a_reader_sees_whole_revisions_while_the_file_is_replaced(tmp_path: Path, publisher: Publisher) -> None:
    paths = [part(tmp_path, value) for value in range(1, 61)]
    publisher.publish(asked(tmp_path, 1, stored('da"ta', paths[0]), TOP, whole=True))
    command = [sys.executable, "-c", READER, str(tmp_path / "relspec.duckdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for revision, path in enumerate(paths, start=1):
            publisher.publish(asked(tmp_path, revision, stored('da"ta', path), TOP))
        assert reader.stdout.read() == "60\n"
    assert reader.returncode == 0


def test_the_file_and_its_directory_do_not_grow_with_publishing(tmp_path: Path, publisher: Publisher, way: str) -> None:
    paths = [part(tmp_path, value) for value in (1, 2)]
    publisher.publish(asked(tmp_path, 0, stored("a", paths[0]), whole=True))
    sizes = set()
    for revision in range(1, 160 if way == "log" else 80):
        publisher.publish(asked(tmp_path, revision, stored("a", paths[revision % 2])))
        sizes.add(sum(map(len, seen(tmp_path))))
    assert max(sizes) <= 2 * min(sizes)
    publisher.close()
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".parquet"}
    assert left - {"relspec.duckdb.wal"} == {"relspec.duckdb", "tmp"}
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_shaky_view_that_does_not_bind_is_left_out_with_those_that_read_it(
    tmp_path: Path, publisher: Publisher
) -> None:
    data = stored('da"ta', part(tmp_path, 1))
    gone = ViewDefinition("gone", 'SELECT x FROM "main"."da""ta"', (), (), shaky=True)
    above = ViewDefinition("above", 'SELECT x FROM "main"."gone"', (), (), shaky=True)
    found = publisher.publish(asked(tmp_path, 1, data, gone, above, TOP, whole=True))
    assert (found.revision, found.left_out) == (1, ("gone", "above"))
    assert rows(tmp_path / "relspec.duckdb", "SELECT * FROM top") == [(1,)]
    healed = ViewDefinition("gone", 'SELECT r AS x FROM "main"."da""ta"', (), (), shaky=True)
    assert publisher.publish(asked(tmp_path, 2, healed, above)).left_out == ()
    assert rows(tmp_path / "relspec.duckdb", "SELECT * FROM above") == [(1,)]


def test_a_view_at_rest_that_does_not_bind_is_an_error(tmp_path: Path, publisher: Publisher) -> None:
    wrong = ViewDefinition("wrong", "SELECT x FROM main.nothing", (), (), shaky=False)
    with pytest.raises(PublishError):
        publisher.publish(asked(tmp_path, 1, wrong, whole=True))


def test_whoever_publishes_goes_on_from_what_another_published(tmp_path: Path, publisher: Publisher) -> None:
    """Caught: the private copy of before was shown again, and tables were those of an earlier revision."""
    other = Publisher()
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), stored("b", part(tmp_path, 1)), whole=True))
    other.publish(asked(tmp_path, 2, stored("a", part(tmp_path, 2))))
    publisher.publish(asked(tmp_path, 3, stored("b", part(tmp_path, 3))))
    other.publish(asked(tmp_path, 4, stored("c", part(tmp_path, 4))))
    other.close()
    query = "SELECT (SELECT r FROM a), (SELECT r FROM b), (SELECT r FROM c), (SELECT revision FROM relspec_revision)"
    assert rows(tmp_path / "relspec.duckdb", query) == [(2, 3, 4, 4)]


def test_what_was_prepared_is_shown_by_its_publication_and_not_before(tmp_path: Path, publisher: Publisher) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), stored("gone", part(tmp_path, 1)), whole=True))
    before = seen(tmp_path)
    shaky = ViewDefinition("shaky", "SELECT x FROM main.nothing", (), (), shaky=True)
    request = asked(tmp_path, 2, stored("a", part(tmp_path, 2)), shaky, dropped=("gone",))
    publisher.prepare(request)
    assert seen(tmp_path) == before
    # What it names is no longer there: all that binds was done.
    (tmp_path / "part[2]'.parquet").rename(tmp_path / "away")
    assert publisher.publish(replace(request, logged=False)).left_out == ("shaky",)
    (tmp_path / "away").rename(tmp_path / "part[2]'.parquet")
    names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    assert rows(tmp_path / "relspec.duckdb", names) == [("a",), ("relspec_revision",)]
    assert rows(tmp_path / "relspec.duckdb", "SELECT r, revision FROM a, relspec_revision") == [(2, 2)]


def test_a_whole_that_was_prepared_is_shown_and_not_made_again(tmp_path: Path, publisher: Publisher) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), stored("gone", part(tmp_path, 1)), whole=True))
    before = seen(tmp_path)
    superseded = asked(tmp_path, 2, stored("gone", part(tmp_path, 2)), whole=True)
    request = asked(tmp_path, 2, stored("a", part(tmp_path, 3)), whole=True)
    publisher.prepare(superseded)
    publisher.prepare(request)
    assert seen(tmp_path) == before
    # What it names is no longer there: all that binds was done.
    (tmp_path / "part[3]'.parquet").rename(tmp_path / "away")
    publisher.publish(request)
    (tmp_path / "away").rename(tmp_path / "part[3]'.parquet")
    names = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    assert rows(tmp_path / "relspec.duckdb", names) == [("a",), ("relspec_revision",)]
    assert rows(tmp_path / "relspec.duckdb", "SELECT r, revision FROM a, relspec_revision") == [(3, 2)]
    # And from it goes on what changes next.
    publisher.publish(asked(tmp_path, 3, stored("a", part(tmp_path, 4))))
    assert rows(tmp_path / "relspec.duckdb", "SELECT r, revision FROM a, relspec_revision") == [(4, 3)]


def test_what_was_prepared_for_a_build_that_was_superseded_leaves_nothing(tmp_path: Path, publisher: Publisher) -> None:
    """Caught: a name that only the superseded build brought counted as there, and its log could not be opened."""
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    publisher.publish(asked(tmp_path, 2, stored("a", part(tmp_path, 2))))
    publisher.prepare(asked(tmp_path, 3, stored("new", part(tmp_path, 3))))
    publisher.publish(asked(tmp_path, 3, stored("a", part(tmp_path, 4))))
    assert publisher._names == {"a", "relspec_revision"}
    assert rows(tmp_path / "relspec.duckdb", "SELECT r, revision FROM a, relspec_revision") == [(4, 3)]
    publisher.publish(asked(tmp_path, 4, stored("new", part(tmp_path, 5))))
    assert rows(tmp_path / "relspec.duckdb", "SELECT new.r, a.r, revision FROM new, a, relspec_revision") == [(5, 4, 4)]


def test_who_gets_ready_without_a_change_needs_not_begin_anew_for_the_first(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    other = Publisher()
    other.prepare(asked(tmp_path, 1))
    monkeypatch.setattr(ViewsFile, "copy_to", None)
    request = asked(tmp_path, 2, stored("a", part(tmp_path, 2)))
    other.prepare(request)
    assert [path.name for path in (tmp_path / "tmp").glob("*.laid")] != []
    other.publish(request)
    other.close()
    assert rows(tmp_path / "relspec.duckdb", "SELECT r, revision FROM a, relspec_revision") == [(2, 2)]
    assert [path.name for path in (tmp_path / "tmp").glob("*.laid")] == []


def test_what_cannot_be_prepared_is_told_by_the_publication(tmp_path: Path, publisher: Publisher) -> None:
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    request = asked(tmp_path, 2, stored("b", str(tmp_path / "gone.parquet")))
    publisher.prepare(request)
    with pytest.raises(PublishError, match="gone"):
        publisher.publish(request)


def test_a_file_that_somebody_else_changed_is_gone_on_from_by_nobody(tmp_path: Path, publisher: Publisher) -> None:
    """Caught: who opens the file to write, and closes it, takes the log into the file; what came since was lost."""
    path = tmp_path / "relspec.duckdb"
    publisher.publish(asked(tmp_path, 1, stored("a", part(tmp_path, 1)), whole=True))
    request = asked(tmp_path, 2, stored("a", part(tmp_path, 2)))
    publisher.publish(request)
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE VIEW mine AS SELECT 1")
    with pytest.raises(PublishError, match="is not the file that was published last"):
        publisher.publish(replace(request, revision=3, stamp=publisher._stamp))


def test_who_only_publishes_loads_no_sqlglot() -> None:
    """It is a third of the memory of such a process."""
    code = "import sys, relspec.edges.engine.publishing, relspec.edges.engine.loop; print('sqlglot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
