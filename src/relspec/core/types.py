"""What the texts of DuckDB types mean to us: when two are the same, and as which type a column can be stored.

Parquet does not hold every type, and DuckDB loses some on the way without a word (1.5.6, measured): HUGEINT comes back
as DOUBLE, TIMESTAMP_S as TIMESTAMP, ENUM, BIT and BIGNUM as VARCHAR, GEOMETRY as BLOB, a UNION as a struct, a TIME with
a zone as another time. So each type is stored as one that survives, or not at all. Types nest: all of this is decided
on a small tree that `parse` reads from the text. Nothing here asks the engine.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
from msgspec.structs import replace

_TOKEN = re.compile(r"""\s*('(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|[()\[\],])""")

_ALIASES = {
    **dict.fromkeys(("INT1",), "TINYINT"),
    **dict.fromkeys(("INT2", "SHORT", "INT16"), "SMALLINT"),
    **dict.fromkeys(("INT4", "INT", "SIGNED", "INT32", "INTEGRAL"), "INTEGER"),
    **dict.fromkeys(("INT8", "LONG", "INT64", "OID"), "BIGINT"),
    **dict.fromkeys(("INT128",), "HUGEINT"),
    **dict.fromkeys(("UINT8",), "UTINYINT"),
    **dict.fromkeys(("UINT16",), "USMALLINT"),
    **dict.fromkeys(("UINT32",), "UINTEGER"),
    **dict.fromkeys(("UINT64",), "UBIGINT"),
    **dict.fromkeys(("UINT128",), "UHUGEINT"),
    **dict.fromkeys(("FLOAT4", "REAL"), "FLOAT"),
    **dict.fromkeys(("FLOAT8", "DOUBLE PRECISION"), "DOUBLE"),
    **dict.fromkeys(("NUMERIC", "DEC"), "DECIMAL"),
    **dict.fromkeys(("BOOL", "LOGICAL"), "BOOLEAN"),
    **dict.fromkeys(("CHAR", "BPCHAR", "TEXT", "STRING", "NVARCHAR", "CHARACTER VARYING"), "VARCHAR"),
    **dict.fromkeys(("BYTEA", "BINARY", "VARBINARY"), "BLOB"),
    **dict.fromkeys(("BITSTRING",), "BIT"),
    **dict.fromkeys(("GUID",), "UUID"),
    **dict.fromkeys(("DATETIME", "TIMESTAMP_US", "TIMESTAMP WITHOUT TIME ZONE"), "TIMESTAMP"),
    **dict.fromkeys(("TIMESTAMPTZ",), "TIMESTAMP WITH TIME ZONE"),
    **dict.fromkeys(("TIMETZ",), "TIME WITH TIME ZONE"),
    **dict.fromkeys(("TIME WITHOUT TIME ZONE",), "TIME"),
    **dict.fromkeys(("ROW",), "STRUCT"),
    **dict.fromkeys(("NULL",), "INTEGER"),
}

_FAMILIES = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "FLOAT", "DOUBLE"), "number"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BIGNUM"), "number"),
    **dict.fromkeys(("VARCHAR", "ENUM", "JSON"), "text"),
    "BOOLEAN": "boolean",
    **dict.fromkeys(("DATE", "TIME", "TIME_NS", "TIME WITH TIME ZONE"), "temporal"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "temporal"),
    "TIMESTAMP WITH TIME ZONE": "temporal",
    "INTERVAL": "interval",
    **dict.fromkeys(("BLOB", "BIT"), "blob"),
    "UUID": "uuid",
    **dict.fromkeys(("STRUCT", "MAP", "UNION", "VARIANT", "[]"), "nested"),
}

#: Types that Parquet keeps as they are.
_KEPT = frozenset(_FAMILIES) - {"HUGEINT", "UHUGEINT", "BIGNUM", "ENUM", "BIT", "TIMESTAMP_S", "TIMESTAMP_MS"}
_KEPT -= {"TIME WITH TIME ZONE", "UNION"}

