"""The extractor says what stands in a Python file, by structure, and survives files that are none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.by_hand import File, extractor_of, importing_from

TASKS = Path(__file__).resolve().parents[2] / "src/cpg"

SPAN = "lineno i, col i, end_lineno i, end_col i"
BOOLS = (
    "is_local is_global is_declared_global is_nonlocal is_free is_parameter is_imported is_assigned is_referenced "
    "is_annotated is_namespace"
)
COLUMNS = {
    "src_files": (
        "file_id s, path s, module_fqn s, package_fqn s, is_init b, size_bytes l, sha256 s, line_count i, parse_ok b"
    ),
    "src_lines": "file_id s, line_no i, start_byte l, end_byte l",
    "raw_scopes": "file_id s, scope_key s, parent_key s, kind s, name s, lineno i",
    "raw_scope_ancestors": "file_id s, scope_key s, ancestor_key s, ancestor_kind s, depth i",
    "raw_symbols": "file_id s, scope_key s, name s, " + ", ".join(f"{name} b" for name in BOOLS.split()),
    "raw_defs": (
        f"file_id s, scope_key s, body_key s, kind s, name s, arg_count i, decorator_count i, has_docstring b, {SPAN}"
    ),
    "raw_bases": f"file_id s, body_key s, ord i, base_root s, base_dotted s, {SPAN}",
    "raw_imports": (
        "file_id s, scope_key s, stmt_ord i, alias_ord i, kind s, module s, level i, name s, asname s, bound_name s, "
        f"is_star b, {SPAN}"
    ),
    "raw_refs": f"file_id s, scope_key s, name s, ctx s, {SPAN}, ord i",
    "raw_calls": (
        "file_id s, scope_key s, callee_shape s, callee_root s, callee_dotted s, arg_count i, kw_count i, "
        f"callee_lineno i, callee_col i, {SPAN}, ord i"
    ),
    "raw_diags": f"file_id s, code s, message s, {SPAN}, ord i",
}
LETTERS = {pa.string(): "s", pa.int32(): "i", pa.int64(): "l", pa.bool_(): "b"}
PLACES = ["lineno", "col", "end_lineno", "end_col", "callee_lineno", "callee_col"]


Extract = Callable[[str, bytes], dict[str, pa.Table]]


@pytest.fixture(scope="module")
def extract() -> Extract:
    with importing_from(TASKS):
        files, function = extractor_of(TASKS / "python_source.py")
    assert files == "src/**/*.py"
    return lambda path, content: function(File(path, content))


def picked(table: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.select(list(columns)).to_pylist()]


SOURCE = b'''import os.path, json as j
from . import near
from ..far import *

def outer(a, /, b=1, *rest, c, **more):
    """Documented."""
    def inner(): ...
    if a:
        def inner(): import late
    return [x for x in rest]

@one
@two
class Thing(object):
    async def run(self): pass
    run = property(run)

try:
    pass
except OSError:
    def fallback(): pass
'''


@pytest.mark.parametrize("content", [SOURCE, b"", b"def (:"])
def test_every_file_gives_the_same_tables(extract: Extract, content: bytes) -> None:
    tables = extract("src/pkg/mod.py", content)
    assert {n: ", ".join(f"{f.name} {LETTERS[f.type]}" for f in t.schema) for n, t in tables.items()} == COLUMNS


def test_a_file_is_described(extract: Extract) -> None:
    (row,) = extract("src/pkg/sub/__init__.py", b"a = 1\r\nb = 2\rc = '\x0c'\n\nd")["src_files"].to_pylist()
    assert row == {
        "file_id": "file:233224e3ce29ffb2",
        "path": "src/pkg/sub/__init__.py",
        "module_fqn": "pkg.sub",
        "package_fqn": "pkg.sub",
        "is_init": True,
        "size_bytes": 23,
        "sha256": "13fd40880485c1f837e7a596be3fee8375139b35f0be31a23b3c1840ab2ac152",
        "line_count": 5,
        "parse_ok": True,
    }


def test_a_module_belongs_to_the_package_around_it(extract: Extract) -> None:
    assert picked(
        extract("src/pkg/mod.py", b"")["src_files"], "module_fqn", "package_fqn", "is_init", "line_count"
    ) == [("pkg.mod", "pkg", False, 0)]


def test_definitions_have_keys_that_tell_namesakes_apart(extract: Extract) -> None:
    root = "/module:pkg.mod#0"
    found = extract("src/pkg/mod.py", SOURCE)["raw_defs"]
    assert picked(found, "scope_key", "body_key", "kind", "arg_count", "decorator_count", "has_docstring") == [
        (root, f"{root}/function:outer#0", "function", 5, 0, True),
        (f"{root}/function:outer#0", f"{root}/function:outer#0/function:inner#0", "function", 0, 0, False),
        (f"{root}/function:outer#0", f"{root}/function:outer#0/function:inner#1", "function", 0, 0, False),
        (root, f"{root}/class:Thing#0", "class", 0, 2, False),
        (f"{root}/class:Thing#0", f"{root}/class:Thing#0/function:run#0", "async_function", 1, 0, False),
        (root, f"{root}/function:fallback#0", "function", 0, 0, False),
    ]


def test_spans_count_lines_from_one_and_bytes_from_zero(extract: Extract) -> None:
    found = extract("src/a.py", "if 'é':\n    x = 'é'; import é as b\n".encode())["raw_imports"]
    assert picked(found, "lineno", "col", "end_lineno", "end_col") == [(2, 21, 2, 28)]


def test_imports_say_what_they_bind_and_where(extract: Extract) -> None:
    root = "/module:pkg.mod#0"
    found = extract("src/pkg/mod.py", SOURCE)["raw_imports"]
    assert picked(found, "stmt_ord", "alias_ord", "kind", "module", "level", "name", "bound_name", "is_star") == [
        (0, 0, "import", "os.path", 0, None, "os", False),
        (0, 1, "import", "json", 0, None, "j", False),
        (1, 0, "from", None, 1, "near", "near", False),
        (2, 0, "from", "far", 2, "*", None, True),
        (0, 0, "import", "late", 0, None, "late", False),
    ]
    assert found.column("scope_key").to_pylist() == [*[root] * 4, f"{root}/function:outer#0/function:inner#1"]


def test_a_line_inserted_above_moves_nothing_but_places(extract: Extract) -> None:
    before, after = extract("src/pkg/mod.py", SOURCE), extract("src/pkg/mod.py", b"# above\n" + SOURCE)
    for name in ("raw_defs", "raw_bases", "raw_imports", "raw_scopes", "raw_refs", "raw_calls"):
        places = [column for column in PLACES if column in before[name].column_names]
        assert after[name].drop_columns(places) == before[name].drop_columns(places)
        assert after[name] != before[name]
    for name in ("raw_scope_ancestors", "raw_symbols"):
        assert after[name] == before[name]
        assert after[name].num_rows > 0


@pytest.mark.parametrize(
    ("content", "place", "message", "n_lines"),
    [
        ("x = 1\ny = é é\n".encode(), (2, 7), "invalid syntax", 2),
        (b"x = '\\d'\nprint 'a'\n", (2, 0), "Missing parentheses", 2),
        (b"a = \0", (1, 0), "null bytes", 1),
        (b"\xff\xfe", (1, 0), "encoding", 0),
        (b"\n\nx = '\xff'", (1, 0), "utf-8", 0),
    ],
)
def test_a_file_that_does_not_parse_gives_one_remark_and_no_rows(
    extract: Extract, content: bytes, place: tuple[int, int], message: str, n_lines: int
) -> None:
    tables = extract("src/broken.py", content)
    given = {name: table.num_rows for name, table in tables.items() if table.num_rows}
    assert given == {"src_files": 1, "raw_diags": 1} | ({"src_lines": n_lines} if n_lines else {})
    assert tables["src_files"].column("parse_ok").to_pylist() == [False]
    (remark,) = tables["raw_diags"].to_pylist()
    assert (remark["code"], remark["lineno"], remark["col"]) == ("syntax-error", *place)
    assert message in remark["message"]


def test_what_is_left_to_do_is_remarked_in_comments_only(extract: Extract) -> None:
    content = "x = 'TODO'\ny = 'é'  # TODO: tidy\nXXX = 1\n".encode()
    found = extract("src/a.py", content)["raw_diags"]
    assert picked(found, "code", "message", "lineno", "col", "end_col") == [("todo-comment", "TODO: tidy", 2, 10, 22)]


def test_what_is_alike_is_told_apart_by_its_ordinal_and_not_by_its_place(extract: Extract) -> None:
    source = b"f(a)\nf(a)(a)\n\ndef g():\n    f()\n    ''()\n    (a)\n# TODO: x\n# TODO: x\n"
    found, moved = extract("src/a.py", source), extract("src/a.py", b"#\n\n" + source)
    assert picked(found["raw_refs"], "scope_key", "name", "ord") == [
        ("/module:a#0", "f", 0),
        ("/module:a#0", "a", 0),
        ("/module:a#0", "f", 1),
        ("/module:a#0", "a", 1),
        ("/module:a#0", "a", 2),
        ("/module:a#0/function:g#0", "f", 0),
        ("/module:a#0/function:g#0", "a", 0),
    ]
    assert picked(found["raw_calls"], "scope_key", "callee_dotted", "ord") == [
        ("/module:a#0", "f", 0),
        ("/module:a#0", None, 0),
        ("/module:a#0", "f", 1),
        ("/module:a#0/function:g#0", "f", 0),
        ("/module:a#0/function:g#0", None, 0),
    ]
    assert picked(found["raw_diags"], "message", "ord") == [("TODO: x", 0), ("TODO: x", 1)]
    for name in ("raw_refs", "raw_calls", "raw_diags"):
        places = [column for column in PLACES if column in found[name].column_names]
        assert found[name].drop_columns(places).equals(moved[name].drop_columns(places))
