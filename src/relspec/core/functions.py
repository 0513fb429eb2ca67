"""What is known of functions: which are pure, which aggregate, which make rows, which answer anew each time.

The parser knows the common functions as classes of their own; others arrive as a bare name. A bare name counts as pure
only when it is listed here (DuckDB 1.5 calls those CONSISTENT scalars). Anything else may aggregate, make rows, have
side effects or be a user's own: it is never pruned, moved, merged or doubled. Unknown is never safe.
"""

from sqlglot import exp

_VOLATILE = (exp.Rand, exp.Randn, exp.Uuid, exp.NextValueFor)
_NAMELESS = (exp.Anonymous, exp.AnonymousAggFunc, exp.CombinedAggFunc, exp.CombinedParameterizedAgg)
_ROW_MAKING = (exp.Explode, exp.Unnest, exp.Inline)
_AROUND_AGGREGATES = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)

_PURE_NAMES = """
    add age array_aggregate array_apply array_cosine_distance array_cosine_similarity array_cross_product array_distance
    array_dot_product array_extract array_has_any array_indexof array_inner_product array_select array_to_json
    array_transform array_unique array_value array_where array_zip bar base64 bin bit_count bit_position bitstring
    century constant_or_null damerau_levenshtein date_part date_sub datepart datesub days_in_month decade divide
    element_at enum_code enum_first enum_last enum_range epoch_ns epoch_us equi_width_bins era even fdiv fmod
    formatreadabledecimalsize formatreadablesize format_bytes from_binary from_json from_json_strict gamma gcd
    greatest_common_divisor hamming hash isfinite isoyear jaccard jaro_similarity json_array_length json_contains
    json_exists json_merge_patch json_pretty json_quote json_structure json_transform json_transform_strict json_valid
    json_value julian lcm least_common_multiple left_grapheme length_grapheme lgamma list_aggr list_aggregate
    list_any_value list_apply list_avg list_bit_and list_bit_or list_bit_xor list_bool_and list_bool_or list_cat
    list_cosine_similarity list_count list_dot_product list_element list_entropy list_extract list_first list_grade_up
    list_has_all list_histogram list_indexof list_inner_product list_intersect list_kurtosis list_last list_mad
    list_median list_mode list_pack list_position list_product list_reduce list_resize list_reverse list_select
    list_sem list_skewness list_slice list_stddev_pop list_stddev_samp list_string_agg list_sum list_unique
    list_var_pop list_var_samp list_where list_zip make_timestamp_ms make_timestamp_ns make_timestamptz map_concat
    map_contains map_entries map_extract map_extract_value map_values md5_number microsecond millennium millisecond
    mismatches multiply nanosecond nextafter nfc_normalize now octet_length ord parse_dirname parse_dirpath
    parse_filename parse_path prefix printf regexp_escape regexp_split_to_array right_grapheme round_even roundbankers
    row row_to_json set_bit signbit strip_accents strlen struct_concat struct_contains struct_extract_at struct_has
    struct_indexof struct_insert struct_keys struct_position struct_update struct_values substring_grapheme subtract
    suffix timezone timezone_hour timezone_minute to_base to_centuries to_days to_decades to_hours to_json
    to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_weeks to_years
    transaction_timestamp try_strptime unbin union_extract union_tag union_value url_decode url_encode weekday yearweek
    """

#: Scalar functions that the parser knows by name only, and that depend on their arguments alone.
PURE = frozenset(_PURE_NAMES.split())


def is_stable(node: exp.Expr) -> bool:
    """Whether this one node gives the same value for the same input wherever and how often it is evaluated."""
    if isinstance(node, _NAMELESS):
        return _name(node) in PURE
    return not isinstance(node, _VOLATILE)


def is_unknown(node: exp.Expr) -> bool:
    """Whether this one node is a function of which nothing is known."""
    return isinstance(node, _NAMELESS) and _name(node) not in PURE


def makes_rows(node: exp.Expr) -> bool:
    """Whether this one node makes several rows of one, or may."""
    return isinstance(node, _ROW_MAKING) or is_unknown(node)


def unnests(node: exp.Expr) -> bool:
    """Whether this one node surely makes several rows of one."""
    return isinstance(node, _ROW_MAKING) or (isinstance(node, _NAMELESS) and _name(node) == "generate_subscripts")


def aggregates(node: exp.Expr) -> bool:
    """Whether this one node aggregates the rows of its SELECT; an aggregate over a window does not."""
    return isinstance(node, exp.AggFunc) and not _over_window(node)


def _over_window(node: exp.Expr) -> bool:
    child, parent = node, node.parent
    while isinstance(parent, _AROUND_AGGREGATES):
        child, parent = parent, parent.parent
    return isinstance(parent, exp.Window) and parent.this is child


def _name(node: exp.Expr) -> str:
    return str(node.name or node.this).lower()
