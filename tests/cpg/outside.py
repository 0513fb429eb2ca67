"""Compares what the extractor says of a file with what others say of it: `symtable`, `ast`, `tokenize`, the importer.

Nothing of `src/cpg` takes part in what is expected. Scopes are compared as multisets of their paths, the kinds, names
and lines from the module down, as `symtable` nests them; definitions, imports, names, calls and bases as multisets of
what `ast.walk` finds, which knows no scopes. That names stand in the right scope is then held by the symbols, both
ways: each name of a scope is a symbol of its table, and each symbol that is used there has a name that uses it.
"""

import ast
import io
import keyword
import re
import symtable
import sys
import tokenize
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

Path_ = tuple[str, ...]
Tables = Mapping[str, list[dict[str, Any]]]

FLAGS = (
    "is_local",
    "is_global",
    "is_declared_global",
    "is_nonlocal",
    "is_free",
    "is_parameter",
    "is_imported",
    "is_assigned",
    "is_referenced",
    "is_annotated",
    "is_namespace",
)
SPAN = ("lineno", "col", "end_lineno", "end_col")
DEFINED = {ast.FunctionDef: "function", ast.AsyncFunctionDef: "async_function", ast.ClassDef: "class"}
#: The words of `symtable` in 3.12, and from 3.13 on, for scopes that older versions do not have.
GENERIC = {
    "type parameter": "type_params({})",
    "type parameters": "type_params({})",
    "type alias": "type_alias({})",
    "TypeVar bound": "type_param({})",
    "type variable": "type_param({})",
}
#: What nodes of each type open, where that does not have the node's own name.
OPENING = {
    **dict.fromkeys(DEFINED, ""),
    ast.Lambda: "lambda",
    ast.ListComp: "listcomp",
    ast.SetComp: "setcomp",
    ast.DictComp: "dictcomp",
    ast.GeneratorExp: "genexpr",
}
INLINED = {"listcomp", "setcomp", "dictcomp"}
MARKS = re.compile(r"\b(TODO|FIXME|XXX)\b")


@dataclass
class Comparison:
    """How many things were compared, by sort, and which of them differ."""

    n_compared: Counter[str] = field(default_factory=Counter)
    differing: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def same(self, sort: str, ours: Iterable[Any], theirs: Iterable[Any]) -> None:
        """Compare two bags."""
        left, right = Counter(ours), Counter(theirs)
        self.n_compared[sort] += max(left.total(), right.total())
        self.differing[sort] += [f"only ours: {x}" for x in (left - right).elements()]
        self.differing[sort] += [f"only theirs: {x}" for x in (right - left).elements()]

    def holds(self, sort: str, wrong: Iterable[Any], n_compared: int) -> None:
        """Note a property of `n_compared` things, of which `wrong` do not have it."""
        self.n_compared[sort] += n_compared
        self.differing[sort] += [str(x) for x in wrong]

    def __iadd__(self, other: "Comparison") -> Self:
        self.n_compared += other.n_compared
        for sort, found in other.differing.items():
            self.differing[sort] += found
        return self

    @property
    def wrong(self) -> dict[str, list[str]]:
        """Whatever differs."""
        return {sort: found for sort, found in self.differing.items() if found}


def compare(tables: Mapping[str, pa.Table], content: bytes) -> Comparison:
    """Compare all tables of one file with what Python says of its bytes."""
    result = Comparison()
    rows = {name: table.to_pylist() for name, table in tables.items()}
    text = decoded(content)
    tree, table = understood(text)
    result.same("files", [rows["src_files"][0]["parse_ok"]], [tree is not None])
    if text is not None:
        utf8 = text.encode()
        expected = re.sub(rb"\r\n?", b"\n", utf8).split(b"\n")
        given = ((x["line_no"], utf8[x["start_byte"] : x["end_byte"]]) for x in rows["src_lines"])
        result.same("lines", given, enumerate(expected if expected[-1] else expected[:-1], 1))
    if tree is None or table is None or text is None:
        result.same(
            "files",
            (name for name in rows if rows[name]),
            {"src_files", "raw_diags"} | ({"src_lines"} if text else set()),
        )
        return result
    compare_scopes(result, rows, tree, table)
    compare_nodes(result, rows, tree)
    compare_places(result, rows, tree, text.encode())
    compare_remarks(result, rows, text)
    return result


