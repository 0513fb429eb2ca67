"""What stands in a file: lines, scopes, symbols, names, calls and bases, also where the file is hostile."""

import builtins
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.cpg.compare import Extract, extractor

DATA = Path(__file__).resolve().parents[2] / "data"
#: Built-in names that came after the list was made, on Python 3.11.
LATER = {"PythonFinalizationError"}


@pytest.fixture(scope="module")
def extract() -> Iterator[Extract]:
    with extractor() as function:
        yield function


def picked(table: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.select(list(columns)).to_pylist()]


def test_lines_end_where_python_ends_them(extract: Extract) -> None:
    content = b"\xef\xbb\xbfa = 1\r\n\rb = '\xc3\xa9\x0c\xe2\x80\xa8'\n\x0cc"
    tables = extract("src/a.py", content)
    assert picked(tables["src_lines"], "line_no", "start_byte", "end_byte") == [
        (1, 0, 5),
        (2, 7, 7),
        (3, 8, 20),
        (4, 21, 23),
    ]
    assert picked(tables["src_files"], "size_bytes", "line_count", "parse_ok") == [(26, 4, True)]
    assert picked(tables["raw_refs"], "name", "lineno", "col") == [("a", 1, 0), ("b", 3, 0), ("c", 4, 1)]


@pytest.mark.parametrize("codec", ["latin-1", "utf-8"])
def test_columns_are_bytes_of_utf8_whatever_the_file_is_written_in(extract: Extract, codec: str) -> None:
    tables = extract("src/a.py", f"# coding: {codec}\né = 1; ü = é".encode(codec))
    found = picked(tables["raw_refs"], "name", "ctx", "col", "end_col")
    assert found == [("é", "store", 0, 2), ("ü", "store", 8, 10), ("é", "load", 13, 15)]
    *_, (start, end) = picked(tables["src_lines"], "start_byte", "end_byte")
    assert end - start == 15


def test_scopes_stand_where_their_names_are_looked_up(extract: Extract) -> None:
    content = b"""
@(lambda f: f)
def run(a=(x for x in (lambda: a)()), *, b: [c for c in d] = 1):
    return {e: (lambda: e) for e in a}
class K((lambda: 1)()):
    async def run(self): ...
"""
    found = extract("src/a.py", content)["raw_scopes"]
    root = "/module:a#0"
    run, k = f"{root}/function:run#0", f"{root}/class:K#0"
    assert sorted(picked(found, "scope_key", "parent_key", "kind", "name", "lineno")) == [
        (root, None, "module", "a", 1),
        (k, root, "class", "K", 5),
        (f"{k}/function:run#0", k, "function", "run", 6),
        (f"{root}/function:genexpr#0", root, "function", "genexpr", 3),
        (f"{root}/function:lambda#0", root, "function", "lambda", 3),
        (f"{root}/function:lambda#1", root, "function", "lambda", 2),
        (f"{root}/function:lambda#2", root, "function", "lambda", 5),
        (f"{root}/function:listcomp#0", root, "function", "listcomp", 3),
        (run, root, "function", "run", 3),
        (f"{run}/function:dictcomp#0", run, "function", "dictcomp", 4),
        (f"{run}/function:dictcomp#0/function:lambda#0", f"{run}/function:dictcomp#0", "function", "lambda", 4),
    ]


def test_a_scope_names_those_around_it_by_distance(extract: Extract) -> None:
    found = extract("src/a.py", b"class K:\n    def f(self): return [x for x in self]\n")["raw_scope_ancestors"]
    root = "/module:a#0"
    k, f = f"{root}/class:K#0", f"{root}/class:K#0/function:f#0"
    assert picked(found, "scope_key", "ancestor_key", "ancestor_kind", "depth") == [
        (k, root, "module", 1),
        (f, k, "class", 1),
        (f, root, "module", 2),
        (f"{f}/function:listcomp#0", f, "function", 1),
        (f"{f}/function:listcomp#0", k, "class", 2),
        (f"{f}/function:listcomp#0", root, "module", 3),
    ]


def test_private_names_are_spelled_alike_wherever_they_are_joined(extract: Extract) -> None:
    content = b"class _K:\n    import __m\n    __x = 1\n    def __f(self, __a): [__x for __i in __m.n(self.__g)]\n"
    tables = extract("src/a.py", content)
    private = {name for name in tables["raw_symbols"].column("name").to_pylist() if "__" in name}
    assert private == {"_K__m", "_K__x", "_K__f", "_K__a", "_K__i"}
    assert sorted(picked(tables["raw_refs"], "name", "ctx")) == [
        ("_K__i", "store"),
        ("_K__m", "load"),
        ("_K__x", "load"),
        ("_K__x", "store"),
        ("self", "load"),
    ]
    assert picked(tables["raw_imports"], "module", "bound_name") == [("__m", "_K__m")]
    assert picked(tables["raw_calls"], "callee_root", "callee_dotted") == [("_K__m", "_K__m.n")]
    assert picked(tables["raw_defs"], "name") == [("_K",), ("__f",)]


