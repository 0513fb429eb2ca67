"""Expressions in canonical form, and the few rewrites that make equal ones equal.

A `Term` is a labelled node whose digest is that of its label and parts, so that two terms are equal exactly when their
digests are; terms share parts freely. A column is (levels up, source, key): no name of a table, alias or CTE is in a
term. Every rewrite here is one that gives the same value for every input, in the engine's own types:

- operands of AND and OR are a set, those of `=`, `<>` and IS [NOT] DISTINCT FROM too, and `>` is a turned `<`;
- `x BETWEEN a AND b` is two comparisons where a and b are literals of one kind: with mixed kinds the engine compares
  all three in one type, the two comparisons in two;
- a list of literals after IN is a set;
- sums, differences and products of integer literals are computed where all of it fits INTEGER, and only beside an
  operand whose type is known: the engine types `tinyint + 2` as TINYINT and `tinyint + (1+1)` as INTEGER.

Nothing is moved or dropped that is not stable (`functions.py`).
"""

from collections.abc import Iterable

from relspec.core.digest import digest_of

_INT32 = range(-(2**31), 2**31)

#: Types beside which an INTEGER and an integer literal of the same value are interchangeable, in comparisons.
COMPARABLE = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"DOUBLE", "DECIMAL", "WIDE"}
)
#: The same in arithmetic: the result has one type either way.
CALCULABLE = frozenset({"INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "DECIMAL", "WIDE"})


class Term:
    """A node of the canonical form.

    `stable`: gives the same value wherever it is evaluated. `reach`: how many levels up its columns go, -1 for "has
    no columns". `type`: the engine's type where it is known to matter, else "". `value`: what an expression of integer
    literals comes to.
    """

    __slots__ = ("_digest", "op", "parts", "reach", "stable", "type", "value")

    def __init__(self, op: str, parts: "Iterable[Term | str]", stable: bool = True, type_: str = "") -> None:
        self.op = op
        self.parts: tuple[Term | str, ...] = tuple(parts)
        self.stable = stable
        self.reach = -1
        for part in self.parts:
            if isinstance(part, Term):
                self.stable = self.stable and part.stable
                self.reach = max(self.reach, part.reach)
        self.type = type_
        self.value: int | None = None
        self._digest: str | None = None

    @property
    def digest(self) -> str:
        """The identity of the term."""
        if self._digest is None:
            framed = [self.op]
            for part in self.parts:
                framed += ("t", part.digest) if isinstance(part, Term) else ("s", part)
            self._digest = digest_of(*framed)
        return self._digest


def column(levels: int, index: int, key: str, type_: str, stable: bool = True) -> Term:
    """Name column `key` of source `index`, in the block that is `levels` up."""
    term = Term("column", (str(levels), str(index), key), stable, type_.partition("(")[0])
    term.reach = levels
    return term


class BaseKeys(dict[int, Term]):
    """The keys of a stored dataset's columns, made when they are asked for: of hundreds a query names a few."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, position: int) -> Term:
        return self.setdefault(position, Term("base", (self._names[position],)))


def number(text: str) -> Term:
    """Make a number literal."""
    term = Term("number", (text,))
    if text.isdecimal() and int(text) in _INT32:
        term.value = int(text)
    return term


def negated(this: Term) -> Term:
    """Make a sign before a term."""
    term = Term("Neg", ("this", this))
    if this.value is not None and this.op == "number":
        term.value = -this.value
    return term


def folded(term: Term) -> Term:
    """Give the literal that an expression of integer literals comes to, or the term itself."""
    if term.value is None or term.op in ("number", "Neg"):
        return term
    text = number(str(abs(term.value)))
    return text if term.value >= 0 else Term("Neg", ("this", text))


def arithmetic(op: str, left: Term, right: Term) -> Term:
    """Make a sum, difference or product."""
    if left.value is not None and right.value is not None:
        term = Term(op, (folded(left), folded(right)))
        value = {"Add": left.value + right.value, "Sub": left.value - right.value, "Mul": left.value * right.value}[op]
        # Where it does not fit, the engine raises an error; the text stays what it is.
        term.value = value if value in _INT32 else None
        return term
    wide = all(t.type in CALCULABLE or t.op == "number" for t in (left, right))
    return Term(op, _beside(left, right, CALCULABLE), type_="WIDE" if wide else "")


def comparison(op: str, left: Term, right: Term) -> Term:
    """Make a comparison; symmetric ones do not know left from right, `GT` and `GTE` are turned."""
    left, right = _beside(left, right, COMPARABLE)
    turned = {"GT": "LT", "GTE": "LTE"}.get(op)
    if not (left.stable and right.stable):
        return Term(op, (left, right))
    if turned is not None:
        return Term(turned, (right, left))
    if op in ("LT", "LTE"):
        return Term(op, (left, right))
    return Term(op, (left, right) if left.digest <= right.digest else (right, left))


def _beside(left: Term, right: Term, types: frozenset[str]) -> tuple[Term, Term]:
    return (folded(left) if right.type in types else left), (folded(right) if left.type in types else right)


def connected(op: str, operands: Iterable[Term]) -> Term:
    """Join operands by AND or OR: flat, and as a set where all of them are stable.

    What is joined is a BOOLEAN even if one operand is left, so the connective stays.
    """
    flat: list[Term] = []
    for operand in operands:
        flat.extend(p for p in operand.parts if isinstance(p, Term)) if operand.op == op else flat.append(operand)
    if all(t.stable for t in flat):
        flat = as_set(flat)
    return Term(op, flat)


def between(value: Term, low: Term, high: Term) -> Term:
    """Make a BETWEEN, as two comparisons where that is the same."""
    if value.stable and _of_one_kind(low, high):
        return connected("And", (comparison("LTE", low, value), comparison("LTE", value, high)))
    return Term("Between", (value, low, high))


def _of_one_kind(low: Term, high: Term) -> bool:
    if low.op == "Cast" and high.op == "Cast":
        values, types = zip(_split_cast(low), _split_cast(high), strict=True)
        return types[0] == types[1] and all(isinstance(v, Term) and v.op in ("number", "string") for v in values)
    if low.op == "string":
        return high.op == "string"
    return low.op == high.op == "number" and low.value is not None and high.value is not None


def _split_cast(cast: Term) -> tuple[Term | str, str]:
    named = dict(zip(cast.parts[::2], cast.parts[1::2], strict=True))
    target = named["to"]
    return named["this"], target.digest if isinstance(target, Term) else target


def membership(value: Term, options: list[Term]) -> Term:
    """Make `value IN (options)`; literals are a set."""
    if value.type in COMPARABLE:
        options = [folded(o) for o in options]
    if all(o.op in ("number", "string") for o in options):
        options = as_set(options)
    return Term("In", (value, *options))


def as_set(terms: Iterable[Term]) -> list[Term]:
    """Sort and deduplicate."""
    unique = {t.digest: t for t in terms}
    return [unique[d] for d in sorted(unique)]