def compare_scopes(result: Comparison, rows: Tables, tree: ast.Module, top: symtable.SymbolTable) -> None:
    """Compare scopes, ancestors, symbols, and what refers to them."""
    future = any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
        for node in tree.body
    )
    theirs = [(collapsed(path), table) for path, table in walked(top, ()) if not inlined(path)]
    by_key = {row["scope_key"]: row for row in rows["raw_scopes"]}
    paths = {key: path_of(row, by_key) for key, row in by_key.items()}
    compared = {key: collapsed(path) for key, path in paths.items() if not inlined(path)}
    ours, expected = Counter(compared.values()), Counter(path for path, _ in theirs)
    # Annotations that are not evaluated have no symbol tables, and no scopes in them either.
    result.same("scopes", ((ours & expected) if future else ours).elements(), expected.elements())
    result.holds("scope keys", keys_amiss(rows["raw_scopes"]), len(by_key))
    around = [
        (key, outer["scope_key"], outer["kind"], depth) for key in by_key for depth, outer in around_of(key, by_key)
    ]
    columns = ("scope_key", "ancestor_key", "ancestor_kind", "depth")
    result.same("ancestors", (tuple(x[c] for c in columns) for x in rows["raw_scope_ancestors"]), around)
    lent = {(collapsed(paths[x["scope_key"]]), x["name"]) for x in rows["raw_refs"] if inlined(paths[x["scope_key"]])}
    symbols = (
        (compared[x["scope_key"]], x["name"], *(x[flag] for flag in FLAGS))
        for x in rows["raw_symbols"]
        if x["scope_key"] in compared
    )
    said = (row for path, table in theirs for row in symbols_of(path, table))
    result.same("symbols", (x for x in symbols if x[:2] not in lent), (x for x in said if x[:2] not in lent))
    if not future:
        compare_names(result, rows)


def compare_names(result: Comparison, rows: Tables) -> None:
    """Compare names with symbols, and imports with imported symbols, scope by scope."""
    known = {(x["scope_key"], x["name"]): x for x in rows["raw_symbols"]}
    used = {(x["scope_key"], x["name"]) for x in rows["raw_refs"]}
    loaded = {(x["scope_key"], x["name"]) for x in rows["raw_refs"] if x["ctx"] == "load"}
    result.holds("refs in scopes", (ref for ref in used if ref not in known), len(used))
    implicit = {"__class__", "__classdict__", ".generic_base", ".type_params", ".defaults"}
    wanted = {key for key, x in known.items() if x["is_referenced"] and key[1] not in implicit}
    result.holds(
        "symbols in use", (key for key in wanted if key not in loaded and not key[1].startswith(".")), len(wanted)
    )
    bound = {(x["scope_key"], x["bound_name"]) for x in rows["raw_imports"] if not x["is_star"]}
    result.same("imported symbols", bound, {key for key, x in known.items() if x["is_imported"]})
    roots = {(x["scope_key"], x["name"], x["lineno"], x["col"]) for x in rows["raw_refs"]}
    calls = [x for x in rows["raw_calls"] if x["callee_root"] is not None]
    called = [(x["scope_key"], x["callee_root"], x["callee_lineno"], x["callee_col"]) for x in calls]
    result.holds("callees", (call for call in called if call not in roots), len(called))
    by_key = {x["scope_key"]: x for x in rows["raw_scopes"]}
    result.holds("bodies", (x for x in rows["raw_defs"] if not fits(x, by_key)), len(rows["raw_defs"]))


