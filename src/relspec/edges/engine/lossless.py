"""Finds values of a text source that the types of its columns would change without a word.

DuckDB rounds `2.5` into a column of whole numbers, drops the time of day of what becomes a date, and the offset of what
becomes a timestamp. Such a value does not fit: it is a problem with its line, never another value. What fits is decided
on the text, by an exact form for each type and never through a number that is rounded itself; what has none of the
forms does not fit. Where a type was only guessed, the guess gives way to text instead.

A value keeps its decimal places in a DECIMAL or a whole number exactly. A DOUBLE keeps a number where, written with as
many digits as the text has, it gives these digits again: `0.1` is kept, `9007199254740993` is not. Common spellings are
recognised by one cheap test each, and only the others are looked at in detail.
"""

from collections.abc import Sequence

import duckdb
import msgspec

from relspec.core.schema import Column
from relspec.core.types import TypeTree, parse
from relspec.edges.engine.sql import literal

_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"})
_WHOLE |= {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}

_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?"
_PARTS = r"^[+-]?([0-9]*)\.?([0-9]*)[eE]?([+-]?[0-9]*)$"
_EXPONENT = "coalesce(TRY_CAST(nullif(part.exponent, '') AS INTEGER), 0)"
_CODED = "0[xX][0-9a-fA-F]+|0[bB][01]+"
_NOT_FINITE = r"(?i)[+-]?(nan|inf|infinity)"
#: Zeros in front are a part of what such a text says: a number has none.
_PADDED = "^[+-]?0[0-9]"
#: So many characters hold no more digits than a type keeps of any number.
_SHORT = {"DOUBLE": 15, "FLOAT": 6}

_DAY = "[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}"
_MIDNIGHT = r"([ T]00:00(:00(\.0+)?)?)?"
_ZERO_OFFSET = "(Z|[+-]00(:?00)?)?"
_OFFSET = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
#: How many digits of a second a type keeps.
_SECONDS = {"TIME": 6, "TIME_NS": 9, "TIMESTAMP": 6, "TIMESTAMP_S": 0, "TIMESTAMP_MS": 3, "TIMESTAMP_NS": 9}
_SECONDS["TIMESTAMP WITH TIME ZONE"] = 6


class Value(msgspec.Struct, frozen=True):
    """A column, the SQL of its value, and how that is to be taken.

    `chosen` says that the type is the user's own: then `01` is a number, `1` a truth, `"2"` in JSON a number. `json`
    says that the SQL gives JSON, not text.
    """

    column: Column
    sql: str
    chosen: bool
    json: bool


class Loss(msgspec.Struct, frozen=True):
    """The first value that would be changed: the number of its row, from 1, its column, and the value as text."""

    row: int
    column: Column
    text: str


def first_loss(connection: duckdb.DuckDBPyConnection, source: str, values: Sequence[Value]) -> Loss | None:
    """Find the first value in `source` that the type of its column would change.

    Cost: a scan of those columns whose types can lose anything, a second one where one does. Raises duckdb.Error where
    the source cannot be read.
    """
    # Most files lose nothing, and to number the rows and keep their texts costs as much as to ask.
    names = losing(connection, source, values)
    checked = [(v, lost) for v in values if v.column.name in names and (lost := _lost_of(v)) is not None]
    if not checked:
        return None
    flags = ", ".join(lost for _, lost in checked)
    texts = ", ".join(_shown(value) for value, _ in checked)
    numbered = f"SELECT row_number() OVER () AS nth, list_position([{flags}], true) AS which, [{texts}] AS texts"
    found = connection.execute(
        f"SELECT nth, which, texts[which] FROM ({numbered} FROM {source}) WHERE which > 0 LIMIT 1"
    )
    row = found.fetchone()
    return None if row is None else Loss(row[0], checked[row[1] - 1][0].column, row[2])


def losing(connection: duckdb.DuckDBPyConnection, source: str, values: Sequence[Value]) -> frozenset[str]:
    """Name the columns whose types would change a value; raises and costs as `first_loss`."""
    checked = [(value, lost) for value in values if (lost := _lost_of(value)) is not None]
    if not checked:
        return frozenset()
    flags = ", ".join(f"bool_or({lost})" for _, lost in checked)
    (row,) = connection.execute(f"SELECT {flags} FROM {source}").fetchall()
    return frozenset(value.column.name for (value, _), lost in zip(checked, row, strict=True) if lost)


def lost_as_double(text: str) -> str:
    """Write whether a DOUBLE would not keep the number that `text` is."""
    return f"coalesce({_text_lost(parse('DOUBLE'), text, chosen=True)}, false)"


def _shown(value: Value) -> str:
    return f"({value.sql} ->> '$')" if value.json else value.sql


def _lost_of(value: Value) -> str | None:
    """Write whether a value is changed by the type of its column, never NULL; `None` where none is."""
    try:
        tree = parse(value.column.type)
    except ValueError:
        return None
    if value.json:
        lost = _json_lost(tree, value.sql, 0, chosen=value.chosen)
    else:
        lost = _text_lost(tree, value.sql, chosen=value.chosen)
    return None if lost is None else f"coalesce({lost}, false)"


