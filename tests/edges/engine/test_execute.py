"""Executing: one object for one result, the same bytes each time, and no input that moved unseen."""

import dataclasses
import os
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from msgspec.structs import replace

from relspec.core.dataset import Dataset, Format, Part
from relspec.core.digest import content_of
from relspec.core.errors import InputMovedError
from relspec.core.plan import Udf
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, Schema
from relspec.core.work import Intaken, Measure
from relspec.edges.engine.bags import bags_of
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.execute import failure
from relspec.edges.engine.intake import intake
from relspec.edges.engine.measure import measure
from relspec.edges.engine.objects import stamp_of


def test_the_object_is_named_by_its_bytes_and_holds_the_rows_in_order(place) -> None:
    orders = place.dataset("orders", "SELECT i AS id, i % 3 AS k FROM range(10) r(i)")
    done = place.executed('SELECT k, sum(id) AS s FROM "main"."orders" GROUP BY k ORDER BY k DESC', KS, orders)
    path = place.object(done.content)
    data = Path(path).read_bytes()
    assert (done.content, done.size, done.rows) == (content_of(data), len(data), 3)
    assert place.rows(path) == [("2", "15"), ("1", "12"), ("0", "18")]
    assert Path(path).stat().st_mode & 0o777 == 0o444
    assert os.listdir(place.temporary) == []


KS = {"k": "BIGINT", "s": "DECIMAL(38,0)"}


def test_the_same_query_over_the_same_inputs_gives_the_same_bytes(place) -> None:
    big = place.dataset("big", "SELECT i AS id, i * 0.1 AS x, 'n' || i % 100 AS n FROM range(50000) r(i)")
    schema = {"n": "VARCHAR", "x": "DOUBLE", "any": "BIGINT"}
    sql = "SELECT n, sum(x)::DOUBLE AS x, any_value(id) AS any FROM main.big GROUP BY n"
    assert len({place.executed(sql, schema, big).content for _ in range(4)}) == 1


def test_nothing_of_a_request_is_there_for_the_next(place) -> None:
    orders = place.dataset("orders", "SELECT 1 AS id")
    place.executed("SELECT id FROM main.orders", {"id": "INTEGER"}, orders)
    answer = place.execute(place.ask("SELECT id FROM main.orders", {"id": "INTEGER"}))
    assert isinstance(answer, Problem)
    assert "orders" in answer.message


def test_the_result_is_stored_as_the_schema_says(place) -> None:
    done = place.executed("SELECT sum(x) AS s FROM (VALUES (1), (2)) v(x)", {"s": "DECIMAL(38,0)"})
    described = place.connection.execute(f"DESCRIBE FROM '{place.object(done.content)}'").fetchall()
    assert described[0][:2] == ("s", "DECIMAL(38,0)")
    assert place.connection.execute(f"FROM '{place.object(done.content)}'").fetchall() == [(Decimal(3),)]


def test_other_columns_than_compiled_are_a_problem(place) -> None:
    answer = place.execute(place.ask("SELECT 1 AS a, 2 AS c", {"a": "INTEGER", "b": "INTEGER"}))
    assert isinstance(answer, Problem)
    assert answer.message == "the query gave the columns a, c where a, b were compiled"


def test_a_dataset_without_parts_is_an_empty_table(place) -> None:
    none = Dataset("none", Schema((Column("a", "INTEGER"), Column("b", "VARCHAR[]"))), ())
    assert (
        place.executed(
            "SELECT count(*) AS n, sum(a) AS s FROM main.none", {"n": "BIGINT", "s": "DECIMAL(38,0)"}, none
        ).rows
        == 1
    )


def test_parts_are_read_by_name(place) -> None:
    both = place.dataset("both", "SELECT 1 AS a, 'x' AS b", "SELECT 'y' AS b, 2 AS a")
    done = place.executed("SELECT a, b FROM main.both ORDER BY a", {"a": "INTEGER", "b": "VARCHAR"}, both)
    assert place.rows(place.object(done.content)) == [("1", "x"), ("2", "y")]