def fits(definition: Mapping[str, Any], by_key: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether a definition's body is the scope of its name and line, within the definition's own scope."""
    body = by_key[definition["body_key"]]
    outer = body["parent_key"]
    if by_key[outer]["name"] == f"type_params({definition['name']})":
        outer = by_key[outer]["parent_key"]
    return (body["name"], body["lineno"], outer) == (definition["name"], definition["lineno"], definition["scope_key"])


def compare_nodes(result: Comparison, rows: Tables, tree: ast.Module) -> None:
    """Compare definitions, bases, imports, names and calls with all nodes of their types."""
    nodes: dict[type, list[Any]] = defaultdict(list)
    for node in ast.walk(tree):
        nodes[type(node)].append(node)
    columns = ("kind", "name", "arg_count", "decorator_count", "has_docstring", *SPAN)
    defined = (definition(node) for kind in DEFINED for node in nodes[kind])
    result.same("defs", (tuple(x[c] for c in columns) for x in rows["raw_defs"]), defined)
    bases = ((n, *path_like(base), *span(base)) for node in nodes[ast.ClassDef] for n, base in enumerate(node.bases))
    columns = ("ord", "base_root", "base_dotted", *SPAN)
    result.same("bases", (tuple(plain(x[c]) for c in columns) for x in rows["raw_bases"]), bases)
    opening = (opened(node) for kind in OPENING for node in nodes[kind])
    result.same(
        "openings",
        ((x["name"], x["lineno"]) for x in rows["raw_scopes"] if "(" not in x["name"] and x["parent_key"]),
        opening,
    )
    columns = ("alias_ord", "kind", "module", "level", "name", "asname", "is_star", *SPAN)
    imports = (row for kind in (ast.Import, ast.ImportFrom) for node in nodes[kind] for row in imported(node))
    result.same("imports", (tuple(x[c] for c in columns) for x in rows["raw_imports"]), imports)
    refs = ((plain(x["name"]), x["ctx"], *(x[c] for c in SPAN)) for x in rows["raw_refs"])
    result.same("refs", refs, ((plain(n.id), type(n.ctx).__name__.lower(), *span(n)) for n in nodes[ast.Name]))
    columns = (
        "callee_shape",
        "callee_root",
        "callee_dotted",
        "arg_count",
        "kw_count",
        "callee_lineno",
        "callee_col",
        *SPAN,
    )
    result.same("calls", (tuple(plain(x[c]) for c in columns) for x in rows["raw_calls"]), map(called, nodes[ast.Call]))


def compare_places(result: Comparison, rows: Tables, tree: ast.Module, utf8: bytes) -> None:
    """Cut names out of the text by their places; up to 3.11 those in f-strings stand at places that are none."""
    starts = {row["line_no"]: row["start_byte"] for row in rows["src_lines"]}
    unsure = set()
    if sys.version_info < (3, 12):
        strings = (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
        unsure = {span(node) for string in strings for node in ast.walk(string) if isinstance(node, ast.Name)}
    wrong = []
    for row in rows["raw_refs"]:
        place = tuple(row[column] for column in SPAN)
        if place not in unsure:
            cut = utf8[starts[place[0]] + place[1] : starts[place[2]] + place[3]].decode()
            wrong += (
                [] if plain(unicodedata.normalize("NFKC", cut)) == plain(row["name"]) else [(row["name"], place, cut)]
            )
    result.holds("places", wrong, len(rows["raw_refs"]))


def compare_remarks(result: Comparison, rows: Tables, text: str) -> None:
    """Compare marked comments with those that reading all tokens finds."""
    given = ((x["code"], x["message"], x["lineno"]) for x in rows["raw_diags"])
    plain_text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not MARKS.search(plain_text):
        result.same("remarks", given, ())
        return
    tokens = tokenize.generate_tokens(io.StringIO(plain_text).readline)
    marked = (x for x in tokens if x.type == tokenize.COMMENT and MARKS.search(x.string))
    result.same("remarks", given, (("todo-comment", x.string.lstrip("# "), x.start[0]) for x in marked))


def compare_module(result: Comparison, row: Mapping[str, Any], root: Path, file: Path) -> None:
    """Ask the importer where it finds a module of this name below `root`, and what its package is; import nothing."""
    places, spec = [str(root)], None
    for part in row["module_fqn"].split("."):
        spec = PathFinder.find_spec(part, places)
        places = [] if spec is None else [*(spec.submodule_search_locations or ())]
    name = row["module_fqn"] if places else row["module_fqn"].rpartition(".")[0]
    found = None if spec is None or spec.origin is None else (Path(spec.origin), name)
    result.same("modules", [(file, row["package_fqn"])], [found])


def decoded(content: bytes) -> str | None:
    """Decode as `tokenize.open` does, but keep the ends of lines; what is no Unicode is no text."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
        text.encode()
    except (SyntaxError, ValueError, LookupError):
        return None
    return text


def understood(text: str | None) -> tuple[ast.Module | None, symtable.SymbolTable | None]:
    """Parse, or give nothing where Python does not."""
    if text is None:
        return None, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text), symtable.symtable(text, "<text>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None, None


def walked(table: symtable.SymbolTable, above: Path_) -> Iterator[tuple[Path_, symtable.SymbolTable]]:
    """Yield every table with the path to it."""
    sort = str(getattr(table.get_type(), "value", table.get_type()))
    name = GENERIC.get(sort, "{}").format(table.get_name())
    shown = f"{'function' if sort in GENERIC else sort}:{name}:{table.get_lineno()}" if above else "module"
    path = (*above, shown)
    yield path, table
    for child in table.get_children():
        yield from walked(child, path)


def symbols_of(path: Path_, table: symtable.SymbolTable) -> Iterator[tuple[Any, ...]]:
    """Say of every symbol what `symtable` says."""
    for symbol in table.get_symbols():
        yield (path, symbol.get_name(), *(getattr(symbol, flag)() for flag in FLAGS))


def inlined(path: Path_) -> bool:
    """Tell whether a scope is a comprehension that has no table of its own since 3.12."""
    kind, _, name = path[-1].rpartition(":")[0].partition(":")
    return sys.version_info >= (3, 12) and kind == "function" and name in INLINED


def collapsed(path: Path_) -> Path_:
    """Leave out such comprehensions on the way to a scope."""
    return tuple(step for n, step in enumerate(path) if not inlined(path[: n + 1]))


def path_of(row: Mapping[str, Any], by_key: Mapping[str, Mapping[str, Any]]) -> Path_:
    """Follow a scope of ours to the module."""
    steps = []
    while row["parent_key"] is not None:
        steps.append(f"{row['kind']}:{row['name']}:{row['lineno']}")
        row = by_key[row["parent_key"]]
    return ("module", *reversed(steps))


def around_of(key: str, by_key: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the scopes around one with their distances."""
    depth, outer = 1, by_key[key]["parent_key"]
    while outer is not None:
        yield depth, by_key[outer]
        depth, outer = depth + 1, by_key[outer]["parent_key"]


def keys_amiss(scopes: list[dict[str, Any]]) -> list[str]:
    """Find keys that are not made as promised, or have gaps in their ordinals."""
    ordinals: dict[str, list[int]] = defaultdict(list)
    for row in scopes:
        stem, _, ordinal = row["scope_key"].rpartition("#")
        ordinals[stem].append(int(ordinal))
        if row["parent_key"] is not None and stem != f"{row['parent_key']}/{row['kind']}:{row['name']}":
            ordinals[stem].append(-1)
    return [stem for stem, found in ordinals.items() if sorted(found) != list(range(len(found)))]


def definition(node: Any) -> tuple[Any, ...]:
    """What `ast` says of a definition."""
    n_args = 0
    if not isinstance(node, ast.ClassDef):
        n_args = sum(isinstance(child, ast.arg) for child in ast.iter_child_nodes(node.args))
    first = node.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return DEFINED[type(node)], node.name, n_args, len(node.decorator_list), documented, *span(node)


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[Any, ...]]:
    """What `ast` says of an import."""
    for n, alias in enumerate(node.names):
        if isinstance(node, ast.Import):
            yield n, "import", alias.name, 0, None, alias.asname, False, *span(alias)
        else:
            yield n, "from", node.module, node.level, alias.name, alias.asname, alias.name == "*", *span(alias)


def opened(node: Any) -> tuple[str, int]:
    """By what name and at which line a node opens a scope, in the words of `symtable`."""
    return OPENING[type(node)] or node.name, node.lineno


def called(node: ast.Call) -> tuple[Any, ...]:
    """What `ast` says of a call, by the text of what is called."""
    root, dotted = path_like(node.func)
    shape = "other" if dotted is None else "attr" if "." in dotted else "name"
    counts = len(node.args), len(node.keywords)
    first: Any = node.func
    while dotted is not None and isinstance(first, ast.Attribute):
        first = first.value
    return shape, root, dotted, *counts, first.lineno, first.col_offset, *span(node)


def path_like(node: ast.expr) -> tuple[str | None, str | None]:
    """The first name and all of an expression whose text is names and dots."""
    simple = isinstance(node, ast.Name | ast.Attribute)
    words = ast.unparse(node).split(".") if simple else [""]
    if not all(word.isidentifier() for word in words) or words[0] in keyword.kwlist:
        return None, None
    return plain(words[0]), plain(".".join(words))


def plain(name: Any) -> Any:
    """Undo what the compiler does to private names, as far as the text tells, alike on both sides."""
    if not isinstance(name, str) or not name.startswith("_"):
        return name
    first, dot, others = name.partition(".")
    inner = first.rfind("__")
    return (first[inner:] if inner > 0 and not first.endswith("__") else first) + dot + others


def span(node: Any) -> tuple[Any, ...]:
    """Where a node stands."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
