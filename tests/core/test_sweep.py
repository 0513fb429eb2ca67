"""What is dropped, on plain values: every reason to stay, their order, and the bounds.

Breaks that were caught: the oldest of equal use goes first; a claim that does not fit ends the search; `until` compared
with `>=`; a content that is shown under another dataset counts as gone; the newest run goes when it is old.
"""

from msgspec.structs import replace

from relspec.core.settings import GcSettings
from relspec.core.sweep import (
    DAY_S,
    GRACE_S,
    MEGABYTE,
    Claim,
    ClaimKind,
    Needs,
    Shown,
    Stock,
    StoredObject,
    Sweep,
    Why,
    is_due,
    sweep,
)

NOW = 1_000 * DAY_S
NOTHING = Stock((), {}, {}, (), frozenset())
DEFAULTS = GcSettings()
NOBODY = Needs(frozenset(), frozenset(), None, None)


def execution(name: str, used_at: float = NOW, output: str = "t") -> Claim:
    return Claim(ClaimKind.EXECUTION, (f"key {name}",), output, (name,), used_at)


def files(*names: str, size: int = 1000, written_at: float = 0.0) -> dict[str, StoredObject]:
    return {name: StoredObject(size, written_at) for name in names}


def swept(
    stock: Stock, there: dict[str, StoredObject], needs: Needs = NOBODY, settings: GcSettings = DEFAULTS
) -> Sweep:
    return sweep(stock, there, needs, settings, NOW)


def test_what_is_current_stays_whatever_the_limits_and_needs_no_claim() -> None:
    needs = replace(NOBODY, contents=frozenset({"a"}))
    found = swept(NOTHING, files("a", "b"), needs, GcSettings(keep_days=0, keep_mb=0))
    assert (found.objects, found.kept) == (("b",), {"a": Why.CURRENT})


def test_what_is_shown_stays_as_current_also_where_nobody_else_names_it() -> None:
    stock = replace(NOTHING, shown={"a": Shown(None, 0.0), "b": Shown(3, NOW)})
    assert swept(stock, files("a", "b")).kept == {"a": Why.CURRENT}


def test_the_claim_of_what_is_current_stays_with_its_object() -> None:
    stock = replace(NOTHING, claims=(execution("a", 0.0), execution("b", 0.0)))
    needs = replace(NOBODY, claims=frozenset({("key a",)}))
    found = swept(stock, files("a", "b"), needs)
    assert (found.claims, found.kept, found.objects) == ((execution("b", 0.0),), {"a": Why.CURRENT}, ("b",))


def test_a_reader_keeps_what_was_shown_since_the_revision_that_it_has_open() -> None:
    shown = {name: Shown(until, 0.0) for name, until in (("before", 5), ("its own", 6), ("later", 9))}
    needs = replace(NOBODY, oldest_revision=5)
    found = swept(replace(NOTHING, shown=shown), files(*shown), needs)
    assert found.kept == {"its own": Why.READER, "later": Why.READER}
    assert (found.objects, found.unread) == (("before",), 5)


def test_a_reader_of_an_unknown_revision_keeps_every_object() -> None:
    needs = replace(NOBODY, oldest_revision=0)
    stock = replace(NOTHING, claims=(execution("a", 0.0),))
    found = swept(stock, files("a", "b"), needs)
    assert (found.kept, found.objects) == ({"a": Why.READER, "b": Why.READER}, ())


def test_where_readers_are_not_seen_what_was_shown_lately_stays() -> None:
    shown = {"old": Shown(2, NOW - 100), "new": Shown(2, NOW - 50)}
    needs = replace(NOBODY, ended_after=NOW - 60)
    assert swept(replace(NOTHING, shown=shown), files(*shown), needs).kept == {"new": Why.READER}


def test_age_counts_from_when_a_table_last_showed_the_object() -> None:
    stock = replace(NOTHING, claims=(execution("a", 0.0), execution("b", 0.0)), shown={"a": Shown(3, NOW - DAY_S)})
    assert swept(stock, files("a", "b")).kept == {"a": Why.RECENT}


