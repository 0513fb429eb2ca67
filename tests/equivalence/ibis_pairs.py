"""Pairs of Ibis expressions over the shop, by name: written apart in the source, and the same rows or not.

Each side is a function of the three tables, compiled through the product's own rendering.
"""

from collections.abc import Callable
from typing import Any

import ibis
from ibis import _

#: A query over orders, customers and returns.
Build = Callable[[Any, Any, Any], Any]


def _named_one_way(orders: Any, customers: Any, returns: Any) -> Any:
    paid = orders.filter(orders.status == "paid")
    totals = paid.group_by("customer").agg(total=paid.qty.sum())
    return totals.filter(totals.total > 1)


def _named_another_way(o: Any, c: Any, r: Any) -> Any:
    step = o.filter(o.status == "paid")
    result = step.group_by("customer").agg(total=step.qty.sum())
    return result.filter(result.total > 1)


EQUAL: dict[str, tuple[Build, Build]] = {
    "chained or merged filters": (
        lambda o, c, r: o.filter(o.id > 1).filter(o.qty > 2).select("id", "qty"),
        lambda o, c, r: o.filter((o.id > 1) & (o.qty > 2)).select("id", "qty"),
    ),
    "filters in another order": (
        lambda o, c, r: o.filter(o.id > 1, o.qty > 2, o.status == "new").select("id"),
        lambda o, c, r: o.filter(o.status == "new", o.qty > 2, o.id > 1).select("id"),
    ),
    "filter, then select, or the other way round": (
        lambda o, c, r: o.filter(o.id > 1).select("id", "amount"),
        lambda o, c, r: o.select("id", "amount").filter(_.id > 1),
    ),
    "filter, then mutate, or the other way round": (
        lambda o, c, r: o.filter(o.qty > 1).mutate(double=o.amount * 2).select("id", "double"),
        lambda o, c, r: o.mutate(double=o.amount * 2).filter(_.qty > 1).select("id", "double"),
    ),
    "names of variables": (_named_one_way, _named_another_way),
    "unused mutate": (
        lambda o, c, r: o.mutate(unused=o.amount * 3).select("id", "qty"),
        lambda o, c, r: o.select("id", "qty"),
    ),
    "unused window": (
        lambda o, c, r: o.mutate(rank=ibis.row_number().over(order_by=o.id)).select("id"),
        lambda o, c, r: o.select("id"),
    ),
    "unused mutate before an aggregate": (
        lambda o, c, r: o.mutate(u=o.status.upper()).group_by("day").agg(n=_.count(), q=_.qty.max()),
        lambda o, c, r: o.group_by("day").agg(n=o.count(), q=o.qty.max()),
    ),
    "select or drop": (
        lambda o, c, r: c.select("id", "name"),
        lambda o, c, r: c.drop("region"),
    ),
    "select in two steps": (
        lambda o, c, r: o.select("id", "qty", "day").select("day", "id"),
        lambda o, c, r: o.select("day", "id"),
    ),
    "mutate in one step or two": (
        lambda o, c, r: c.mutate(a=c.id + 1).mutate(b=_.name.upper()),
        lambda o, c, r: c.mutate(a=c.id + 1, b=c.name.upper()),
    ),
    "deferred or bound columns": (
        lambda o, c, r: o.filter(_.qty > 1).select(_.id, v=_.qty + 1),
        lambda o, c, r: o.filter(o.qty > 1).select(o.id, v=o.qty + 1),
    ),
    "columns by attribute or by name": (
        lambda o, c, r: o.filter(o["qty"] > 1).select("id"),
        lambda o, c, r: o.filter(o.qty > 1).select("id"),
    ),
    "turned comparison": (
        lambda o, c, r: o.filter(ibis.literal(1) < o.qty).select("id"),
        lambda o, c, r: o.filter(o.qty > 1).select("id"),
    ),
    "between or two comparisons": (
        lambda o, c, r: o.filter(o.qty.between(1, 7)).select("id"),
        lambda o, c, r: o.filter((o.qty >= 1) & (o.qty <= 7)).select("id"),
    ),
    "order of a list": (
        lambda o, c, r: o.filter(o.status.isin(["new", "paid"])).select("id"),
        lambda o, c, r: o.filter(o.status.isin(["paid", "new"])).select("id"),
    ),
    "keys in another order": (
        lambda o, c, r: o.group_by("day", "status").agg(n=_.count()).select("status", "n"),
        lambda o, c, r: o.group_by("status", "day").agg(n=_.count()).select("status", "n"),
    ),
    "aggregates in another order": (
        lambda o, c, r: o.group_by("day").agg(a=_.qty.max(), b=_.id.min()).select("a", "b"),
        lambda o, c, r: o.group_by("day").agg(b=_.id.min(), a=_.qty.max()).select("a", "b"),
    ),
    "group_by with agg or aggregate": (
        lambda o, c, r: o.group_by("day").agg(q=_.qty.max()),
        lambda o, c, r: o.aggregate(by="day", q=_.qty.max()),
    ),
    "filter before a join or after it": (
        lambda o, c, r: o.filter(o.qty > 2).join(c, _.customer == c.id).select("qty", "name"),
        lambda o, c, r: o.join(c, o.customer == c.id).filter(_.qty > 2).select("qty", "name"),
    ),
    "inner join the other way round": (
        lambda o, c, r: o.join(c, o.customer == c.id).select("qty", "name"),
        lambda o, c, r: c.join(o, o.customer == c.id).select("qty", "name"),
    ),
    "unused columns in a join": (
        lambda o, c, r: o.join(c.mutate(u=c.name.upper()), _.customer == c.id).select("qty", "name"),
        lambda o, c, r: o.select("customer", "qty").join(c, _.customer == c.id).select("qty", "name"),
    ),
    "selected before a left join or after it": (
        lambda o, c, r: o.select("qty", "customer").left_join(c, _.customer == c.id).select("qty", "name"),
        lambda o, c, r: o.left_join(c, o.customer == c.id).select("qty", "name"),
    ),
    "renamed and back": (
        lambda o, c, r: c.rename(key="id").rename(id="key"),
        lambda o, c, r: c,
    ),
    "filter of a mutated column or of what it is made of": (
        lambda o, c, r: o.mutate(d=o.qty * 2).filter(_.d > 4).select("id"),
        lambda o, c, r: o.filter(o.qty * 2 > 4).select("id"),
    ),
    "union in one call or two": (
        lambda o, c, r: ibis.union(o.select("id"), c.select("id")),
        lambda o, c, r: o.select("id").union(c.select("id")),
    ),
    "ordered by two calls that name the same": (
        lambda o, c, r: o.select("id", "qty").order_by([_.qty.desc(), _.id]).limit(3),
        lambda o, c, r: o.select("id", "qty").order_by(ibis.desc("qty"), "id").limit(3),
    ),
    "distinct of what was selected twice": (
        lambda o, c, r: o.select("customer", "day").select("customer").distinct(),
        lambda o, c, r: o.select("customer").distinct(),
    ),
}

