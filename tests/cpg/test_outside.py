"""The extractor agrees with Python, over hard cases and a slice of the standard library; else it would show."""

import random
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pytest
from tests.cpg.compare import STANDARD_LIBRARY, Extract, compare_file, extractor, sources
from tests.cpg.nasty import NASTY
from tests.cpg.outside import Comparison, compare

#: Files of the slice, and the size up to which they are taken.
N_FILES, BYTES_MAX = 60, 60_000


@pytest.fixture(scope="module")
def extract() -> Iterator[Extract]:
    with extractor() as function:
        yield function


@pytest.mark.parametrize("name", NASTY)
def test_hard_cases_are_read_as_python_reads_them(extract: Extract, name: str) -> None:
    content = NASTY[name].encode()
    tables = extract("src/nasty.py", content)
    assert tables["src_files"].column("parse_ok").to_pylist() == [True]
    assert compare(tables, content).wrong == {}


def test_a_slice_of_the_standard_library_is_read_as_python_reads_it(extract: Extract) -> None:
    files = [path for path in sources(STANDARD_LIBRARY) if path.stat().st_size < BYTES_MAX]
    total = Comparison()
    for file in random.Random(11).sample(files, N_FILES):
        found = compare_file(extract, STANDARD_LIBRARY, file)
        assert found.wrong == {}, file
        total += found
    assert {sort for sort, n in total.n_compared.items() if n > 1000} >= {"scopes", "symbols", "defs", "refs", "calls"}


def less(table: pa.Table) -> pa.Table:
    return table.slice(1)


def more(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 1)])


@pytest.mark.parametrize("change", [less, more])
@pytest.mark.parametrize(
    ("name", "case", "sort"),
    [
        ("src_lines", "declared", "lines"),
        ("raw_scope_ancestors", "declared", "ancestors"),
        ("raw_symbols", "declared", "symbols"),
        ("raw_defs", "declared", "defs"),
        ("raw_bases", "calls", "bases"),
        ("raw_imports", "bound_otherwise", "imports"),
        ("raw_refs", "declared", "refs"),
        ("raw_calls", "calls", "calls"),
        ("raw_diags", "text", "remarks"),
    ],
)
def test_a_row_too_few_or_too_many_is_seen(extract: Extract, name: str, case: str, sort: str, change) -> None:
    content = NASTY[case].encode()
    tables = extract("src/nasty.py", content)
    assert sort in compare({**tables, name: change(tables[name])}, content).wrong


def moved(tables: Mapping[str, pa.Table], name: str) -> Mapping[str, pa.Table]:
    """Let every row of a table stand in the module."""
    table = tables[name]
    at = table.schema.get_field_index("scope_key")
    root = pa.repeat(tables["raw_scopes"].column("scope_key")[0], table.num_rows)
    return {**tables, name: table.set_column(at, "scope_key", root)}


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("raw_symbols", "symbols"),
        ("raw_defs", "bodies"),
        ("raw_refs", "refs in scopes"),
        ("raw_calls", "callees"),
        ("raw_imports", "imported symbols"),
    ],
)
def test_a_row_in_the_wrong_scope_is_seen(extract: Extract, name: str, sort: str) -> None:
    content = NASTY["private"].encode()
    assert sort in compare(moved(extract("src/nasty.py", content), name), content).wrong
