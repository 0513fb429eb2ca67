"""How functions behave where rows come in no order: which pick one, which keep an order, which give another result.

All functions of DuckDB that are not simply functions of their arguments, or of the bag of them, are listed here; a test
holds the lists against the catalog of the engine. A name that is neither in here nor known to the engine is a Python
function of the user's, which is taken to be a function of its arguments.
"""

from enum import Enum

from sqlglot import exp


class Behaviour(Enum):
    """What a function may make of rows without an order, or without any rows."""

    FIRST = "picks the first row"
    EXTREME = "picks a row by the largest or smallest value"
    MODE = "picks the most frequent value"
    LIST = "keeps an order"
    SUM = "sums, which for floats depends on the order"
    MOMENT = "sums floats whatever it is given"
    APPROXIMATE = "approximates by what it meets first"
    NUMBERING = "numbers rows, or looks at their neighbours"
    PICKING = "picks a value by its place in a window"
    RANDOM = "answers by chance"
    CLOCK = "answers by the moment of execution"


_NODES: dict[Behaviour, tuple[type[exp.Expr], ...]] = {
    Behaviour.FIRST: (exp.First, exp.Last, exp.AnyValue),
    Behaviour.EXTREME: (exp.ArgMax, exp.ArgMin),
    Behaviour.MODE: (exp.Mode,),
    Behaviour.LIST: (exp.ArrayAgg, exp.GroupConcat, exp.JSONArrayAgg, exp.JSONObjectAgg),
    Behaviour.SUM: (exp.Sum, exp.Avg),
    Behaviour.MOMENT: (
        *(exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.CovarPop),
        *(exp.CovarSamp, exp.Kurtosis, exp.Skewness, exp.RegrAvgx, exp.RegrAvgy, exp.RegrIntercept, exp.RegrR2),
        *(exp.RegrSlope, exp.RegrSxx, exp.RegrSxy, exp.RegrSyy),
    ),
    Behaviour.APPROXIMATE: (exp.ApproxQuantile, exp.ApproxTopK),
    Behaviour.NUMBERING: (exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead),
    Behaviour.PICKING: (exp.FirstValue, exp.LastValue, exp.NthValue),
    Behaviour.RANDOM: (exp.Rand, exp.Randn, exp.Uuid, exp.NextValueFor),
    Behaviour.CLOCK: (
        *(exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentDatetime, exp.Localtime),
        *(exp.Localtimestamp, exp.UtcDate, exp.UtcTime, exp.UtcTimestamp),
    ),
}
_NAMES: dict[Behaviour, str] = {
    Behaviour.FIRST: "arbitrary any_value first last",
    Behaviour.EXTREME: "arg_max_null arg_max_nulls_last arg_min_null arg_min_nulls_last",
    Behaviour.LIST: "json_group_array json_group_object json_group_structure",
    Behaviour.SUM: "favg fsum kahan_sum mean sum_no_overflow sumkahan wavg weighted_avg",
    Behaviour.MOMENT: "entropy geomean geometric_mean kurtosis_pop product sem",
    Behaviour.APPROXIMATE: "reservoir_quantile",
    Behaviour.NUMBERING: "fill",
    Behaviour.RANDOM: "nextval setseed uuidv4",
    Behaviour.CLOCK: """
        ago current_connection_id current_localtime current_localtimestamp current_query current_query_id
        current_transaction_id currval get_current_time get_current_timestamp now pg_conf_load_time
        pg_postmaster_start_time stats today transaction_timestamp txid_current uuidv7
        """,
}
_BY_NAME = {name: behaviour for behaviour, names in _NAMES.items() for name in names.split()}
_BY_NODE = {kind: behaviour for behaviour, kinds in _NODES.items() for kind in kinds}
_ORDER_FREE_NODES = (exp.SortArray, exp.ArraySize, exp.Length, exp.ArrayContains, exp.ArrayContainsAll)
_ORDER_FREE_NAMES = frozenset(
    {"list_sort", "array_sort", "list_reverse_sort", "array_reverse_sort", "len", "length", "array_length"}
    | {"list_contains", "list_has", "list_count", "list_min", "list_max", "list_unique", "array_unique"}
)
_WRAPPERS = (exp.Filter, exp.Paren, exp.WithinGroup)


def behaviour_of(node: exp.Expr) -> Behaviour | None:
    """How this one node behaves; `None` for what depends on its arguments, or on the bag of them, alone."""
    if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
        name = str(node.name or node.this).lower()
        if name == "age":
            # With one argument it is the time from there until now.
            return Behaviour.CLOCK if len(node.expressions) == 1 else None
        return _BY_NAME.get(name)
    return _BY_NODE.get(type(node))


def is_read_without_order(node: exp.Expr) -> bool:
    """Whether the list that `node` makes is handed to a function for which its order does not count."""
    parent = node.parent
    while isinstance(parent, _WRAPPERS):
        parent = parent.parent
    if isinstance(parent, exp.Anonymous):
        return parent.name.lower() in _ORDER_FREE_NAMES
    return isinstance(parent, _ORDER_FREE_NODES)