def test_a_hostile_name_is_only_a_name(place) -> None:
    """Caught: without escaping, DuckDB expands the brackets and reads `x1.parquet`."""
    name = 'x"; DROP'
    (place.root / "k=1").mkdir()
    right, wrong = place.root / "k=1" / "x[1]'.parquet", place.root / "k=1" / "x1'.parquet"
    place.connection.execute(f'COPY (SELECT 1 AS "a""b") TO \'{str(right).replace(chr(39), chr(39) * 2)}\'')
    place.connection.execute(f'COPY (SELECT 2 AS "a""b") TO \'{str(wrong).replace(chr(39), chr(39) * 2)}\'')
    data = Dataset(name, Schema((Column('a"b', "INTEGER"),)), (Part("c", str(right), 1, None),))
    done = place.executed('SELECT * FROM main."x""; DROP"', {'a"b': "INTEGER"}, data)
    assert place.rows(place.object(done.content)) == [("1",)]


def test_bags_come_back_as_a_measurement_of_the_object_gives_them(place) -> None:
    sql = (
        "SELECT * FROM (VALUES"
        " ('-0.0'::DOUBLE, ['-0.0'::FLOAT, 1.5], 'a', now(), INTERVAL '1 month', 7::HUGEINT, '{}'::JSON),"
        " (0.0, NULL, NULL, NULL, INTERVAL '30 days', NULL, NULL)) v(d, l, s, t, i, h, j)"
    )
    types = ["DOUBLE", "FLOAT[]", "VARCHAR", "TIMESTAMP WITH TIME ZONE", "INTERVAL", "DECIMAL(38,0)", "JSON"]
    schema = dict(zip("dlstihj", types, strict=True))
    columns = tuple(Column(n, t) for n, t in schema.items())
    sets = ((), columns, columns[:1], *((c,) for c in columns))
    done = place.executed(sql, schema, column_sets=sets)
    part = Part(done.content, place.object(done.content), done.rows, None)
    assert measure(place.connection, Measure((part,), sets)).bags == (done.bags,)
    assert len({bag.total for bag in done.bags}) == 9


def test_what_a_query_gives_is_what_is_stored(place) -> None:
    sql = (
        "SELECT * FROM (VALUES ('-0.0'::DOUBLE, ['-0.0'::FLOAT, 'nan'], 'a', TIMESTAMPTZ '2024-05-06 07:08:09+02', 7),"
        " (0.0, NULL, NULL, NULL, NULL), ('nan', [], '', TIMESTAMPTZ '1890-01-01 00:00:00.0001Z', 1)) v(d, l, s, t, h)"
    )
    types = ["DOUBLE", "FLOAT[]", "VARCHAR", "TIMESTAMP WITH TIME ZONE", "INTEGER"]
    sets = (tuple(Column(n, t) for n, t in zip("dlsth", types, strict=True)),)
    done = place.executed(sql, dict(zip("dlsth", types, strict=True)), column_sets=sets)
    stored = f"read_parquet('{place.object(done.content)}')"
    assert bags_of(place.connection, f"({sql})", sets) == bags_of(place.connection, stored, sets) == (3, done.bags)


#: More rows than a group of Parquet has, from more than one pipeline.
MANY = {
    "a union": "SELECT i AS id FROM range(10) r(i) UNION ALL SELECT i AS id FROM range(10, 150000) r(i)",
    "a union of views": "FROM main.p UNION ALL FROM main.q",
    "a filter": "SELECT id FROM main.q WHERE id % 7 <> 3",
    "an outer join": "SELECT p.id FROM main.p LEFT JOIN main.q ON p.id = q.id",
}


