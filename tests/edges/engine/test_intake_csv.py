"""CSV: every record becomes a row or the file is a problem with its line; dialect and types stay fixed."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from relspec.core.dataset import Format, Reader
from relspec.core.problem import Code
from relspec.core.schema import Column

ORDERS = "id,day,amount\n1,2020-01-01,2.5\n2,2020-01-02,3\n"


def test_types_come_from_the_whole_file(place) -> None:
    taken = place.taken("a.csv", "a,b\n" + "1,2\n" * 30000 + "1,x\n")
    assert taken.schema.types() == {"a": "BIGINT", "b": "VARCHAR"}
    assert taken.part.rows == 30001


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.text("a1 ,;\"\n|\t'#é", max_size=5)] * 2), min_size=1, max_size=6))
def test_there_are_as_many_rows_as_records_and_they_hold_the_values(place, records) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("left", "right"), *records])
    taken = place.taken("a.csv", out.getvalue(), types=(("left", "VARCHAR"), ("right", "VARCHAR")))
    assert taken.part.rows == len(records)
    assert place.rows(taken.part.path) == [tuple(value or None for value in record) for record in records]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a,b\n1,2\n3\n4,5\n", 3, "this line has 1 values where the file has 2 columns"),
        ("a,b\n1,2\n3,4,5\n6,7\n", 3, "this line has 3 values where the file has 2 columns"),
        ('a,b\n"x\ny",1\n"z\n\nw",2\n3\n', 7, "this line has 1 values where the file has 2 columns"),
        ('a,b\n1,2\n"x,3\n', 3, "this line cannot be read: Value with unterminated quote found."),
        ("My title\na,b\n1,2\n", 2, "this line has 2 values where the file has 1 columns"),
        ("\na,b\n1,2\n", 1, "the first line is empty where the names of the columns are expected"),
        ("a,A\n1,2\n", 1, "the header names the column 'a' twice"),
    ],
)
def test_a_malformed_line_is_named(place, text: str, line: int, said: str) -> None:
    problem = place.refused("a.csv", text)
    assert (problem.code, problem.path, problem.line, problem.message) == (Code.UNREADABLE, "a.csv", line, said)


def test_bytes_that_are_no_text_are_named(place) -> None:
    problem = place.refused("a.csv", b"a,b\n1,2\n3,\xff\xfe\n")
    assert (problem.code, problem.line) == (Code.UNREADABLE, 3)


def test_a_missing_last_newline_a_byte_order_mark_and_a_header_alone_are_fine(place) -> None:
    assert place.taken("a.csv", "\ufeffa,b\n1,2\n3,4").part.rows == 2
    alone = place.taken("b.csv", "a,b\n")
    assert (alone.part.rows, alone.schema.types()) == (0, {"a": "VARCHAR", "b": "VARCHAR"})


@pytest.mark.parametrize(
    ("name", "text", "delimiter"),
    [
        ("a.csv", "a;b\n1;2,5\n", ";"),
        ("a.tsv", "a\tb\n1\t2;5\n", "\t"),
        ("a.csv", "a|b\n1|x,y\n", "|"),
        ("a.csv", "a\n1\n", ","),
    ],
)
def test_the_delimiter_is_the_one_of_the_first_line(place, name: str, text: str, delimiter: str) -> None:
    taken = place.taken(name, text)
    assert taken.reader.delimiter == delimiter
    assert len(taken.schema.columns) == len(text.split("\n", maxsplit=1)[0].split(delimiter))


def test_days_are_recognised_in_iso_form_only(place) -> None:
    taken = place.taken("a.csv", "iso,other\n2020-02-01,01/02/2020\n2020-02-25,25/02/2020\n")
    assert taken.schema.types() == {"iso": "DATE", "other": "VARCHAR"}


def test_long_whole_numbers_keep_their_digits(place) -> None:
    """Caught: the sniffer makes them DOUBLE, and 9223372036854775809 becomes ...808."""
    taken = place.taken("a.csv", "id,x\n9223372036854775809,1.5\n1,2\n")
    assert taken.schema.types() == {"id": "DECIMAL(38,0)", "x": "DOUBLE"}
    assert place.rows(taken.part.path)[0][0] == "9223372036854775809"


def test_a_value_that_does_not_fit_its_fixed_type_is_drift(place) -> None:
    first = place.taken("a.csv", ORDERS)
    problem = place.refused("a.csv", ORDERS + "3,2020-01-03,oops\n", reader=first.reader)
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, 4)
    assert problem.message == "the value 'oops' does not fit the column 'amount' of type DOUBLE"
    assert problem.hint == (
        "repair the value, or set types = { amount = \"VARCHAR\" } for the source 'things' in watch.toml"
    )


def test_types_do_not_follow_the_data(place) -> None:
    """Caught: sniffing anew would make `id` text and `amount` a whole number."""
    first = place.taken("a.csv", "id,amount\n1,2.5\n")
    again = place.taken("a.csv", "id,amount\n1,2\n", reader=first.reader)
    assert again.schema == first.schema
    assert again.reader == first.reader


def test_a_new_column_is_added_a_missing_one_leaves_and_order_follows_the_file(place) -> None:
    first = place.taken("a.csv", ORDERS)
    again = place.taken("a.csv", "amount,note,id\n1,x,1\n", reader=first.reader)
    assert again.schema.types() == {"amount": "DOUBLE", "note": "VARCHAR", "id": "BIGINT"}
    assert again.reader == replace(first.reader, columns=again.schema.columns)


def test_another_delimiter_is_drift(place) -> None:
    first = place.taken("a.csv", ORDERS)
    problem = place.refused("a.csv", ORDERS.replace(",", ";"), reader=first.reader)
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, 1)
    assert problem.message == "columns were separated by ',' and are separated by ';' now"


def test_a_file_without_header_has_numbered_columns(place) -> None:
    taken = place.taken("a.csv", "1,2.5\n2,3.5\n")
    assert taken.schema.columns == (Column("column0", "BIGINT"), Column("column1", "DOUBLE"))
    assert taken.part.rows == 2
    assert place.refused("a.csv", "1,2,3\n", reader=taken.reader).line == 1


def test_an_empty_name_is_numbered(place) -> None:
    assert place.taken("a.csv", "a,,c\n1,2,3\n").schema.types() == {"a": "BIGINT", "column1": "BIGINT", "c": "BIGINT"}


@pytest.mark.parametrize(
    ("before", "after", "line", "value"),
    [
        ("a\n1\n", "a\n2\n\n2.5\n", 4, "2.5"),
        ("a,b\n1,x\n", 'a,b\n2,"x\ny"\n10.75,z\n', 4, "10.75"),
        ("d\n2013-01-31\n", "d\n2013-01-31\n2013-01-31 23:00:00\n", 3, "2013-01-31 23:00:00"),
        ("a\n1\n", "a\n-0.001\n", 2, "-0.001"),
    ],
)
def test_a_value_that_its_fixed_type_would_round_is_drift(
    place, before: str, after: str, line: int, value: str
) -> None:
    reader = place.taken("a.csv", before).reader
    problem = place.refused("a.csv", after, reader=reader)
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, line)
    assert f"the value {value!r} does not fit the column" in problem.message


def test_a_value_that_a_type_of_the_users_would_round_is_drift(place) -> None:
    problem = place.refused("a.csv", "a\n1.25\n1.255\n", types=(("a", "DECIMAL(9,2)"),))
    assert (problem.code, problem.line) == (Code.SCHEMA_DRIFT, 3)


def test_other_spellings_of_a_fitting_value_are_fine(place) -> None:
    reader = place.taken("a.csv", "a,d\n1,2013-01-31\n").reader
    taken = place.taken("a.csv", "a,d\n1.0,2013-01-31\n+1,2013-01-31 00:00:00\n,\n", reader=reader)
    assert [row[0] for row in place.rows(taken.part.path)] == ["1", "1", None]


_KEPT = [
    ("DOUBLE", ["0.1", "1e22", "0.30000000000000004", "9007199254740992", "1.50000000000000000000", "nan", "5e-324"]),
    ("BIGINT", ["1e2", "1.5e1", "9007199254740993.0", "-0", "100e-2"]),
    ("DECIMAL(9,2)", ["1e2", "1.5", "1.2500", "125.5e-1", ".5", "1.2345e3"]),
    ("DATE", ["2013-1-31", "2013-01-31T00:00:00"]),
    ("TIMESTAMP", ["2013-01-31", "2013-01-31T10:00", "2013-01-31 10:00:00.123456000"]),
    ("TIME", ["10:00", "10:00:00.5"]),
    ("BOOLEAN", ["true", "F"]),
]
_LOST = [
    ("DOUBLE", ["9007199254740993", "9007199254740993.5", "1.0000000000000000001", "1e400", "1e-400", "01.5"]),
    ("DOUBLE", ["36028797018963970"]),
    ("BIGINT", ["9007199254740993.5", "1.0000000000000000001", "1e-1", "1.5e-3", "01", "1_000"]),
    ("DECIMAL(9,2)", ["1.5e-3", "1.25e-1", "1.255", "1e-400", "007", "0.0000500551e8"]),
    ("DATE", ["2013-01-31 foo", "2013-01-31T10:00", "2013-01-31+05", "2013-01-31T00:00:00Z", "2013-01-1f"]),
    ("TIMESTAMP", ["2013-01-31 10:00:00+05", "2013-01-31 10:00:00.1234567", "2013-01-31 24:00:00"]),
    ("TIMESTAMP WITH TIME ZONE", ["2013-01-31 10:00:00", "2013-01-31 10:00:00.1234567+05"]),
    ("TIME", ["10:00:00+05", "10:00:00.1234567", "10:00:00 foo", "2013-01-31 10:00:00"]),
    ("BOOLEAN", ["1", "0"]),
]


def _fixed(type_: str) -> Reader:
    return Reader(Format.CSV, (Column("a", type_), Column("b", "VARCHAR")), ",", '"', '"', header=True)


@pytest.mark.parametrize(("type_", "value"), [(type_, value) for type_, values in _KEPT for value in values])
def test_a_value_that_its_type_holds_is_taken(place, type_: str, value: str) -> None:
    assert place.taken("a.csv", f"a,b\n{value},x\n", reader=_fixed(type_)).part.rows == 1


@pytest.mark.parametrize(("type_", "value"), [(type_, value) for type_, values in _LOST for value in values])
def test_a_value_that_its_type_would_change_is_drift(place, type_: str, value: str) -> None:
    problem = place.refused("a.csv", f"a,b\n,x\n{value},x\n", reader=_fixed(type_))
    assert (problem.code, problem.path, problem.line) == (Code.SCHEMA_DRIFT, "a.csv", 3)
    assert problem.message == f"the value {value!r} does not fit the column 'a' of type {type_}"
    assert "watch.toml" in problem.hint


@pytest.mark.parametrize(
    ("type_", "value", "read"), [("BIGINT", "007", "7"), ("BOOLEAN", "1", "true"), ("DOUBLE", "01.5", "1.5")]
)
def test_a_type_of_the_users_reads_what_a_found_one_would_not(place, type_: str, value: str, read: str) -> None:
    taken = place.taken("a.csv", f"a,b\n{value},x\n", types=(("a", type_),))
    assert place.rows(taken.part.path) == [(read, "x")]


@pytest.mark.parametrize(
    "value", ["9007199254740993.5", "1.0000000000000000001", "1e400", "2013-01-31 10:00:00.1234567", "10:00:00.1234567"]
)
def test_a_guess_that_would_change_a_value_gives_way_to_text(place, value: str) -> None:
    """Caught: only a later version of the file was asked, so a clean build took what that refused."""
    taken = place.taken("a.csv", f"a,b\n{value},x\n")
    assert taken.schema.types()["a"] == "VARCHAR"
    assert place.rows(taken.part.path) == [(value, "x")]
