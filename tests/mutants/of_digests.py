"""Breaks in what is hashed of rows, in what is measured, and in what is read of files."""

from tests.mutants.planted import Break

_BAGS = "edges/engine/bags.py"
_TOLD_APART = ("tests/edges/engine/test_bags.py::test_every_confusable_value_is_told_apart",)
_MIXING = ("tests/edges/engine/test_bags_mixing.py",)
_SCANS = "tests/app/test_scans.py"
_COLUMNS = "edges/engine/columns.py"
_BY_COLUMNS = ("tests/edges/engine/test_columns.py",)
_STAYED = f"{_SCANS}::test_columns_whose_bytes_stayed_are_not_measured_again"
_INTAKE = ("tests/edges/engine/test_intake.py",)

BREAKS = (
    Break("a joined hash is not hashed again", _BAGS, "sum(hash(hash({", "sum((hash({", _MIXING),
    Break("long texts bring no more than their hash", _BAGS, "THEN md5_number({value}) END", "THEN NULL END", _MIXING),
    Break("wide decimals bring no more than their hash", _BAGS, 'return [f"-{name}"]', "return []", _TOLD_APART),
    Break(
        "rows go into a file without being collected",
        "edges/engine/execute.py",
        "CREATE TEMP TABLE {_RESULT} AS",
        "CREATE TEMP VIEW {_RESULT} AS",
        ("tests/edges/engine/test_execute.py::test_rows_are_stored_in_the_order_in_which_they_come",),
    ),
    Break(
        "a file is read by the footer of an earlier one",
        "edges/engine/connection.py",
        '"enable_external_file_cache": "false"',
        '"enable_external_file_cache": "true"',
        ("tests/edges/engine/test_execute.py::test_a_parquet_file_is_not_read_by_an_earlier_footer",),
    ),
    Break(
        "all NaNs are one",
        _BAGS,
        "WHEN {name} = 0 OR isnan({name}) THEN",
        "WHEN {name} = 0 THEN",
        ("tests/edges/engine/test_bags.py::test_every_single_bit_of_a_float_counts",),
    ),
    Break("zero has no sign", _BAGS, "WHEN {name} = 0 OR isnan({name}) THEN", "WHEN isnan({name}) THEN", _TOLD_APART),
    Break("nested NaNs are one", _BAGS, "*_nested_nan_marks(name, column.type)]", "]", _TOLD_APART),
    Break("intervals bring no text", _BAGS, 'return [*_text_marks(f"{name}::VARCHAR"),', "return [", _TOLD_APART),
    Break(
        "NULL is the value that hashes like it",
        _BAGS,
        "*(t.is_null for t in taken), ",
        "",
        ("tests/edges/engine/test_bags.py::test_a_value_that_hashes_like_null_is_told_from_null",),
    ),
    Break(
        "the second hash is the first",
        _BAGS,
        "return _sum(first), _sum(second)",
        "return _sum(first), _sum(first)",
        _MIXING,
    ),
    Break(
        "duplicates cancel out",
        _BAGS,
        'return f"sum(',
        'return f"bit_xor(',
        ("tests/edges/engine/test_bags.py::test_bags_of_parts_add_up_to_the_bag_of_the_whole",),
    ),
    Break(
        "an edge forgets the engine",
        "core/digest.py",
        "digest_of(EDGE_FORMAT, engine, *(",
        "digest_of(EDGE_FORMAT, *(",
        ("tests/edges/engine/test_bags.py",),
    ),
    Break(
        "an edge forgets the types",
        "core/digest.py",
        "sorted((c.name.lower(), c.type) for c in columns)",
        'sorted((c.name.lower(), "") for c in columns)',
        ("tests/edges/engine/test_bags.py",),
    ),
    Break(
        "each reader has a scan of its own",
        "app/digests.py",
        "for s in (columns, *self.column_sets(dataset))}",
        "for s in (columns,)}",
        (f"{_SCANS}::test_one_scan_of_a_source_serves_all_its_readers",),
    ),
    Break(
        "an execution measures nothing",
        "app/run.py",
        "column_sets=self.digests.column_sets(probe)",
        "column_sets=()",
        (f"{_SCANS}::test_an_execution_measures_what_all_its_readers_require",),
    ),
    Break("other bytes pass for known ones", "edges/engine/intake.py", "known.content == content and (", "(", _INTAKE),
    Break(
        "a lost conversion passes for known",
        "edges/engine/intake.py",
        " or Path(known.part.path).exists())",
        " or True)",
        _INTAKE,
    ),
    Break(
        "fractions are rounded to whole numbers",
        "edges/engine/lossless.py",
        """AND {needed} > {scale}\"""",
        """AND {needed} > 99\"""",
        ("tests/edges/engine/test_intake_csv.py", "tests/edges/engine/test_intake_json.py"),
    ),
    Break(
        "the time of change does not count",
        "edges/engine/objects.py",
        "status.st_mtime_ns, status.st_ctime_ns)",
        "status.st_mtime_ns, 0)",
        ("tests/edges/engine/test_execute.py",),
    ),
    Break(
        "a column is known by its bytes, whatever they mean",
        _COLUMNS,
        'digest_of("column-1", column.sense, *(',
        'digest_of("column-1", *(',
        _BY_COLUMNS,
    ),
    Break(
        "a column ends with its first chunk",
        _COLUMNS,
        "for chunk in column.chunks))",
        "for chunk in column.chunks[:1]))",
        _BY_COLUMNS,
    ),
    Break("the size of a chunk is believed", _COLUMNS, "if left or at != chunk.end:", "if left:", _BY_COLUMNS),
    Break("what lies between the chunks is no content", _COLUMNS, "footer, rest, *(", "footer, *(", _BY_COLUMNS),
    Break(
        "rows without values are no fault",
        "edges/engine/footer.py",
        "chunk.n_values < self._n_rows for",
        "chunk.n_values < 0 for",
        _BY_COLUMNS,
    ),
    Break(
        "a set of columns is known by one of them",
        "app/digests.py",
        "*(hashes[name] for name in names))",
        "*(hashes[name] for name in names[-1:]))",
        (_STAYED,),
    ),
    Break(
        "a collection forgets by which bytes columns are known",
        "app/gc.py",
        "contents |= prints_of(source, world.graph)",
        "contents |= set()",
        (_STAYED,),
    ),
    Break(
        "data is taken in young where ticks hide writes",
        "edges/files/scan.py",
        "0 if found.st_dev == self._exact else TICK_NS",
        "0",
        ("tests/edges/test_files.py::test_data_is_not_held_for_a_tick_where_every_write_shows",),
    ),
    Break(
        "stamps that repeat pass for exact",
        "edges/files/grain.py",
        "all(len(set(times)) == _WRITES for times",
        "any(len(set(times)) == _WRITES for times",
        ("tests/edges/test_grain.py",),
    ),
)