@pytest.mark.parametrize("what", MANY)
def test_rows_are_stored_in_the_order_in_which_they_come(place, what: str) -> None:
    """Caught: written straight from the query, what one pipeline leaves over comes after the groups of the next."""
    p = place.dataset("p", "SELECT i AS id FROM range(70000) r(i)")
    q = place.dataset("q", "SELECT i AS id FROM range(70000, 200000) r(i)")
    done = place.executed(MANY[what], {"id": "BIGINT"}, p, q)
    path = place.object(done.content)
    groups = f"SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('{path}') ORDER BY ALL"
    assert {n for _, n in place.connection.execute(groups).fetchall()[:-1]} <= {122880}
    if "join" not in what:
        rows = place.connection.execute(f"SELECT id FROM '{path}'").fetchall()
        assert rows == sorted(rows)


def test_a_query_that_reads_its_own_text_reads_the_same_each_time(place) -> None:
    first, second = (place.executed("SELECT current_query() AS q", {"q": "VARCHAR"}) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("value", ["3 microseconds", "-1 month", "1500000 hours"])
def test_an_interval_that_parquet_would_change_is_a_problem_not_another_interval(place, value: str) -> None:
    """Caught: without reading back, 3 microseconds are stored as nothing."""
    sql = f"SELECT 1 AS a, INTERVAL '{value}' AS b"
    answer = place.execute(place.ask(sql, {"a": "INTEGER", "b": "INTERVAL"}))
    assert isinstance(answer, Problem)
    assert answer.code is Code.EXECUTION
    assert "column 'b'" in answer.message
    assert os.listdir(place.objects) == os.listdir(place.temporary) == []


def test_a_query_that_fails_is_a_problem_at_its_task(place) -> None:
    answer = place.execute(place.ask("SELECT CAST(x AS INTEGER) AS x FROM (VALUES ('seven')) v(x)", {"x": "INTEGER"}))
    assert answer == Problem(
        Code.EXECUTION,
        "task",
        "tasks/task.sql",
        3,
        1,
        "Could not convert string 'seven' to INT32 when casting from source column x",
        "TRY_CAST gives NULL where a value does not convert",
    )
    assert place.executed("SELECT 1 AS x", {"x": "INTEGER"}).rows == 1


def test_too_much_memory_is_a_problem_of_that_code(place) -> None:
    place.connection.execute("SET memory_limit = '20MiB'")
    place.connection.execute("SET temp_directory = ''")
    answer = place.execute(place.ask("SELECT list(i) AS l FROM range(20000000) r(i)", {"l": "BIGINT[]"}))
    assert isinstance(answer, Problem)
    assert answer.code is Code.MEMORY
    assert place.executed("SELECT 1 AS x", {"x": "INTEGER"}).rows == 1


def test_a_machine_without_room_is_no_fault_of_the_query(place) -> None:
    request = place.ask("SELECT 1 AS x", {"x": "INTEGER"})
    full = failure(request, duckdb.IOException('IO Error: Could not write file "x": No space left on device'))
    assert full.code is Code.MACHINE
    assert "tried again" in (full.hint or "")
    assert failure(request, duckdb.IOException("IO Error: no such file")).code is Code.EXECUTION


def test_a_source_that_changed_since_its_stamp_has_moved(place) -> None:
    place.connection.execute(f"COPY (SELECT 1 AS a) TO '{place.root / 's.parquet'}'")
    taken = place.taken("s.parquet", (place.root / "s.parquet").read_bytes(), Format.PARQUET)
    dataset = Dataset("s", taken.schema, (taken.part,))
    assert place.executed("SELECT a FROM main.s", {"a": "INTEGER"}, dataset).rows == 1
    os.utime(taken.part.path, ns=(1, 1))
    with pytest.raises(InputMovedError, match=r"s\.parquet"):
        place.executed("SELECT a FROM main.s", {"a": "INTEGER"}, dataset)


@pytest.mark.parametrize("renamed", [False, True])
def test_other_bytes_of_the_same_size_and_time_have_moved_and_are_read_afresh(place, renamed: bool) -> None:
    """Caught: a stamp without the time at which the inode changed, and none without the inode's number either."""
    paths = [place.root / name for name in ("one.parquet", "other.parquet")]
    for factor, path in zip((3, 5), paths, strict=True):
        query = f"SELECT i * {factor} AS a FROM range(5000) t(i)"
        place.connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION uncompressed)")
    one, other = (path.read_bytes() for path in paths)
    assert len(one) == len(other)
    before = place.taken("s.parquet", one, Format.PARQUET).part
    path, columns = place.root / "s.parquet", (Column("a", "BIGINT"),)
    asked = Measure((before,), (columns,))
    ((bag,),) = measure(place.connection, asked).bags
    status = path.stat()
    if renamed:
        paths[1].rename(path)
    else:
        with path.open("r+b") as file:
            file.write(other)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(InputMovedError):
        measure(place.connection, asked)
    with pytest.raises(InputMovedError):
        place.executed("SELECT a FROM main.s", {"a": "BIGINT"}, Dataset("s", Schema(columns), (before,)))
    # DuckDB keeps parts of files that it has read; it must not take the one file for the other either.
    after = replace(before, stamp=stamp_of(path.stat()))
    ((now,),) = measure(place.connection, Measure((after,), (columns,))).bags
    plain = replace(before, path=str(place.root / "plain.parquet"), stamp=None)
    Path(plain.path).write_bytes(other)
    assert ((now,),) == measure(place.connection, Measure((plain,), (columns,))).bags
    assert now != bag


