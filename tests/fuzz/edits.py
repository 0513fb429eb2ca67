"""Random edits: our rewriting rules, our mutations, and blind swaps of parts of the tree."""

import random

import sqlglot
from sqlglot import exp
from tests.equivalence.mutations import MUTATIONS
from tests.equivalence.mutations_of_outputs import MUTATIONS_OF_OUTPUTS
from tests.equivalence.rules import RULES

_SWAPPED = (exp.Column, exp.Literal, exp.EQ, exp.LT, exp.Table, exp.Select, exp.Join, exp.Ordered, exp.Alias)
_ATTEMPTS = 12
_OPTIONAL = ("where", "group", "having", "qualify", "distinct", "order", "limit", "offset", "joins")


def edited(text: str, pick: random.Random) -> str:
    """Give `text` after one to three random edits, as far as they fit."""
    tree: exp.Expr = sqlglot.parse_one(text, dialect="duckdb")
    for _ in range(pick.choice((1, 1, 2, 3))):
        edit = pick.choice((_rule, _rule, _mutation, _mutation, _swap, _swap, _drop, _reverse))
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
