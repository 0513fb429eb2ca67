"""Tokens held against the tree: whatever the parser drops is noticed, and ordinary SQL raises no alarm."""

import pytest

from relspec.core.losses import lost_literals, lost_names
from relspec.core.query import Query, parse_query

ORDINARY = [
    "select sum(a) over (order by b rows between unbounded preceding and current row exclude ties) from t",
    "select first(a ignore nulls), lag(a, 1, 0) over w from t window w as (partition by b order by c nulls first)",
    "select a from t group by grouping sets ((a), ()), cube (b), rollup (c)",
    "select interval 1 day, interval (a) hour, interval '3 months 2 days', extract(epoch from a) from t",
    "select a::timestamptz, cast(b as timestamp with time zone), c::decimal(9, 2), d::struct(x int)[] from t",
    "select mode() within group (order by a), quantile_cont(b, 0.5), string_agg(distinct c, ', ' order by c) from t",
    "select * exclude (a) replace (b + 1 as b) from t asof left join u using (k)",
    "select x[1], x[-1], x[1:2], {'a': 1}, map {'k': 1}, [1, 2], s.a.b, list_transform(x, lambda y: y + 1) from t",
    "select j->'$.a', j->>'$.b.c', json_extract(j, '$[0].x'), strftime(a, '%Y-%m-%d'), date_trunc('month', a) from t",
    "select timestamp '2020-01-01', 1e5, 1.50, .5, E'a\\nb', 'it''s', true, null, a at time zone 'UTC' from t",
    'with recursive r(n) as (select 1 union all select n + 1 from r) select "Größe", n from r, t, range(3) g(i)',
    "select datediff('day', a, b), time_bucket(interval '1 week', a), regexp_replace(c, '(\\d+)', '\\1', 'g') from t",
]


def _query(text: str) -> Query:
    query = parse_query(text)
    assert isinstance(query, Query)
    return query


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_sql_raises_no_alarm(text: str) -> None:
    assert lost_names(_query(text)) is None
    assert not lost_literals(_query(text))


@pytest.mark.parametrize(
    "text",
    [
        "select hex(a, b) from t",
        "select time_bucket(interval '1 day', a, now()) from t",
        "select list_reverse_sort(a, upper('desc')) from t",
        "select date_trunc(unit, a) from t",
        'select date_diff("day", a, b) from t',
    ],
)
def test_a_name_that_the_parser_drops_or_takes_for_a_unit_is_noticed(text: str) -> None:
    assert lost_names(_query(text)) is not None


@pytest.mark.parametrize("text", ["select hex(a, 7) from t", "select lpad(a, 3, 'x', 'lost') from t"])
def test_a_literal_that_the_parser_drops_is_noticed(text: str) -> None:
    assert lost_literals(_query(text))