def test_symbols_are_what_symtable_says(extract: Extract) -> None:
    content = b"x = 1\ndef f(a):\n    global x\n    y: int = x\n    return [y for z in a]\n"
    found = extract("src/a.py", content)["raw_symbols"]
    kinds = [column for column in found.column_names if column.startswith("is_")]
    said = {(row["scope_key"], row["name"]): [k[3:] for k in kinds if row[k]] for row in found.to_pylist()}
    f = "/module:a#0/function:f#0"
    assert said == {
        ("/module:a#0", "x"): ["local", "global", "declared_global", "assigned"],
        ("/module:a#0", "f"): ["local", "global", "assigned", "namespace"],
        (f, "a"): ["local", "parameter", "referenced"],
        (f, "int"): ["global", "referenced"],
        (f, "x"): ["global", "declared_global", "referenced"],
        (f, "y"): ["local", "assigned", "annotated"],
        (f"{f}/function:listcomp#0", ".0"): ["local", "parameter"],
        (f"{f}/function:listcomp#0", "y"): ["free", "referenced"],
        (f"{f}/function:listcomp#0", "z"): ["local", "assigned"],
    }


def test_calls_say_what_is_called_where_its_name_stands(extract: Extract) -> None:
    content = b"f(1, *a, k=2, **m)\n(a).b.c()\nf()()\na[0].b()\n'x'.join(y)\n"
    found = extract("src/a.py", content)["raw_calls"]
    columns = ("callee_shape", "callee_root", "callee_dotted", "arg_count", "kw_count", "callee_lineno", "callee_col")
    assert picked(found, *columns, "col", "end_col") == [
        ("name", "f", "f", 2, 2, 1, 0, 0, 18),
        ("attr", "a", "a.b.c", 0, 0, 2, 1, 0, 9),
        ("other", None, None, 0, 0, 3, 0, 0, 5),
        ("name", "f", "f", 0, 0, 3, 0, 0, 3),
        ("other", None, None, 0, 0, 4, 0, 0, 8),
        ("other", None, None, 1, 0, 5, 0, 0, 11),
    ]


def test_bases_are_named_where_they_are_names(extract: Extract) -> None:
    found = extract("src/a.py", b"class K(A, b.C, D[T], metaclass=M): pass\n")["raw_bases"]
    assert picked(found, "ord", "base_root", "base_dotted", "col", "end_col") == [
        (0, "A", "A", 8, 9),
        (1, "b", "b.C", 11, 14),
        (2, None, None, 16, 20),
    ]
    assert set(found.column("body_key").to_pylist()) == {"/module:a#0/class:K#0"}


def test_a_comment_begins_outside_of_strings(extract: Extract) -> None:
    content = rb"""
a = '#' "\"#\" TODO 1" # TODO 2
b = r'\' # TODO 3'  # XXX 4
c = '''"
# TODO 5''' '''"# FIXME 6'''
#: FIXME 7
d = ("x"  # TODO 8
    'y')
"""
    found = extract("src/a.py", content)["raw_diags"]
    assert picked(found, "message", "lineno", "col") == [
        ("TODO 2", 2, 23),
        ("XXX 4", 3, 20),
        (": FIXME 7", 6, 0),
        ("TODO 8", 7, 10),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"(" * 10_000 + b"x" + b")" * 10_000,
        b"x = " + b"+".join([b"a"] * 10_000),
        b"x = a" + b".b()" * 10_000,
        b"x = " + b"-" * 100_000 + b"1",
        b"x = " + b"lambda: " * 1_000 + b"1",
        b"".join(b" " * depth + b"if 1:\n" for depth in range(150)),
    ],
    ids=["parentheses", "sums", "chain", "signs", "lambdas", "indents"],
)
def test_a_file_that_nests_too_deep_says_so(extract: Extract, content: bytes) -> None:
    tables = extract("src/a.py", content)
    assert [tables[name].num_rows for name in ("raw_diags", "raw_scopes", "raw_refs")] == [1, 0, 0]
    (message,) = tables["raw_diags"].column("message").to_pylist()
    assert re.search("too many nested|too many levels|nests deeper|stand in one another", message)


def test_a_long_expression_is_read(extract: Extract) -> None:
    found = extract("src/a.py", b"x = " + b"+".join([b"a"] * 800))
    assert found["raw_refs"].num_rows == 801


@pytest.mark.parametrize(
    "codec", ["hex", "undefined", "unicode_escape", "nosuch"], ids=["no text", "refuses", "surrogates", "unknown"]
)
def test_a_strange_declaration_is_one_remark(extract: Extract, codec: str) -> None:
    tables = extract("src/a.py", f'# coding: {codec}\nx = "\\ud800"'.encode())
    assert [tables[name].num_rows for name in ("src_files", "src_lines", "raw_diags", "raw_scopes")] == [1, 0, 1, 0]


def test_what_the_compiler_refuses_for_its_scopes_does_not_parse(extract: Extract) -> None:
    tables = extract("src/a.py", b"def f():\n    nonlocal x\n")
    assert picked(tables["raw_diags"], "message", "lineno") == [("no binding for nonlocal 'x' found", 2)]
    assert tables["raw_defs"].num_rows == 0


def test_the_names_that_every_module_knows_are_listed() -> None:
    head, *names = (DATA / "builtin_names.csv").read_text().split()
    assert (head, names) == ("name", sorted(set(names)))
    assert {"print", "__import__", "ExceptionGroup"} <= set(names)
    # Without `site`, which a program can be started without, some of the public names are missing.
    assert {name for name in dir(builtins) if not name.startswith("_")} - LATER <= set(names)
