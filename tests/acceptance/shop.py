"""A project whose tasks require each another part of the same tables, and what can be done to these tables."""

from dataclasses import dataclass

from tests.scenarios.harness import TOUCHED

ORDERS = "data/orders/a.parquet"
_META = "with kv_metadata {unit: 'cents', author: 'Ada'}"


def orders(columns: str, more: str = "", options: str = _META) -> str:
    """The query of the orders: these columns of six rows numbered `i`."""
    return f"select {columns} from range(6) t(i) {more}\n{options}"


COLUMNS = "i as id, i % 3 as day, i * 10 as amount, 'n' || i as note"
DAILY = "select day, sum(amount)::bigint as revenue, count(*) as n from orders group by day\n"
PRICED = """from relspec import task

@task
def priced(ctx):
    orders = ctx.table("orders")
    per_unit = {"cents": 100, "euros": 1}[ctx.metadata("orders")["unit"]]
    return orders.select(price=orders.amount / per_unit)
"""
DAILY_IN_PYTHON = """from ibis import _
from relspec import task

@task
def daily(ctx):
    return ctx.table("orders").group_by("day").agg(revenue=_.amount.sum(), n=_.count())
"""

SHOP = {
    "watch.toml": '[sources]\norders = "data/orders/*.parquet"\n',
    ORDERS: orders(COLUMNS),
    "data/rates.csv": "currency,rate\nEUR,1.5\nNOK,0.1\n",
    "tasks/counted.sql": "select count(*) as n from orders\n",
    "tasks/daily.sql": DAILY,
    "tasks/days.sql": "select count(*) as n from daily\n",
    "tasks/ids.sql": "select id from orders\n",
    "tasks/priced.py": PRICED,
    "tasks/rated.sql": "select rate from rates\n",
    "tasks/top.sql": "select day from daily where revenue > 50\n",
}
TASKS = ["counted", "daily", "days", "ids", "priced", "rated", "top"]

#: What no edge requires. Nothing executes.
UNREQUIRED: dict[str, dict[str, str | None]] = {
    "order of rows": {ORDERS: orders(COLUMNS, "order by i desc")},
    "order of columns": {ORDERS: orders("'n' || i as note, i * 10 as amount, i % 3 as day, i as id")},
    "values that nobody reads": {ORDERS: orders("i as id, i % 3 as day, i * 10 as amount, 'm' || i as note")},
    "a type that nobody reads": {ORDERS: orders("i as id, i % 3 as day, i * 10 as amount, i as note")},
    "a column less that nobody reads": {ORDERS: orders("i as id, i % 3 as day, i * 10 as amount")},
    "a column more": {ORDERS: orders(f"{COLUMNS}, 1 as more")},
    "metadata that nobody reads": {ORDERS: orders(COLUMNS, options=_META.replace("Ada", "Grace"))},
    "how the file is written": {ORDERS: orders(COLUMNS, options=f"{_META}, compression snappy, row_group_size 2")},
    "name of the file": {ORDERS: None, "data/orders/z.parquet": orders(COLUMNS)},
    "number of files": {
        ORDERS: orders(COLUMNS, "where i < 2"),
        "data/orders/b.parquet": orders(COLUMNS, "where i > 1"),
    },
    "folder of the files": {
        "watch.toml": '[sources]\norders = "elsewhere/*.parquet"\n',
        ORDERS: None,
        "elsewhere/a.parquet": orders(COLUMNS),
    },
    "time of the files": dict.fromkeys(SHOP, TOUCHED),
    "a column of a text file that nobody reads": {"data/rates.csv": "currency,rate\nUSD,1.5\nNOK,0.1\n"},
    "how a text file is written": {"data/rates.csv": '"currency","rate"\n"NOK",0.1\n"EUR",1.50\n'},
    "name of the task above": {"tasks/daily.sql": f"-- relspec: name=sales.daily output=daily\n{DAILY}"},
    "file of the task above": {"tasks/daily.sql": None, "tasks/deep/daily.sql": DAILY},
    "kind of the task above": {"tasks/daily.sql": f"-- relspec: kind=compute\n{DAILY}"},
    "priority of the task above": {"tasks/daily.sql": f"-- relspec: priority=5\n{DAILY}"},
}