#: Types that are stored as another one without loss: what does not fit fails in the cast instead of being rounded.
_STORED_AS = {
    "HUGEINT": ("DECIMAL", ("38", "0")),
    "UHUGEINT": ("DECIMAL", ("38", "0")),
    "BIGNUM": ("VARCHAR", ()),
    "ENUM": ("VARCHAR", ()),
    "BIT": ("VARCHAR", ()),
    "TIMESTAMP_S": ("TIMESTAMP", ()),
    "TIMESTAMP_MS": ("TIMESTAMP", ()),
}


class TypeTree(msgspec.Struct, frozen=True):
    """A parsed type: its head (`DECIMAL`, `STRUCT`, `[]`), plain arguments, and labelled children.

    `arguments` are the numbers of DECIMAL, the values of ENUM, the length of a fixed list. Labels are field names as
    they were written, quotes and all; children without a name have the label "".
    """

    head: str
    arguments: tuple[str, ...]
    children: tuple[tuple[str, "TypeTree"], ...]


# Each of the thousands of columns that go by has one of a few types: reading one takes 4 us, remembering it 0.1.
@lru_cache(maxsize=1024)
def parse(type_text: str) -> TypeTree:
    """Read a type as the engine writes it; raises ValueError where the text is no type."""
    tokens = _tokens(type_text)
    tree, rest = _parse_type(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"{type_text!r} is no type: {tokens[rest]!r} is left over")
    return tree


@lru_cache(maxsize=1024)
def canonical_type(type_text: str) -> str:
    """Write a type so that the same type always has the same text; field names come out quoted.

    For comparing, also across those who spell types (the binder, Ibis, users). A text that is no type stays itself.
    """
    try:
        return _render(_canonical(parse(type_text)))
    except ValueError:
        return type_text.strip().upper()


@lru_cache(maxsize=1024)
def stored_type(type_text: str) -> str | None:
    """Find the type as which a column survives Parquet; `None` where none holds every value exactly.

    A type that needs no change keeps its spelling. HUGEINT becomes DECIMAL(38,0), which is one digit narrower.
    """
    try:
        tree = parse(type_text)
        stored = _stored(tree, nested=False)
    except ValueError:
        return None
    if stored is None:
        return None
    return type_text if stored == tree else _render(stored)


def type_family(type_text: str) -> str:
    """Class a type: number, text, boolean, temporal, interval, blob, uuid, nested, other."""
    try:
        return _FAMILIES.get(parse(type_text).head, "other")
    except ValueError:
        return "other"


def replaced(type_text: str, substitutes: Mapping[str, str]) -> str:
    """Write a type with other heads where it has these, at any depth; others, and what is no type, stay as they are."""
    try:
        tree = parse(type_text)
    except ValueError:
        return type_text
    other = _replaced(tree, substitutes)
    return type_text if other == tree else _render(other)


def heads(type_text: str) -> frozenset[str]:
    """Name every type that occurs in a type, at any depth; empty where the text is no type."""
    try:
        pending = [parse(type_text)]
    except ValueError:
        return frozenset()
    found = set()
    while pending:
        tree = pending.pop()
        found.add(tree.head)
        pending += [child for _, child in tree.children]
    return frozenset(found)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    stripped = text.rstrip()
    while at < len(stripped):
        found = _TOKEN.match(stripped, at)
        if found is None:
            raise ValueError(f"{text!r} is no type")
        tokens.append(found.group(1))
        at = found.end()
    return tokens


