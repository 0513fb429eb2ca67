"""What can be said of a query whose names are not resolved: only what needs no proof is found.

A clock, chance, a sample, a positional join and an order that is missing altogether show in the tree itself, and so do
an ASOF join and USING KEY, which take one of several rows. Whether an order that is there is total does not, nor
whether a number is a float: of these nothing is said, and the plan's `coarse` says that the query was not analysed.
"""

from collections.abc import Iterator

from sqlglot import exp

from relspec.core import sentences
from relspec.core.asof import is_asof
from relspec.core.behaviour import Behaviour, behaviour_of, is_read_without_order
from relspec.core.finding import Finding
from relspec.core.places import Places
from relspec.core.sentences import Said
from relspec.core.warning import WarningCode

_ORDERED = (Behaviour.FIRST, Behaviour.LIST, Behaviour.MODE)


def plain_findings(tree: exp.Expr, places: Places) -> tuple[Finding, ...]:
    """What of a tree as it was parsed is not determined for sure."""
    found = dict.fromkeys(finding for node in tree.walk() for finding in _of(node, places))
    return tuple(sorted(found, key=lambda f: (f.line or 0, f.column or 0, f.code, f.message)))


def _of(node: exp.Expr, places: Places) -> Iterator[Finding]:
    if isinstance(node, exp.TableSample):
        fixed = node.args.get("seed") is not None
        message = "a sample is taken by chance" + (", and of rows in the order in which they happen to come" * fixed)
        hint = "choose rows by what they are, such as WHERE hash(id) % 10 = 0"
        yield Said(WarningCode.SAMPLE, message, hint).at(places.of_word("sample", "tablesample"))
    elif isinstance(node, exp.Join) and node.method == "POSITIONAL":
        message = "POSITIONAL JOIN pairs rows in the order in which they happen to come"
        said = Said(WarningCode.ROW_ORDER, message, "join on columns that belong together")
        yield said.at(places.of_word("positional"))
    elif isinstance(node, exp.Join) and is_asof(node):
        of = node.this.alias_or_name or "its right side"
        yield sentences.nearest(of, "everything else").at(places.of_word("asof"))
    elif isinstance(node, exp.CTE) and node.args.get("key_expressions"):
        message = "USING KEY keeps one of the rows that tie in its keys, and which one is open"
        hint = "aggregate in the recursive part, so that one row remains for each key"
        yield Said(WarningCode.ROW_ORDER, message, hint).at(places.of_word("key"))
    elif isinstance(node, exp.Summarize):
        message = "SUMMARIZE approximates quantiles, and its averages depend on the order of the rows"
        said = Said(WarningCode.APPROXIMATE, message, "select the figures that are needed")
        yield said.at(places.of_word("summarize"))
    elif isinstance(node, (exp.Select, exp.SetOperation)) and not node.args.get("order"):
        if node.args.get("limit") is not None or node.args.get("offset") is not None:
            yield sentences.any_rows("").at(places.of_limit(node))
    else:
        yield from _of_function(node, places)


def _of_function(node: exp.Expr, places: Places) -> Iterator[Finding]:
    behaviour = behaviour_of(node)
    if behaviour is None:
        return
    name = (node.name if isinstance(node, exp.Anonymous) else node.sql("duckdb").partition("(")[0]).upper()
    has_order = any(isinstance(part, exp.Order) for part in node.iter_expressions())
    place = places.of(node)
    if behaviour is Behaviour.CLOCK:
        yield sentences.clock(name).at(place)
    elif behaviour is Behaviour.RANDOM:
        yield sentences.chance(f"{name}()").at(place)
    elif behaviour is Behaviour.APPROXIMATE:
        yield sentences.approximation(f"{name}()").at(place)
    elif behaviour in _ORDERED and not has_order and not is_read_without_order(node):
        code = WarningCode.LIST_ORDER if behaviour is Behaviour.LIST else WarningCode.FIRST_OF_MANY
        message = f"{name}() depends on the order in which rows happen to come"
        yield Said(code, message, "write ORDER BY within the call, behind its arguments").at(place)
