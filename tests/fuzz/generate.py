"""Random queries over the shop: joins, CTEs, subqueries everywhere, set operations, windows, sorts with limits.

A relation is its SQL and its columns as (name, type); types are `int`, `text`, `date` and `float`. What is generated
binds nearly always. Most results are determined by their input bags; where they are not, no bag may differ either,
since the engine is deterministic on one thread.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

Columns = tuple[tuple[str, str], ...]

_TABLES: dict[str, Columns] = {
    "orders": (
        *(("id", "int"), ("customer", "int"), ("n", "int"), ("qty", "int")),
        *(("status", "text"), ("day", "date"), ("amount", "float"), ("tags[1]", "int"), ("info.a", "int")),
    ),
    "customers": (("id", "int"), ("name", "text"), ("region", "text")),
    "returns": (("id", "int"), ("order_id", "int"), ("reason", "text")),
}
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=", "is not distinct from", "is distinct from")
_AGGREGATES = ("min", "max", "sum", "count", "count(distinct")
_JOINS = ("join", "join", "join", "left join", "right join", "full join", "semi join", "anti join")


@dataclass(frozen=True, slots=True)
class _Source:
    """A relation as a FROM clause has it."""

    sql: str
    alias: str
    columns: Columns


class Generator:
    """Makes one query; names are counted up, so that no two clash by accident."""

    def __init__(self, pick: random.Random) -> None:
        self._pick = pick
        self._n = 0
        self._ctes: list[tuple[str, Columns]] = []

    def query(self) -> str:
        """Write a whole query."""
        parts = []
        for _ in range(self._pick.choice((0, 0, 1, 1, 2))):
            name = self._name("c")
            sql, columns = self._relation(2)
            parts.append(f"{name} as ({sql})")
            self._ctes.append((name, columns))
        sql, _ = self._relation(3)
        return f"with {', '.join(parts)} {sql}" if parts else sql

    def _name(self, prefix: str) -> str:
        self._n += 1
        return f"{prefix}{self._n}"

    def _chance(self, percent: int) -> bool:
        return self._pick.random() * 100 < percent

    def _relation(self, depth: int) -> tuple[str, Columns]:
        if depth > 0 and self._chance(15):
            return self._combination(depth)
        return self._select(depth, ())

    def _combination(self, depth: int) -> tuple[str, Columns]:
        types = [self._type() for _ in range(self._pick.choice((1, 2, 2, 3)))]
        left, columns = self._select(depth - 1, (), types)
        right, _ = self._select(depth - 1, (), types)
        kind = self._pick.choice(("union all", "union all", "union", "except", "intersect"))
        return f"{left} {kind} {right}", columns

    def _type(self) -> str:
        return self._pick.choice(("int", "int", "int", "int", "text", "text", "date", "float"))

    def _source(self, depth: int) -> _Source:
        alias = self._name("t")
        if depth > 0 and self._chance(50):
            sql, columns = self._relation(depth - 1)
            return _Source(f"({sql})", alias, columns)
        if self._ctes and self._chance(50):
            name, columns = self._pick.choice(self._ctes)
            return _Source(name, alias, columns)
        name = self._pick.choice(tuple(_TABLES))
        return _Source(name, alias, _TABLES[name])

    def _select(self, depth: int, outer: Sequence[_Source], types: Sequence[str] | None = None) -> tuple[str, Columns]:
        sources = [self._source(depth)]
        from_ = f"{sources[0].sql} as {sources[0].alias}"
        for _ in range(self._pick.choice((0, 0, 0, 1, 1, 2))):
            from_ += self._join(sources, depth)
        seen = [*sources, *outer]
        where = f" where {self._predicate(seen, depth)}" if self._chance(60) else ""
        wanted = types or [self._type() for _ in range(self._pick.choice((1, 2, 2, 3, 4)))]
        if self._chance(25):
            return self._grouped(from_ + where, seen, wanted)
        return self._plain(from_ + where, seen, wanted, depth)

    def _join(self, sources: list[_Source], depth: int) -> str:
        right = self._source(depth - 1)
        if self._chance(10):
            sources.append(right)
            return f" cross join {right.sql} as {right.alias}"
        kind = self._pick.choice(_JOINS)
        both = [*sources, right]
        shared = [s for s in sources if ("id", "int") in s.columns]
        if kind == "join" and len(shared) == len(sources) == 1 and ("id", "int") in right.columns and self._chance(30):
            sources.append(right)
            return f" join {right.sql} as {right.alias} using (id)"
        condition = self._equality(sources, right)
        if self._chance(30):
            condition += f" and {self._predicate(both, 0)}"
        if kind not in ("semi join", "anti join"):
            sources.append(right)
        return f" {kind} {right.sql} as {right.alias} on {condition}"

    def _equality(self, left: Sequence[_Source], right: _Source) -> str:
        type_ = self._pick.choice([t for _, t in right.columns])
        return f"{self._column(left, type_)} = {self._column([right], type_)}"

    def _plain(self, tail: str, seen: Sequence[_Source], types: Sequence[str], depth: int) -> tuple[str, Columns]:
        outputs = [self._window(seen) if t == "int" and self._chance(8) else self._value(seen, t, depth) for t in types]
        columns = tuple((self._name("x"), t) for t in types)
        distinct = self._pick.choice(
            ("", "", "", "", "distinct ", f"distinct on ({self._pick.randint(1, len(types))}) ")
        )
        sql = f"select {distinct}{self._listed(outputs, columns)} from {tail}"
        if self._chance(12):
            sql += f" qualify {self._window(seen)} <= {self._pick.randint(1, 3)}"
        if self._chance(12):
            sql = f"select * from ({sql}{self._ordered(columns)}) as {self._name('t')}"
        return sql, columns

    def _ordered(self, columns: Columns) -> str:
        keys = [self._pick.choice((name, str(i + 1), f"({i + 1})")) for i, (name, _) in enumerate(columns)]
        self._pick.shuffle(keys)
        all_keys = "all" if self._chance(20) else ", ".join(f"{k} {self._pick.choice(('', 'desc'))}" for k in keys)
        return f" order by {all_keys} limit {self._pick.randint(0, 4)} offset {self._pick.choice((0, 0, 1))}"

    def _listed(self, outputs: Sequence[str], columns: Columns) -> str:
        return ", ".join(f"{sql} as {name}" for sql, (name, _) in zip(outputs, columns, strict=True))

    def _grouped(self, tail: str, seen: Sequence[_Source], types: Sequence[str]) -> tuple[str, Columns]:
        n_keys = self._pick.randint(0, len(types) - 1)
        keys = [self._value(seen, t, 0) for t in types[:n_keys]]
        aggregates = [self._aggregate(seen, t) for t in types[n_keys:]]
        columns = tuple((self._name("x"), t) for t in types)
        sql = f"select {self._listed([*keys, *aggregates], columns)} from {tail}"
        if n_keys:
            numbers = ", ".join(map(str, range(1, n_keys + 1)))
            by = self._pick.choice(
                ("all", numbers, numbers, f"rollup ({numbers})", f"cube ({', '.join(keys)})", ", ".join(keys))
            )
            # A literal in GROUP BY would be the number of an output.
            sql += f" group by {'all' if any(k.isdigit() for k in keys) else by}"
        if self._chance(30):
            sql += f" having {self._aggregate(seen, 'int')} {self._pick.choice(_COMPARISONS)} {self._literal('int')}"
        return sql, columns

    def _aggregate(self, seen: Sequence[_Source], type_: str) -> str:
        name = self._pick.choice(_AGGREGATES if type_ == "int" else ("min", "max", "any_value"))
        argument = "*" if name == "count" and self._chance(50) else self._value(seen, type_, 0)
        filter_ = f" filter (where {self._predicate(seen, 0)})" if self._chance(15) else ""
        call = f"{name} {argument}){filter_}" if name.endswith("distinct") else f"{name}({argument}){filter_}"
        # What a sum gives is wider than what a column holds.
        return f"cast({call} as bigint)" if type_ == "int" else call

    def _window(self, seen: Sequence[_Source]) -> str:
        partition = f"partition by {self._column(seen, self._type())} " if self._chance(60) else ""
        function = self._pick.choice(("rank()", "dense_rank()", f"count({self._column(seen, 'int')})"))
        return f"{function} over ({partition}order by {self._column(seen, 'int')})"

    def _column(self, seen: Sequence[_Source], type_: str) -> str:
        found = [f"{s.alias}.{name}" for s in seen for name, t in s.columns if t == type_]
        return self._pick.choice(found) if found else self._literal(type_)

    def _literal(self, type_: str) -> str:
        if type_ == "int":
            return str(self._pick.choice((0, 1, 2, 2, 3, 5, 10)))
        fixed = {
            "text": ("'new'", "'paid'", "''"),
            "date": ("date '2024-01-02'",),
            "float": ("0.5::double", "0::double"),
        }
        return self._pick.choice(fixed[type_])

    def _value(self, seen: Sequence[_Source], type_: str, depth: int) -> str:
        if self._chance(50):
            return self._column(seen, type_)
        if depth > 1 and self._chance(15):
            return self._scalar(seen, type_)
        one, two = (self._column(seen, type_) if self._chance(70) else self._literal(type_) for _ in range(2))
        general = (
            f"coalesce({one}, {two})",
            f"case when {self._predicate(seen, 0)} then {one} else {two} end",
            self._literal(type_),
        )
        special = {
            "int": (f"({one} + {two})", f"({one} - {two})", f"({one} * {two})", f"len({self._column(seen, 'text')})"),
            "text": (f"upper({one})", f"({one} || {two})", f"cast({self._column(seen, 'int')} as varchar)"),
            "float": (f"({one} * {two})", f"({one} + {two})"),
            "date": (f"least({one}, {two})", f"cast(date_trunc('month', {one}) as date)"),
        }
        return self._pick.choice(general + special[type_])

    def _scalar(self, seen: Sequence[_Source], type_: str) -> str:
        name = self._pick.choice([n for n, columns in _TABLES.items() if any(t == type_ for _, t in columns)])
        inner = _Source(name, self._name("t"), _TABLES[name])
        condition = self._predicate([inner, *seen], 0)
        return f"(select max({self._column([inner], type_)}) from {name} as {inner.alias} where {condition})"

    def _predicate(self, seen: Sequence[_Source], depth: int) -> str:
        roll = self._pick.random()
        if roll < 0.25:
            joined = self._pick.choice((" and ", " and ", " or ")).join(self._atom(seen, depth) for _ in range(2))
            return f"({joined})"
        if roll < 0.32:
            return f"not ({self._atom(seen, depth)})"
        return self._atom(seen, depth)

    def _atom(self, seen: Sequence[_Source], depth: int) -> str:
        type_ = self._type()
        column = self._column(seen, type_)
        if depth > 1 and self._chance(20):
            return self._nested(seen, column, type_)
        other = self._column(seen, type_) if self._chance(40) else self._literal(type_)
        return self._pick.choice(
            (
                f"{column} {self._pick.choice(_COMPARISONS)} {other}",
                f"{column} {self._pick.choice(_COMPARISONS)} {other}",
                f"{other} {self._pick.choice(_COMPARISONS)} {column}",
                f"{column} is {self._pick.choice(('', 'not '))}null",
                f"{column} {self._pick.choice(('', 'not '))}in ({self._literal(type_)}, {self._literal(type_)})",
                f"{column} between {self._literal(type_)} and {self._literal(type_)}",
            )
        )

    def _nested(self, seen: Sequence[_Source], column: str, type_: str) -> str:
        inner, _ = self._select(0, seen, [type_])
        negated = self._pick.choice(("", "", "not "))
        return self._pick.choice((f"{column} {negated}in ({inner})", f"{negated}exists ({inner})"))
