"""What can be said of a query whose names are not resolved: only what needs no proof is found.

A clock, chance, a sample, a positional join and an order that is missing altogether show in the tree itself. Whether
an order that is there is total does not, nor whether a number is a float: of these nothing is said, and the plan's
`coarse` says that the query was not analysed.
"""

from collections.abc import Iterator

from sqlglot import exp

from relspec.core.behaviour import Behaviour, behaviour_of, is_read_without_order
from relspec.core.places import Places
from relspec.core.warning import Finding, WarningCode

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
        yield _made(WarningCode.SAMPLE, places.of_word("sample", "tablesample"), message, hint)
    elif isinstance(node, exp.Join) and node.method == "POSITIONAL":
        message = "POSITIONAL JOIN pairs rows in the order in which they happen to come"
        yield _made(
            WarningCode.ROW_ORDER, places.of_word("positional"), message, "join on columns that belong together"
        )
    elif isinstance(node, exp.Join) and node.method == "ASOF":
        message = "ASOF JOIN takes one of the rows that tie on its right side, and which one is open"
        yield _made(WarningCode.ROW_ORDER, places.of_word("asof"), message, "join rows of which there is one each")
    elif isinstance(node, exp.CTE) and node.args.get("key_expressions"):
        message = "USING KEY keeps one of the rows that tie in its keys, and which one is open"
        hint = "aggregate in the recursive part, so that one row remains for each key"
        yield _made(WarningCode.ROW_ORDER, places.of_word("key"), message, hint)
    elif isinstance(node, exp.Summarize):
        message = "SUMMARIZE approximates quantiles, and its averages depend on the order of the rows"
        yield _made(WarningCode.APPROXIMATE, places.of_word("summarize"), message, "select the figures that are needed")
    elif isinstance(node, (exp.Select, exp.SetOperation)) and not node.args.get("order"):
        if node.args.get("limit") is not None or node.args.get("offset") is not None:
            message, hint = (
                "LIMIT without ORDER BY takes any rows",
                "add ORDER BY; ORDER BY ALL always tells rows apart",
            )
            yield _made(WarningCode.LIMIT_WITHOUT_ORDER, places.of_limit(node), message, hint)
    else:
        yield from _of_function(node, places)


def _of_function(node: exp.Expr, places: Places) -> Iterator[Finding]:
    behaviour = behaviour_of(node)
    if behaviour is None:
        return
    name = node.name if isinstance(node, exp.Anonymous) else node.sql("duckdb").partition("(")[0]
    has_order = any(isinstance(part, exp.Order) for part in node.iter_expressions())
    place = places.of(node)
    if behaviour is Behaviour.CLOCK:
        message = f"{name.upper()} is the moment of execution: the table stays as it is until an input moves"
        hint = "keep the moment as data in a source, or execute the task anew with build --again"
        yield _made(WarningCode.CLOCK, place, message, hint)
    elif behaviour is Behaviour.RANDOM:
        message, hint = (
            f"{name.upper()}() gives each row a number by chance",
            "derive it from the row, as hash(id) does",
        )
        yield _made(WarningCode.RANDOM, place, message, hint)
    elif behaviour in _ORDERED and not has_order and not is_read_without_order(node):
        code = WarningCode.LIST_ORDER if behaviour is Behaviour.LIST else WarningCode.FIRST_OF_MANY
        message = f"{name.upper()}() depends on the order in which rows happen to come"
        yield _made(code, place, message, "write ORDER BY within the call, behind its arguments")
    elif behaviour is Behaviour.APPROXIMATE:
        message = f"{name.upper()}() approximates, and its result depends on the order in which rows come"
        yield _made(WarningCode.APPROXIMATE, place, message, "use the exact function, such as quantile_cont")


def _made(code: WarningCode, place: tuple[int, int], message: str, hint: str) -> Finding:
    return Finding(code, *place, message, hint, (), inlined=False)