def test_a_source_that_moves_during_a_query_spoils_even_a_failure(place) -> None:
    place.connection.execute(f"COPY (SELECT 1 AS a) TO '{place.root / 's.parquet'}'")
    taken = place.taken("s.parquet", (place.root / "s.parquet").read_bytes(), Format.PARQUET)

    def touch(value: int) -> int:
        os.utime(taken.part.path, ns=(1, 1))
        raise ValueError(value)

    udf = Udf("touch", ("INTEGER",), "INTEGER", "d", "tasks/t.py")
    dataset = Dataset("s", taken.schema, (taken.part,))
    request = place.ask("SELECT touch(a) AS a FROM main.s", {"a": "INTEGER"}, dataset, udfs=(udf,))
    with pytest.raises(InputMovedError):
        place.execute(request, {"touch": touch})


def test_a_rotten_object_is_an_input_that_moved_and_no_fault_of_the_task(place) -> None:
    done = place.executed("SELECT i AS a FROM range(1000) r(i)", {"a": "BIGINT"})
    path = Path(place.object(done.content))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-40])
    part = Part(done.content, str(path), done.rows, None)
    dataset = Dataset("s", Schema((Column("a", "BIGINT"),)), (part,))
    with pytest.raises(InputMovedError):
        place.executed("SELECT a FROM main.s", {"a": "BIGINT"}, dataset)
    with pytest.raises(InputMovedError):
        measure(place.connection, Measure((part,), ((Column("a", "BIGINT"),),)))


def test_a_python_function_is_called_and_a_null_gives_null(place) -> None:
    udf = Udf("shout", ("VARCHAR",), "VARCHAR", "d", "tasks/t.py")
    request = place.ask("SELECT shout(x) AS y FROM (VALUES ('a'), (NULL)) v(x)", {"y": "VARCHAR"}, udfs=(udf,))
    for _ in range(2):
        answer = place.execute(request, {"shout": lambda text: text.upper() + "!"})
        assert place.rows(place.object(answer.content)) == [("A!",), (None,)]
    answer = place.execute(place.ask("SELECT shout('a') AS y", {"y": "VARCHAR"}))
    assert isinstance(answer, Problem)


def test_an_error_in_a_python_function_is_told_in_its_words(place) -> None:
    def fail(value: int) -> int:
        raise ValueError(f"no such thing as {value}")

    udf = Udf("fail", ("INTEGER",), "INTEGER", "d", "tasks/t.py")
    answer = place.execute(place.ask("SELECT fail(7) AS y", {"y": "INTEGER"}, udfs=(udf,)), {"fail": fail})
    assert isinstance(answer, Problem)
    assert "ValueError: no such thing as 7" in answer.message


