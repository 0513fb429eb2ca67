"""A text that differs in layout and comments alone gets the answer of compiling it, and is not compiled."""

from collections.abc import Iterator
from typing import Any

import pytest

from relspec.core.schema import schema_of
from relspec.core.work import Analyse, Analysed, Needs, ViewQuery
from relspec.edges.engine import analyses as module
from relspec.edges.engine.analyses import Analyses
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.empties import _Room

ORDERS = schema_of({"id": "BIGINT", "amount": "DOUBLE", "day": "DATE"})
BIG = ViewQuery("big", 'SELECT id, day FROM "main"."orders" WHERE amount > 9', schema_of({"id": "BIGINT"}))
PLAIN = "select day, sum(id) as n from orders as o where id <> 3 group by day"
VIEWS = "with c as (select 1 as one) select main.big.id, c.one from big, c order by 1"
JSON = "select {'a': id}.a as x, o.day from orders as o"


@pytest.fixture
def warm() -> Iterator[Analyses]:
    connection = open_connection(512, "UTC", "", files=False)
    yield Analyses(connection)
    connection.close()


def fresh(request: Analyse) -> object:
    """The answer of one that was never asked anything."""
    with open_connection(512, "UTC", "", files=False) as connection:
        return Analyses(connection).answer(request)


def asked(text: str, **named: Any) -> Analyse:
    schemas = (("orders", ORDERS),)
    behind = frozenset({"orders"}) if "big" in text else frozenset[str]()
    request = Analyse("task", "tasks/task.sql", 1, text, False, schemas, (BIG,), None, (), True, behind)
    return request if not named else Analyse(**({f: getattr(request, f) for f in Analyse.__struct_fields__} | named))


def laid_out(text: str) -> tuple[str, ...]:
    return (
        f"-- Rows of a view, and JSON.\n{text}\n",
        text.replace(" ", "\n  "),
        text.replace(" from ", " /* rowid */ from -- into\n"),
        f"\n\n{text} -- end",
    )


@pytest.mark.parametrize("text", [PLAIN, VIEWS, JSON, f"{PLAIN};", f"({PLAIN})"])
def test_another_layout_gets_the_same_answer_without_compiling(
    warm: Analyses, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    expected = [fresh(asked(t)) for t in laid_out(text)]
    first = warm.answer(asked(text))
    assert isinstance(first, Analysed), first
    monkeypatch.setattr(module, "analyse", None)
    assert [warm.answer(asked(t)) for t in laid_out(text)] == expected
    assert len({each.sql for each in expected if isinstance(each, Analysed)} | {first.sql}) == len(expected) + 1


@pytest.mark.parametrize(
    "other",
    [
        asked(PLAIN.replace("3", "4")),
        asked(PLAIN, schemas=(("orders", schema_of({"id": "INTEGER", "day": "DATE"})),)),
        asked(PLAIN, task="other"),
        asked(PLAIN, stored=False),
        asked(PLAIN, generated=True),
    ],
)
def test_another_question_is_compiled(warm: Analyses, monkeypatch: pytest.MonkeyPatch, other: Analyse) -> None:
    warm.answer(asked(PLAIN))
    compiled: list[Analyse] = []
    analyse = module.analyse
    monkeypatch.setattr(module, "analyse", lambda c, r: (compiled.append(r), analyse(c, r))[1])
    assert warm.answer(other) == fresh(other)
    assert compiled == [other, other]


def test_what_has_a_place_in_the_text_is_compiled_each_time(warm: Analyses) -> None:
    for n, text in enumerate(("select now() as t from orders", "-- x\nselect now() as t from orders")):
        answer = warm.answer(asked(text))
        assert isinstance(answer, Analysed)
        assert [finding.line for finding in answer.repeatability.findings] == [n + 1]
        (missing,) = answer.datasets if isinstance(answer := warm.answer(asked("\n" * n + "from b")), Needs) else ()
        assert missing.line == n + 1


def test_an_error_of_ours_leaves_nothing_behind(warm: Analyses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught: a table that nobody knew of stayed, to be bound by what nobody gave it."""
    begin = _Room._begin

    def half(room: _Room, statements: list[str]) -> None:
        begin(room, statements)
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(_Room, "_begin", half)
        with pytest.raises(MemoryError):
            warm.answer(asked(PLAIN))
    assert warm._binder.bound("from orders", {}) is None
    assert warm.answer(asked(PLAIN)) == fresh(asked(PLAIN))


def test_only_the_latest_are_kept(warm: Analyses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_MAX", 2)
    texts = [f"select id + {n} as x from orders" for n in range(3)]
    for text in (*texts[:2], texts[0], texts[2]):
        warm.answer(asked(text))
    compiled: list[str] = []
    monkeypatch.setattr(module, "analyse", lambda _, r: compiled.append(r.text))
    for text in texts:
        warm.answer(asked(text))
    assert compiled == texts[1:2]
