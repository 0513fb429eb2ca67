"""Taking files in: content, stamps and schemas; what moves or is broken never becomes a part."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from relspec.core.dataset import Format, Stamp
from relspec.core.digest import content_of
from relspec.core.errors import InputMovedError
from relspec.core.problem import Code, Problem
from relspec.core.schema import schema_of
from relspec.edges.engine import intake as module
from relspec.edges.engine.intake import intake

METADATA = {b"unit": b"kWh", b"owner": b"ann", b"pandas": b"{}"}


def parquet(path: Path, metadata: dict[bytes, bytes] | None = None) -> bytes:
    table = pa.table({"id": [1, 2, 3], "s": ["a", None, "c"]}).replace_schema_metadata(metadata or {})
    pa.parquet.write_table(table, path)
    return path.read_bytes()


def test_a_parquet_file_stays_where_it_is_and_its_metadata_is_read(place) -> None:
    data = parquet(place.root / "w.parquet", METADATA)
    taken = place.taken("t.parquet", data, Format.PARQUET)
    path = place.root / "t.parquet"
    status = path.stat()
    stamp = Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    assert taken.content == taken.part.content == content_of(data)
    assert (taken.part.path, taken.part.rows, taken.part.stamp) == (str(path), 3, stamp)
    assert taken.schema.types() == {"id": "BIGINT", "s": "VARCHAR"}
    assert taken.schema.metadata == (("owner", "ann"), ("unit", "kWh"))
    assert taken.reader is None
    assert os.listdir(place.objects) == []


class Untouched:
    """In place of a connection: whoever only compares bytes asks it nothing."""


@pytest.mark.parametrize("format_", [Format.PARQUET, Format.CSV])
def test_known_bytes_are_hashed_and_not_read_again(place, format_: Format) -> None:
    """Caught: converting all the same, and keeping the stamp of the file as it was before the touch."""
    data = parquet(place.root / "w.parquet") if format_ is Format.PARQUET else b"a\n1\n"
    first = place.taken("t", data, format_)
    path = place.root / "t"
    os.utime(path, ns=(1, 1))
    request = replace(place.asked("t", data, format_, first.reader), known=first)
    again = intake(Untouched(), request)
    assert replace(again, part=first.part) == first
    status = path.stat()
    stamp = Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    assert again.part == replace(first.part, stamp=stamp if format_ is Format.PARQUET else None)


def test_other_bytes_and_a_lost_object_are_read(place) -> None:
    """Caught: an answer from memory whatever the bytes are, and one whose object is gone."""
    first = place.taken("t.csv", "a\n1\n")
    other = intake(place.connection, replace(place.asked("t.csv", "a\n2\n", Format.CSV, first.reader), known=first))
    assert place.rows(other.part.path) == [("2",)]
    Path(first.part.path).unlink()
    again = intake(place.connection, replace(place.asked("t.csv", "a\n1\n", Format.CSV, first.reader), known=first))
    assert (again, place.rows(again.part.path)) == (first, [("1",)])


def test_known_bytes_that_move_meanwhile_have_moved(place, monkeypatch) -> None:
    data = parquet(place.root / "w.parquet")
    first = place.taken("t.parquet", data, Format.PARQUET)
    request = replace(place.asked("t.parquet", data, Format.PARQUET), known=first)
    real = module._restamped

    def touched(known, stamp):
        os.utime(request.path, ns=(1, 1))
        return real(known, stamp)

    monkeypatch.setattr(module, "_restamped", touched)
    with pytest.raises(InputMovedError):
        intake(place.connection, request)


@pytest.mark.parametrize("keep", [1, 3, 40, -1, -5, -60])
def test_a_parquet_file_cut_anywhere_is_unreadable(place, keep: int) -> None:
    problem = place.refused("t.parquet", parquet(place.root / "w.parquet")[:keep], Format.PARQUET)
    assert (problem.code, problem.path) == (Code.UNREADABLE, "t.parquet")
    assert str(place.root) not in problem.message


@pytest.mark.parametrize("format_", list(Format))
def test_an_empty_file_says_so(place, format_: Format) -> None:
    problem = place.refused("t", b"", format_)
    assert (problem.code, problem.message) == (Code.UNREADABLE, "this file is empty")


def test_the_name_of_a_folder_adds_no_column(place) -> None:
    """Caught: DuckDB takes `day=1` for a partition, and gives the table a column."""
    (place.root / "day=1").mkdir()
    taken = place.taken("day=1/t.parquet", parquet(place.root / "w.parquet"), Format.PARQUET)
    assert taken.schema.types() == {"id": "BIGINT", "s": "VARCHAR"}


def arrow_file(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def arrow_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def feather(table: pa.Table, path: Path) -> None:
    pa.feather.write_feather(table, str(path), compression="lz4")


@pytest.mark.parametrize("write", [arrow_file, arrow_stream, feather])
def test_every_shape_of_arrow_becomes_the_same_part(place, write) -> None:
    table = pa.table({"id": pa.array([1, 2]), "kind": pa.array(["x", "y"]).dictionary_encode()})
    write(table.replace_schema_metadata(METADATA), place.root / "w.arrow")
    taken = place.taken("t.arrow", (place.root / "w.arrow").read_bytes(), Format.ARROW)
    assert taken.schema.types() == {"id": "BIGINT", "kind": "VARCHAR"}
    assert taken.schema.metadata == (("owner", "ann"), ("unit", "kWh"))
    assert taken.part.stamp is None
    assert taken.part.path == place.object(taken.part.content)
    assert place.rows(taken.part.path) == [("1", "x"), ("2", "y")]


def test_a_cut_arrow_file_is_unreadable(place) -> None:
    arrow_file(pa.table({"id": [1, 2]}), place.root / "w.arrow")
    data = (place.root / "w.arrow").read_bytes()
    for cut in (5, 30, len(data) // 2, len(data) - 3):
        assert place.refused("t.arrow", data[:cut], Format.ARROW).code is Code.UNREADABLE


def test_a_missing_file_has_moved_and_a_directory_is_unreadable(place) -> None:
    request = place.asked("t.csv", "a\n1\n")
    (place.root / "t.csv").unlink()
    with pytest.raises(InputMovedError):
        intake(place.connection, request)
    (place.root / "t.csv").mkdir()
    answer = intake(place.connection, request)
    assert isinstance(answer, Problem)
    assert answer.code is Code.UNREADABLE


@pytest.mark.parametrize("how", ["rewrite", "replace", "remove", "same stamp", "link"])
def test_a_file_that_changes_while_it_is_taken_in_has_moved(place, how: str, monkeypatch) -> None:
    """Caught: without the second look each of these is an answer about bytes that are gone."""
    request = place.asked("t.csv", "a\n1\n")
    path = place.root / "t.csv"
    if how == "link":
        path.rename(place.root / "first")
        path.symlink_to(place.root / "first")
        (place.root / "second").write_text("a\n4\n")
    real = module._OPEN[Format.CSV]

    def meddled(connection, inner):
        status = path.stat()
        if how in ("rewrite", "same stamp"):
            with path.open("r+b") as file:
                file.write(b"a\n2\n")
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + (how == "rewrite")))
        elif how == "replace":
            (place.root / "new").write_text("a\n3\n")
            (place.root / "new").rename(path)
        else:
            path.unlink()
        if how == "link":
            path.symlink_to(place.root / "second")
        return real(connection, inner)

    monkeypatch.setitem(module._OPEN, Format.CSV, meddled)
    if how == "same stamp":
        # As on a file system whose clock ticks slowly: the stamps say nothing, so the bytes have to.
        monkeypatch.setattr(module, "stamp_of", lambda status: None)
    with pytest.raises(InputMovedError):
        intake(place.connection, request)


def test_the_same_data_in_other_spellings_is_the_same_object(place) -> None:
    one = place.taken("a.csv", "a,b\n1,x\n2,y\n")
    other = place.taken("b.csv", 'a,b\r\n1,"x"\r\n2,y')
    assert one.content != other.content
    assert one.part.content == other.part.content


def test_types_of_the_user_are_kept_and_stored_as_parquet_can(place) -> None:
    taken = place.taken("a.csv", "id,n\n007,1\n", types=(("ID", "VARCHAR"), ("n", "HUGEINT")))
    assert taken.schema == schema_of({"id": "VARCHAR", "n": "DECIMAL(38,0)"})
    assert place.rows(taken.part.path) == [("007", "1")]


@pytest.mark.parametrize(
    ("types", "code", "said"),
    [
        ((("id", "NUMBR"),), Code.CONFIG, "column 'id' cannot be read as 'NUMBR'"),
        ((("id", "TIMETZ"),), Code.CONFIG, "column 'id' has the type TIMETZ, which cannot be stored"),
        ((("idd", "INTEGER"),), Code.SCHEMA_DRIFT, "types name the column 'idd', which this file does not have"),
    ],
)
def test_wrong_types_of_the_user_are_problems(place, types, code: Code, said: str) -> None:
    problem = place.refused("a.csv", "id\n10:00:00+02\n", types=types)
    assert (problem.code, problem.message) == (code, said)
