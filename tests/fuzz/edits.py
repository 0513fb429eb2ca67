"""Random edits: our rewriting rules, our mutations, near misses, and blind swaps of parts of the tree.

A near miss keeps the result in one place and changes it in another: a condition goes into a subquery around its table,
which is right below an inner join and wrong below an outer one; an inner output goes away, which is right unless it
decides about rows.
"""

import random

import sqlglot
from sqlglot import exp
from tests.equivalence.mutations import MUTATIONS
from tests.equivalence.mutations_of_outputs import MUTATIONS_OF_OUTPUTS
from tests.equivalence.places import inner
from tests.equivalence.rules import RULES

_SWAPPED = (exp.Column, exp.Literal, exp.EQ, exp.LT, exp.Table, exp.Select, exp.Join, exp.Ordered, exp.Alias)
_ATTEMPTS = 12
_OPTIONAL = ("where", "group", "having", "qualify", "distinct", "order", "limit", "offset", "joins")


def edited(text: str, pick: random.Random) -> str:
    """Give `text` after one to three random edits, as far as they fit."""
    tree: exp.Expr = sqlglot.parse_one(text, dialect="duckdb")
    for _ in range(pick.choice((1, 1, 2, 3))):
        edit = pick.choice(_EDITS)
        for _ in range(_ATTEMPTS):
            try:
                new = edit(tree.copy(), pick)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                # The rules are written for the shapes of the corpus.
                continue
            if new is not None:
                tree = new
                break
    return tree.sql("duckdb")


def _rule(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    return pick.choice(tuple(RULES.values()))(tree)


def _mutation(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    return pick.choice((*MUTATIONS.values(), *MUTATIONS_OF_OUTPUTS.values()))(tree)


def _swap(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    """Put a copy of one node in the place of another one of its class, or let two neighbours change places."""
    kind = pick.choice(_SWAPPED)
    places = [n for n in tree.find_all(kind) if n is not tree]
    if len(places) < 2:
        return None
    one, two = pick.sample(places, 2)
    copy = two.copy()
    if (
        pick.random() < 0.5
        and not any(p is one for p in _ancestors(two))
        and not any(p is two for p in _ancestors(one))
    ):
        two.replace(one.copy())
    one.replace(copy)
    return tree


def _ancestors(node: exp.Expr) -> list[exp.Expr]:
    found = []
    parent = node.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found


def _drop(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    """Leave out a clause."""
    places = [(n, key) for n in tree.find_all(exp.Select, exp.SetOperation) for key in _OPTIONAL if n.args.get(key)]
    if not places:
        return None
    node, key = pick.choice(places)
    node.set(key, None)
    return tree


def _reverse(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    """Reverse a list of parts: projections, keys, branches, arguments."""
    places = [(n, key) for n in tree.walk() for key, value in n.args.items() if _is_list(value)]
    if not places:
        return None
    node, key = pick.choice(places)
    node.set(key, list(reversed(node.args[key])))
    return tree


def _is_list(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(item, exp.Expr) for item in value)


def _push(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    """Move a condition on one table from WHERE or ON into a subquery around the table."""
    select = pick.choice(list(tree.find_all(exp.Select)))
    holders = [h for h in (select.args.get("from_"), *(select.args.get("joins") or ())) if h is not None]
    tables = {h.this.alias_or_name: h.this for h in holders if isinstance(h.this, exp.Table)}
    clauses = [c for c in (select.args.get("where"), *(select.args.get("joins") or ())) if c is not None]
    clause = pick.choice(clauses) if clauses else None
    key = "this" if isinstance(clause, exp.Where) else "on"
    condition = clause.args.get(key) if clause is not None else None
    if clause is None or condition is None:
        return None
    parts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
    part = pick.choice(parts)
    names = {c.table for c in part.find_all(exp.Column)}
    if len(names) != 1 or not names <= tables.keys() or part.find(exp.Query) is not None:
        return None
    table = tables[names.pop()]
    rest = [p.copy() for p in parts if p is not part]
    filtered = exp.select("*").from_(table.copy()).where(part.copy())
    table.replace(filtered.subquery(table.alias_or_name))
    clause.set(key, exp.and_(*rest) if rest else exp.true())
    return tree


def _drop_output(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    """Leave out an output of an inner query."""
    places = [s for s in inner(tree) if len(s.expressions) > 1]
    if not places:
        return None
    pick.choice(pick.choice(places).expressions).pop()
    return tree


def _toggle_distinct(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    select = pick.choice(list(tree.find_all(exp.Select)))
    select.set("distinct", None if select.args.get("distinct") is not None else exp.Distinct())
    return tree


def _toggle_side(tree: exp.Expr, pick: random.Random) -> exp.Expr | None:
    joins = [j for j in tree.find_all(exp.Join) if j.args.get("on") is not None and j.kind not in ("SEMI", "ANTI")]
    if not joins:
        return None
    pick.choice(joins).set("side", pick.choice(("", "LEFT", "RIGHT", "FULL")))
    return tree


_EDITS = (
    *(_rule, _rule, _mutation, _mutation, _swap, _swap, _drop, _reverse),
    *(_push, _push, _push, _drop_output, _drop_output, _drop_output, _toggle_distinct, _toggle_side),
)