DRAWN = "SELECT random() AS r, uuid() AS u FROM (SELECT * FROM main.big USING SAMPLE 20 ROWS) AS s"


def test_chance_is_drawn_from_the_key_and_leaks_into_no_other_request(place) -> None:
    big = place.dataset("big", "SELECT i FROM range(5000) t(i)")
    request = place.ask(DRAWN, {"r": "DOUBLE", "u": "UUID"}, big)
    other = replace(request, key="another key")
    first, second = place.execute(request), place.execute(other)
    assert first != second
    assert (place.execute(other), place.execute(request)) == (second, first)


#: All functions of which the engine says that they may answer otherwise each time, by whether they draw by chance.
BY_CHANCE = ("gen_random_uuid", "random", "uuid", "uuidv4")
#: It draws and reads the clock: no key makes it come out alike.
BY_CLOCK = {"uuidv7"}
NOT_BY_CHANCE = {
    *("current_connection_id", "current_query", "current_query_id", "current_transaction_id", "currval", "error"),
    *("nextval", "setseed", "sleep_ms", "stats", "write_log"),
}


@pytest.mark.parametrize("name", BY_CHANCE)
def test_each_function_of_chance_draws_from_the_key(place, name: str) -> None:
    request = place.ask(f"SELECT {name.upper()}()::VARCHAR AS drawn FROM range(3)", {"drawn": "VARCHAR"})
    first, other = place.execute(request), place.execute(replace(request, key="another key"))
    assert first != other
    assert place.execute(request) == first


def test_no_function_of_chance_is_new(place) -> None:
    listed = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'"
    found = {name for (name,) in place.connection.execute(listed).fetchall()}
    assert found == {*BY_CHANCE, *BY_CLOCK, *NOT_BY_CHANCE}


def test_a_query_spills_no_more_than_it_may(place) -> None:
    """Caught: DuckDB takes the bound when it opens, shows it, and does not keep to it."""
    narrow = dataclasses.replace(
        place, connection=open_connection(128, "UTC", str(place.temporary / "narrow"), spill_mb=32)
    )
    text = "SELECT repeat(md5(range::VARCHAR), 40) AS c FROM range(1000000) ORDER BY c"
    problem = narrow.execute(narrow.ask(text, {"c": "VARCHAR"}))
    narrow.connection.close()
    assert isinstance(problem, Problem)
    assert problem.code is Code.MEMORY
    assert "spill_mb" in (problem.hint or "")
    assert "PRAGMA" not in problem.message


def test_a_parquet_file_is_not_read_by_an_earlier_footer(place) -> None:
    columns = (Column("x", "BIGINT"),)
    values = "i AS a, i + 10 AS x, i + 20 AS y FROM range(8) r(i)"
    found = []
    for names in ("a, y, x", "a, x, y"):
        made = place.root / "made.parquet"
        place.connection.execute(f"COPY (SELECT {names} FROM (SELECT {values})) TO '{made}'")
        request = place.asked("s.parquet", made.read_bytes(), Format.PARQUET)
        # As it is for two saves within a second; the two files have one size as well.
        os.utime(request.path, ns=(10**18, 10**18))
        taken = intake(place.connection, request)
        assert isinstance(taken, Intaken)
        part = taken.part
        assert part.stamp is not None
        dataset = Dataset("s", taken.schema, (part,))
        done = place.executed("SELECT x FROM main.s", {"x": "BIGINT"}, dataset, column_sets=(columns,))
        ((bag,),) = measure(place.connection, Measure((part,), (columns,))).bags
        found.append(
            (part.stamp.size, [c.name for c in taken.schema.columns], place.rows(place.object(done.content)), bag)
        )
    (size, before, rows, bag), (size_now, now, rows_now, bag_now) = found
    assert (before, now) == (["a", "y", "x"], ["a", "x", "y"])
    assert size == size_now
    assert rows == rows_now == [(str(i + 10),) for i in range(8)]
    assert bag == bag_now