def _parse_type(tokens: Sequence[str], at: int) -> tuple[TypeTree, int]:
    words, at = _words(tokens, at)
    head = _ALIASES.get(words, words)
    tree, at = _parse_parts(head, tokens, at) if _peek(tokens, at) == "(" else (TypeTree(head, (), ()), at)
    words, at = _words(tokens, at, optional=True)
    if words:  # "TIMESTAMP(6) WITH TIME ZONE"
        tree = replace(tree, head=_ALIASES.get(f"{tree.head} {words}", f"{tree.head} {words}"))
    while _peek(tokens, at) == "[":
        length = () if tokens[at + 1] == "]" else (tokens[at + 1],)
        at = _expect("]", tokens, at + 1 + len(length))
        tree = TypeTree("[]", length, (("", tree),))
    return tree, at


def _parse_parts(head: str, tokens: Sequence[str], at: int) -> tuple[TypeTree, int]:
    labelled = head in ("STRUCT", "UNION")
    nested = labelled or head == "MAP"
    arguments: list[str] = []
    children: list[tuple[str, TypeTree]] = []
    while _peek(tokens, at) in ("(", ","):
        at += 1
        if not nested:
            arguments.append(_peek(tokens, at))
            at += 1
            continue
        label = _peek(tokens, at) if labelled else ""
        child, at = _parse_type(tokens, at + 1 if labelled else at)
        children.append((label, child))
    plain = head == "VARCHAR" or head.startswith("TIME")
    return TypeTree(head, () if plain else tuple(arguments), tuple(children)), _expect(")", tokens, at)


def _words(tokens: Sequence[str], at: int, *, optional: bool = False) -> tuple[str, int]:
    start = at
    while (_peek(tokens, at)[:1] or " ").isalpha():
        at += 1
    if at == start and _peek(tokens, at).startswith('"') and not optional:
        return tokens[at][1:-1].upper(), at + 1
    if at == start and not optional:
        raise ValueError(f"a type was expected at {_peek(tokens, at)!r}")
    return " ".join(tokens[start:at]).upper(), at


def _peek(tokens: Sequence[str], at: int) -> str:
    return tokens[at] if at < len(tokens) else ""


def _expect(token: str, tokens: Sequence[str], at: int) -> int:
    if _peek(tokens, at) != token:
        raise ValueError(f"{token!r} was expected, not {_peek(tokens, at)!r}")
    return at + 1


def _canonical(tree: TypeTree) -> TypeTree:
    children = tuple((_quoted(label), _canonical(child)) for label, child in tree.children)
    arguments = tree.arguments
    if tree.head == "DECIMAL":
        width = arguments[0] if arguments else "18"
        scale = arguments[1] if len(arguments) > 1 else ("0" if arguments else "3")
        arguments = (width, scale)
    return TypeTree(tree.head, arguments, children)


def _quoted(label: str) -> str:
    return label if not label or label.startswith('"') else f'"{label}"'


def _stored(tree: TypeTree, *, nested: bool) -> TypeTree | None:
    if tree.head in _STORED_AS:
        head, arguments = _STORED_AS[tree.head]
        return TypeTree(head, arguments, ())
    # The Parquet writer of 1.5.6 takes a VARIANT as a whole column only.
    if tree.head not in _KEPT or (nested and tree.head == "VARIANT"):
        return None
    children = tuple((label, _stored(child, nested=True)) for label, child in tree.children)
    kept = tuple((label, child) for label, child in children if child is not None)
    if len(kept) != len(children):
        return None
    return TypeTree(tree.head, () if tree.head == "[]" else tree.arguments, kept)


def _replaced(tree: TypeTree, substitutes: Mapping[str, str]) -> TypeTree:
    children = tuple((label, _replaced(child, substitutes)) for label, child in tree.children)
    return TypeTree(substitutes.get(tree.head, tree.head), tree.arguments, children)


def _render(tree: TypeTree) -> str:
    if tree.head == "[]":
        return f"{_render(tree.children[0][1])}[{''.join(tree.arguments)}]"
    if tree.children:
        return f"{tree.head}({', '.join(f'{label} {_render(child)}'.strip() for label, child in tree.children)})"
    separator = "," if tree.head == "DECIMAL" else ", "
    return f"{tree.head}({separator.join(tree.arguments)})" if tree.arguments else tree.head
