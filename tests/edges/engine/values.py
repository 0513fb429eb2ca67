"""Values of every type that can be stored, as SQL, chosen to be confused: strategies for hypothesis."""

import json
from collections.abc import Callable

from hypothesis import strategies as st

Literals = st.SearchStrategy[str]


def _bits(width: int, patterns: list[int]) -> Literals:
    values = st.sampled_from(patterns) | st.integers(0, 2**width - 1)
    kind = "FLOAT" if width == 32 else "DOUBLE"
    return values.map(lambda n: f"CAST('{n:0{width}b}'::BIT AS {kind})")


def _integers(kind: str, width: int, *, signed: bool = True) -> Literals:
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    near = st.sampled_from([low, low + 1, max(low, -1), 0, 1, 2, 1 << (width // 2 - 1), high - 1, high])
    return (near | st.integers(low, high)).map(lambda n: f"CAST('{n}' AS {kind})")


def _decimals(width: int, scale: int) -> Literals:
    high = 10**width - 1
    wide = [2**64, 2**64 + 1, 2**65 + 2, 2**64 + 2, 2**65 + 1] if width > 20 else []
    digits = st.sampled_from([0, 1, -1, 10, 100, high, -high, *wide]) | st.integers(-high, high)
    return digits.map(lambda n: f"CAST('{_point(n, scale)}' AS DECIMAL({width},{scale}))")


def _point(n: int, scale: int) -> str:
    digits = str(abs(n)).zfill(scale + 1)
    return f"{'-' * (n < 0)}{digits[: len(digits) - scale]}.{digits[len(digits) - scale :]}"


def _hex(data: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in data) + "'::BLOB"


def _text(value: str) -> str:
    return f"decode({_hex(value.encode())})"


_TEXTS = ["", " ", "a", "a ", "A", "\0", "a\0", "\0\0", "NULL", "null", "é", "e\u0301", "a, b", "'", "[]", "nan", "😀"]
_TEXTS += [f"0000000{a}0000000{b}" for a in range(3) for b in range(3)] + ["x" * 1000, "x" * 999 + "y"]
_BLOBS = [b"", b"\0", b"\0\0", b"\\x00", b"\xff", bytes(range(16))]
_BLOBS += [b"\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40", b"\0\0\0\0\0\0\xf0\xbf\0\0\0\0\0\0\0\xc0"]
_NAN64 = [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000000001, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF]
_NUMBER64 = [0, 1 << 63, 1, (1 << 63) | 1, 0x7FF0000000000000, 0xFFF0000000000000, 0x3FF0000000000000]
_NAN32 = [0x7FC00000, 0xFFC00000, 0x7FC00001, 0xFFFFFFFF]
_NUMBER32 = [0, 1 << 31, 1, 0x7F800000, 0xFF800000, 0x3F800000]
_INSTANTS = ["2020-10-25 00:30:00+00", "2020-10-25 02:30:00+02", "2020-10-25 01:30:00+00", "infinity", "-infinity"]
_INSTANTS += ["1969-12-31 23:59:59.999999+00", "0044-03-15 (BC) 12:00:00+00", "2020-10-24 22:30:00-02"]
_UUIDS = [1 << 64 | 2, 2 << 64 | 1, 3 << 64 | 3, 4 << 64 | 4, 0, (1 << 128) - 1, 1 << 127]
_DOCUMENTS = ["{}", "[]", "null", "1", "1.0", '{"a":1}', '{"a": 1}', '{"a":1,"b":2}', '{"b":2,"a":1}', '"é"']


def _uuid(n: int) -> str:
    text = f"{n:032x}"
    return "'" + "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])) + "'::UUID"


def _interval(parts: tuple[int, int, int]) -> str:
    months, days, milliseconds = parts
    return f"(to_months({months}) + to_days({days}) + to_milliseconds({milliseconds}))"


_DAY_MS = 86_400_000

#: For each type, SQL of its values. Intervals are of the kind that Parquet holds.
SCALARS: dict[str, Literals] = {
    "BOOLEAN": st.sampled_from(["true", "false"]),
    "TINYINT": _integers("TINYINT", 8),
    "SMALLINT": _integers("SMALLINT", 16),
    "INTEGER": _integers("INTEGER", 32),
    "BIGINT": _integers("BIGINT", 64),
    "UTINYINT": _integers("UTINYINT", 8, signed=False),
    "USMALLINT": _integers("USMALLINT", 16, signed=False),
    "UINTEGER": _integers("UINTEGER", 32, signed=False),
    "UBIGINT": _integers("UBIGINT", 64, signed=False),
    "DECIMAL(4,1)": _decimals(4, 1),
    "DECIMAL(9,2)": _decimals(9, 2),
    "DECIMAL(18,18)": _decimals(18, 18),
    "DECIMAL(19,5)": _decimals(19, 5),
    "DECIMAL(38,0)": _decimals(38, 0),
    "DECIMAL(38,38)": _decimals(38, 38),
    "FLOAT": _bits(32, _NAN32 + _NUMBER32),
    "DOUBLE": _bits(64, _NAN64 + _NUMBER64),
    "VARCHAR": (st.sampled_from(_TEXTS) | st.text(max_size=40)).map(_text),
    "BLOB": (st.sampled_from(_BLOBS) | st.binary(max_size=40)).map(_hex),
    "JSON": st.sampled_from([*_DOCUMENTS, json.dumps({"k": "0000000a0000000b"})]).map(lambda t: f"{_text(t)}::JSON"),
    "DATE": st.sampled_from(["2020-01-01", "2020-01-02", "infinity", "-infinity", "0001-01-01", "1969-12-31"]).map(
        lambda t: f"'{t}'::DATE"
    ),
    "TIME": st.sampled_from(["00:00:00", "24:00:00", "00:00:00.000001", "23:59:59.999999", "12:00:00"]).map(
        lambda t: f"'{t}'::TIME"
    ),
    "TIMESTAMP": (st.sampled_from([0, 1, -1]) | st.integers(-(2**53), 2**53)).map(lambda n: f"make_timestamp({n})"),
    "TIMESTAMP_NS": (st.sampled_from([0, 1, -1, 1000]) | st.integers(-(2**60), 2**60)).map(
        lambda n: f"make_timestamp_ns({n})"
    ),
    "TIMESTAMP WITH TIME ZONE": st.sampled_from(_INSTANTS).map(lambda t: f"'{t}'::TIMESTAMPTZ"),
    "INTERVAL": st.sampled_from(
        [(0, 0, 0), (1, 0, 0), (0, 30, 0), (0, 0, 30 * _DAY_MS), (0, 1, 0), (0, 0, _DAY_MS), (12, 0, 0), (0, 0, 1)]
    ).map(_interval),
    "UUID": (st.sampled_from(_UUIDS) | st.integers(0, 2**128 - 1)).map(_uuid),
}


def or_null(literals: Literals, kind: str) -> Literals:
    """Values of a type, or its NULL."""
    return st.one_of(literals, literals, literals, st.just(f"CAST(NULL AS {kind})"))


def _listed(child: tuple[str, Literals]) -> tuple[str, Literals]:
    kind, literals = child
    items = st.lists(or_null(literals, kind), max_size=3)
    return f"{kind}[]", items.map(lambda found: f"CAST([{', '.join(found)}] AS {kind}[])")


def _array(child: tuple[str, Literals]) -> tuple[str, Literals]:
    kind, literals = child
    items = st.lists(or_null(literals, kind), min_size=2, max_size=2)
    return f"{kind}[2]", items.map(lambda found: f"CAST([{', '.join(found)}] AS {kind}[2])")


def _struct(child: tuple[str, Literals]) -> tuple[str, Literals]:
    kind, literals = child
    pairs = st.tuples(or_null(literals, kind), or_null(literals, kind))
    return f'STRUCT("abc" {kind}, "B b" {kind})', pairs.map(lambda p: f"{{'abc': {p[0]}, 'B b': {p[1]}}}")


def _map(child: tuple[str, Literals]) -> tuple[str, Literals]:
    kind, literals = child
    entries = st.dictionaries(st.integers(0, 3), or_null(literals, kind), max_size=2)
    whole = entries.map(
        lambda e: f"CAST(MAP {{{', '.join(f'{k}: {v}' for k, v in e.items())}}} AS MAP(INTEGER, {kind}))"
    )
    return f"MAP(INTEGER, {kind})", whole


_NESTINGS: list[Callable[[tuple[str, Literals]], tuple[str, Literals]]] = [_listed, _array, _struct, _map]
_leaves = st.sampled_from(sorted(SCALARS)).map(lambda kind: (kind, SCALARS[kind]))
_nested = st.tuples(st.sampled_from(_NESTINGS), _leaves).map(lambda pair: pair[0](pair[1]))
_deeper = st.tuples(st.sampled_from(_NESTINGS), _nested).map(lambda pair: pair[0](pair[1]))

#: A type with SQL of its values: a plain one, or one of its lists, arrays, structs and maps, down to two levels.
KINDS: st.SearchStrategy[tuple[str, Literals]] = _leaves | _nested | _deeper