def _text_lost(tree: TypeTree, text: str, *, chosen: bool) -> str | None:
    """Write whether a text is changed by a type: one that comes out as it was is not, and most do."""
    if tree.head == "BOOLEAN":
        return None if chosen else f"{text} IN ('0', '1')"
    lost = _spelling_lost(tree, f"trim({text})", chosen=chosen)
    return None if lost is None else f"(CASE WHEN {_cheap(tree, text)} THEN false ELSE {lost} END)"


def _cheap(tree: TypeTree, text: str) -> str:
    """Write a test that holds for what most files have, and only for what is kept, if it can be read at all."""
    digit_last = f"right({text}, 1) BETWEEN '0' AND '9'"
    match tree.head:
        case "DATE":
            return f"{text} LIKE '____-__-__' AND {digit_last}"
        case "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS":
            return f"{text} LIKE '____-__-__ __:__:__' AND {digit_last} AND NOT contains({text}, ' 24')"
        case _:
            return _returns(tree, text)


def _returns(tree: TypeTree, text: str) -> str:
    return f"{_cast(text, tree)}::VARCHAR = {text}"


def _cast(value: str, tree: TypeTree) -> str:
    type_ = f"{tree.head}({','.join(tree.arguments)})" if tree.arguments else tree.head
    return f"TRY_CAST({value} AS {type_})"


def _spelling_lost(tree: TypeTree, text: str, *, chosen: bool) -> str | None:
    match tree:
        case TypeTree("DECIMAL", arguments):
            return _exact_lost(text, _scale(arguments), tree, chosen=chosen)
        case TypeTree("DOUBLE" | "FLOAT"):
            return _float_lost(tree.head, text, chosen=chosen)
        case TypeTree(head) if head in _WHOLE:
            return _exact_lost(text, 0, tree, chosen=chosen)
        case TypeTree(head) if head == "DATE" or head in _SECONDS:
            form = f"{_DAY}{_MIDNIGHT}" if head == "DATE" else _clock_form(head, chosen=chosen)
            return f"NOT (regexp_full_match({text}, '{form}') OR {_returns(tree, text)})"
        case _:
            return None


def _scale(arguments: Sequence[str]) -> int:
    """How many decimal places a DECIMAL has."""
    match arguments:
        case ():
            return 3
        case (_,):
            return 0
        case _:
            return int(arguments[1])


def _clock_form(head: str, *, chosen: bool) -> str:
    """Write the form of what a type with a time of day holds in full."""
    digits = _SECONDS[head]
    fraction = rf"(\.[0-9]{{1,{digits}}}0*)?" if digits else r"(\.0+)?"
    clock = f"([01]?[0-9]|2[0-3]):[0-9]{{2}}(:[0-9]{{2}}{fraction})?"
    if head in ("TIME", "TIME_NS"):
        return clock
    if head != "TIMESTAMP WITH TIME ZONE":
        return f"{_DAY}([ T]{clock}{_ZERO_OFFSET})?"
    return f"{_DAY}([ T]{clock}( ?{_OFFSET}| [A-Za-z_/]+)?)?" if chosen else f"{_DAY}[ T]{clock} ?{_OFFSET}"


def _exact_lost(text: str, scale: int, tree: TypeTree, *, chosen: bool) -> str:
    """Write whether a number has more decimal places than `scale`, whatever its exponent."""
    plain = rf"regexp_full_match({text}, '-?(0|[1-9][0-9]*)(\.[0-9]{{0,{scale}}}0*)?')"
    digits = "(part.whole || part.fraction)"
    needed = f"length(rtrim({digits}, '0')) - length(part.whole) - {_EXPONENT}"
    lost = f"ltrim({digits}, '0') <> '' AND {needed} > {scale}"
    # DuckDB 1.5 makes 5005.50 of 0.0000500551e8 in a DECIMAL(9,2): with the point moved by hand it does not.
    point = f"(length(part.whole) + {_EXPONENT})::INTEGER"
    moved = f"(left(rpad({digits}, {point}, '0'), {point}) || '.' || substr({digits}, {point} + 1))"
    wrong = f"abs({_cast(text, tree)}) IS DISTINCT FROM {_cast(moved, tree)}"
    if tree.head == "DECIMAL":
        lost = f"({lost}) OR (CASE WHEN {_EXPONENT} BETWEEN 1 AND 99 THEN {wrong} ELSE false END)"
    coded = f"regexp_full_match({text}, '{_CODED}')"
    return _number_lost(text, [plain, coded], lost, chosen=chosen)