#: What makes the task `daily` another one that gives the same. It executes, and nothing below it.
SAME_RESULT: dict[str, dict[str, str | None]] = {
    "text of the task above": {"tasks/daily.sql": DAILY.replace("from orders", "from orders where amount >= 0")},
    "language of the task above": {"tasks/daily.sql": None, "tasks/daily.py": DAILY_IN_PYTHON},
    "a column of the task above that nobody reads": {"tasks/daily.sql": DAILY.replace("count(*)", "count(*) + 1")},
}


ROWS = "the number of rows"
#: The key of the metadata that is read.
UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Move:
    """One required part of a dataset that moves, and what that does: a column, how many `ROWS`, or the `UNIT`."""

    files: dict[str, str | None]
    dataset: str
    part: str
    executed: list[str]
    blocked: list[str]


REQUIRED: dict[str, Move] = {
    "values of id": Move({ORDERS: orders(COLUMNS.replace("i as id", "i + 1 as id"))}, "orders", "id", ["ids"], []),
    "values of day": Move(
        {ORDERS: orders(COLUMNS.replace("i % 3", "2 - i % 3"))}, "orders", "day", ["daily", "top"], []
    ),
    "values of amount": Move(
        {ORDERS: orders(COLUMNS.replace("i * 10", "i * 10 + 1"))}, "orders", "amount", ["daily", "priced", "top"], []
    ),
    "values of rate": Move({"data/rates.csv": "currency,rate\nEUR,1.6\nNOK,0.1\n"}, "rates", "rate", ["rated"], []),
    "number of rows": Move(
        {ORDERS: orders(COLUMNS, "union all select 0, 0, 0, ''")},
        *("orders", ROWS),
        *(["counted", "daily", "ids", "priced"], []),
    ),
    "type of id": Move({ORDERS: orders(COLUMNS.replace("i as id", "i::int as id"))}, "orders", "id", ["ids"], []),
    "family of types of id": Move(
        {ORDERS: orders(COLUMNS.replace("i as id", "i::varchar as id"))}, "orders", "id", [], ["ids"]
    ),
    "family of types of amount": Move(
        {ORDERS: orders(COLUMNS.replace("i * 10", "(i * 10)::varchar"))},
        *("orders", "amount"),
        *([], ["daily", "days", "priced", "top"]),
    ),
    "id is lost": Move({ORDERS: orders(COLUMNS.replace("i as id, ", ""))}, "orders", "id", [], ["ids"]),
    "rate is lost": Move({"data/rates.csv": "currency\nEUR\nNOK\n"}, "rates", "rate", [], ["rated"]),
    "value of metadata": Move(
        {ORDERS: orders(COLUMNS, options=_META.replace("cents", "euros"))}, "orders", UNIT, ["priced"], []
    ),
    "metadata is lost": Move(
        {ORDERS: orders(COLUMNS, options="with kv_metadata {author: 'Ada'}")}, "orders", UNIT, [], ["priced"]
    ),
    "values of a day above": Move(
        {"tasks/daily.sql": DAILY.replace("select day", "select day + 1 as day")}, "daily", "day", ["daily", "top"], []
    ),
    "values of revenue": Move(
        {"tasks/daily.sql": DAILY.replace("sum(amount)::", "(sum(amount) + 1)::")},
        "daily",
        "revenue",
        ["daily", "top"],
        [],
    ),
    "type of revenue": Move(
        {"tasks/daily.sql": DAILY.replace("bigint", "double")}, "daily", "revenue", ["daily", "top"], []
    ),
    "revenue is lost": Move(
        {"tasks/daily.sql": "select day, count(*) as n from orders group by day\n"},
        *("daily", "revenue"),
        *(["daily"], ["top"]),
    ),
}