def test_the_newest_stay_up_to_the_size_and_smaller_older_ones_fill_the_rest() -> None:
    claims = tuple(execution(name, NOW - age) for age, name in enumerate(["new", "large", "small", "more"]))
    there = files("new", "small", "more", size=MEGABYTE // 3) | files("large", size=MEGABYTE)
    found = swept(replace(NOTHING, claims=claims), there, settings=GcSettings(keep_mb=1))
    assert found.kept == {"new": Why.RECENT, "small": Why.RECENT}
    assert found.objects == ("large", "more")


def test_an_object_that_two_executions_gave_is_paid_once() -> None:
    one, other = execution("a", NOW), replace(execution("a", NOW - 1), key=("another key",))
    there = files("a", size=MEGABYTE - 10_000)
    assert swept(replace(NOTHING, claims=(one, other)), there, settings=GcSettings(keep_mb=1)).claims == ()


def test_rows_count_so_that_tiny_executions_do_not_pile_up() -> None:
    claims = tuple(replace(execution("a", NOW - n), key=(f"key {n}",)) for n in range(300))
    found = swept(replace(NOTHING, claims=claims), files("a", size=1), settings=GcSettings(keep_mb=1))
    assert len(claims) - len(found.claims) == MEGABYTE // 4096 - 1


def test_pinned_outputs_keep_everything_and_take_no_room() -> None:
    claims = (execution("a", 0.0, "Prices"), execution("b", NOW, "other"))
    there = files("a", "b", size=MEGABYTE - 4096)
    found = swept(replace(NOTHING, claims=claims), there, settings=GcSettings(keep_mb=1, pinned=("prices",)))
    assert found.kept == {"a": Why.PINNED, "b": Why.RECENT}


def test_a_claim_whose_object_is_lost_goes() -> None:
    lost = replace(execution("a"), contents=("a", "gone"))
    found = swept(replace(NOTHING, claims=(lost,)), files("a"))
    assert (found.claims, found.objects) == ((lost,), ("a",))


def test_what_nothing_names_goes_after_a_moment() -> None:
    there = files("fresh", written_at=NOW - GRACE_S + 1) | files("old", written_at=NOW - GRACE_S)
    found = swept(NOTHING, there)
    assert (found.kept, found.objects) == ({"fresh": Why.YOUNG}, ("old",))


def test_what_was_named_once_has_no_moment_of_grace() -> None:
    stock = replace(NOTHING, shown={"a": Shown(2, 0.0)})
    assert swept(stock, files("a", written_at=NOW)).objects == ("a",)


def test_digests_go_with_what_they_are_of() -> None:
    stock = replace(
        NOTHING,
        claims=(execution("a"), execution("b", 0.0), Claim(ClaimKind.VERSION, ("file",), None, (), NOW)),
        shown={"file": Shown(4, NOW), "older file": Shown(2, 0.0)},
        digests={"a": 1, "b": 2, "file": 3, "older file": 4, "current file": 5, "nowhere": 6},
    )
    needs = replace(NOBODY, contents=frozenset({"current file"}))
    assert swept(stock, files("a", "b"), needs).contents == ("b", "nowhere", "older file")


def test_runs_go_by_number_and_age_but_never_the_newest_nor_what_tells_of_a_task() -> None:
    old, new = 0.0, NOW - DAY_S
    runs = ((1, old), (2, old), (3, new), (4, new), (5, new))
    stock = replace(NOTHING, runs=runs, telling=frozenset({1}))
    assert swept(stock, {}, settings=GcSettings(keep_runs=2)).runs == (2, 3)
    assert swept(stock, {}).runs == (2,)
    assert swept(replace(NOTHING, runs=((1, old),)), {}).runs == ()


def test_it_is_due_after_so_many_runs_or_a_day_and_after_the_clock_went_back() -> None:
    last = (10, NOW)
    assert not is_due(29, NOW + 1, last, 20)
    assert is_due(30, NOW + 1, last, 20)
    assert is_due(10, NOW + DAY_S, last, 20)
    assert is_due(10, NOW - 1, last, 20)
    assert not is_due(19, NOW, None, 20)
    assert is_due(20, NOW, None, 20)