def _float_lost(head: str, text: str, *, chosen: bool) -> str:
    """Write whether a number, as the type has it, gives other digits when written with as many as its text has."""
    number = f"TRY_CAST({text} AS {head})"
    fixed = rf"regexp_full_match({text}, '-?(0|[1-9][0-9]*)(\.[0-9]+)?')"
    again = f"format('{{:.' || (length({text}) - strpos({text}, '.')) || 'f}}', {number}::DOUBLE)"
    plain = [
        f"length({text}) <= {_SHORT[head]} AND {fixed}",
        f"contains({text}, '.') AND {fixed} AND {again} = {text}",
        f"regexp_full_match({text}, '{_NOT_FINITE}')",
    ]
    # Zeros after the point say nothing; those before it do, since 36028797018963970 is a number of 17 digits.
    digits = "ltrim(part.whole || rtrim(part.fraction, '0'), '0')"
    power = f"length({digits}) - length(rtrim(part.fraction, '0')) - 1 + {_EXPONENT}"
    again = f"format('{{:.' || greatest(length({digits}) - 1, 0) || 'e}}', abs({number}::DOUBLE))"
    same = f"replace(split_part({again}, 'e', 1), '.', '') = {digits}"
    placed = f"TRY_CAST(split_part({again}, 'e', 2) AS INTEGER) = {power}"
    lost = f"{digits} <> '' AND NOT coalesce({same} AND {placed}, false)"
    return _number_lost(text, plain, lost, chosen=chosen)


def _number_lost(text: str, plain: Sequence[str], lost: str, *, chosen: bool) -> str:
    """Write a test of a number that asks `lost`, about a `part`, only where no test of `plain` holds."""
    kept = " ".join(f"WHEN {test} THEN false" for test in plain)
    padded = "" if chosen else f"WHEN regexp_matches({text}, '{_PADDED}') THEN true "
    other = f"WHEN NOT regexp_full_match({text}, '{_NUMBER}') THEN true"
    parts = f"regexp_extract({text}, '{_PARTS}', ['whole', 'fraction', 'exponent'])"
    return f"(CASE {kept} {padded}{other} ELSE list_transform([{parts}], lambda part: {lost})[1] END)"


def _json_lost(tree: TypeTree, value: str, depth: int, *, chosen: bool) -> str | None:
    """Write whether a JSON value, or a part of it at any depth, is changed by a type."""
    match tree:
        case TypeTree("STRUCT", _, children):
            return _struct_lost(children, value, depth, chosen=chosen)
        case TypeTree("[]", _, ((_, element),)):
            return _any_lost(element, f"TRY_CAST({value} AS JSON[])", depth, chosen=chosen)
        case TypeTree("MAP", _, (_, (_, element))):
            return _any_lost(element, f"map_values(TRY_CAST({value} AS MAP(VARCHAR, JSON)))", depth, chosen=chosen)
        case _:
            return _scalar_lost(tree, value, chosen=chosen)


def _struct_lost(children: Sequence[tuple[str, TypeTree]], value: str, depth: int, *, chosen: bool) -> str | None:
    """Write the test of the fields; a found type has all of them, and others would be passed over."""
    names = [label[1:-1].replace('""', '"') if label.startswith('"') else label for label, _ in children]
    lost = [
        found
        for name, (_, tree) in zip(names, children, strict=True)
        if (found := _json_lost(tree, f"json_extract({value}, {literal(_pointer(name))})", depth, chosen=chosen))
    ]
    if not chosen:
        known = ", ".join(literal(name) for name in names)
        lost.append(f"(json_type({value}) = 'OBJECT' AND NOT list_has_all([{known}], json_keys({value})))")
    return f"({' OR '.join(f'coalesce({each}, false)' for each in lost)})" if lost else None


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _any_lost(element: TypeTree, elements: str, depth: int, *, chosen: bool) -> str | None:
    lost = _json_lost(element, f"e{depth}", depth + 1, chosen=chosen)
    return f"(len(list_filter({elements}, lambda e{depth}: coalesce({lost}, false))) > 0)" if lost else None


def _scalar_lost(tree: TypeTree, value: str, *, chosen: bool) -> str | None:
    """Write the test of one JSON value: what it is counts, not only how it is written."""
    raw, text = f"({value})::VARCHAR", f"({value} ->> '$')"
    if tree.head == "BOOLEAN":
        truth = f"{raw} IN ('true', 'false', 'null')"
        return f"NOT ({truth} OR starts_with({raw}, '\"'))" if chosen else f"NOT {truth}"
    number = tree.head in _WHOLE | _SHORT.keys() | {"DECIMAL"}
    lost = _text_lost(tree, raw if number and not chosen else text, chosen=chosen)
    if lost is None:
        return None
    if not number:
        return f"{raw} <> 'null' AND {lost}"
    kind = f"{raw} IN ('true', 'false')" + ("" if chosen else f" OR starts_with({raw}, '\"')")
    kept = f"{raw} = 'null'" + (f" OR {_returns(tree, raw)}" if tree.head in _WHOLE | _SHORT.keys() else "")
    return f"(CASE WHEN {kept} THEN false WHEN {kind} THEN true ELSE {lost}{_detour(tree, raw)} END)"


def _detour(tree: TypeTree, raw: str) -> str:
    """Write whether a number is changed because DuckDB reads those with a point as DOUBLE first."""
    if tree.head in _SHORT:
        return ""
    through = f"{_cast(f'TRY_CAST({raw} AS DOUBLE)', tree)} IS DISTINCT FROM {_cast(raw, tree)}"
    return f" OR (regexp_matches({raw}, '^[^\"]*[.eE]') AND {through})"