DIFFERENT: dict[str, tuple[Build, Build]] = {
    "literal": (lambda o, c, r: o.filter(o.qty > 1).select("id"), lambda o, c, r: o.filter(o.qty > 2).select("id")),
    "and, or": (
        lambda o, c, r: o.filter((o.id > 1) & (o.qty > 2)).select("id"),
        lambda o, c, r: o.filter((o.id > 1) | (o.qty > 2)).select("id"),
    ),
    "comparison": (lambda o, c, r: o.filter(o.qty > 2).select("id"), lambda o, c, r: o.filter(o.qty >= 2).select("id")),
    "in, not in": (
        lambda o, c, r: o.filter(o.status.isin(["new"])).select("id"),
        lambda o, c, r: o.filter(o.status.notin(["new"])).select("id"),
    ),
    "equal, identical": (
        lambda o, c, r: o.mutate(b=o.id == o.qty).select("b"),
        lambda o, c, r: o.mutate(b=o.id.identical_to(o.qty)).select("b"),
    ),
    "kind of join": (
        lambda o, c, r: o.join(c, o.customer == c.id).select("qty"),
        lambda o, c, r: o.left_join(c, o.customer == c.id).select("qty"),
    ),
    "semi, anti": (
        lambda o, c, r: o.semi_join(c, o.customer == c.id).select("qty"),
        lambda o, c, r: o.anti_join(c, o.customer == c.id).select("qty"),
    ),
    "filter across a left join": (
        lambda o, c, r: o.left_join(c.filter(c.region == "north"), o.customer == c.id).select("qty", "name"),
        lambda o, c, r: o.left_join(c, o.customer == c.id).filter(_.region == "north").select("qty", "name"),
    ),
    "distinct": (lambda o, c, r: o.select("customer"), lambda o, c, r: o.select("customer").distinct()),
    "distinct gains a column": (
        lambda o, c, r: o.select("customer").distinct().select("customer"),
        lambda o, c, r: o.select("customer", "day").distinct().select("customer"),
    ),
    "union, distinct union": (
        lambda o, c, r: o.select("id").union(c.select("id")),
        lambda o, c, r: o.select("id").union(c.select("id"), distinct=True),
    ),
    "aggregate": (
        lambda o, c, r: o.group_by("day").agg(q=_.qty.max()),
        lambda o, c, r: o.group_by("day").agg(q=_.qty.min()),
    ),
    "filter before or after a group": (
        lambda o, c, r: o.filter(_.qty > 2).group_by("day").agg(q=_.qty.min()),
        lambda o, c, r: o.group_by("day").agg(q=_.qty.min()).filter(_.q > 2),
    ),
    "key": (
        lambda o, c, r: o.group_by("day").agg(q=_.qty.max()).select("q"),
        lambda o, c, r: o.group_by("status").agg(q=_.qty.max()).select("q"),
    ),
    "limit": (
        lambda o, c, r: o.select("id", "qty").order_by(["id", "qty"]).limit(2),
        lambda o, c, r: o.select("id", "qty").order_by(["id", "qty"]).limit(3),
    ),
    "direction": (
        lambda o, c, r: o.select("id").order_by("id").limit(2),
        lambda o, c, r: o.select("id").order_by(ibis.desc("id")).limit(2),
    ),
    "filter before or after a limit": (
        lambda o, c, r: o.select("id").filter(_.id > 1).order_by("id").limit(2),
        lambda o, c, r: o.select("id").order_by("id").limit(2).filter(_.id > 1),
    ),
    "filter before or after a window": (
        lambda o, c, r: o.filter(o.qty > 2).select(k=ibis.rank().over(order_by=o.id)),
        lambda o, c, r: o.mutate(k=ibis.rank().over(order_by=o.id)).filter(_.qty > 2).select("k"),
    ),
    "case": (
        lambda o, c, r: o.select(k=ibis.cases((o.qty > 2, "a"), else_="b")),
        lambda o, c, r: o.select(k=ibis.cases((o.qty > 2, "b"), else_="a")),
    ),
    "fill of nulls": (
        lambda o, c, r: o.select(k=o.qty.fill_null(0)),
        lambda o, c, r: o.select(k=o.qty),
    ),
    "columns crossed": (
        lambda o, c, r: o.select(a=o.id, b=o.customer),
        lambda o, c, r: o.select(a=o.customer, b=o.id),
    ),
}
