"""What of the state is dropped, decided on plain values: the objects, and what is remembered of earlier executions.

An object stays while something needs it:

- *current*: an output or a source shows it, or something that is not committed yet will;
- *reader*: a revision showed it that somebody may still have open. A file of views names objects by path and opens
  them for each query, so everything that was visible in any revision since the oldest open one stays;
- *pinned* and *recent*: a claim stays that names it;
- *young*: nothing names it, and it was written a moment ago.

A claim is something remembered that would spare work if a file went back to what it was. Claims of what is current
stay, and those of pinned outputs. Of the others those stay that were current or used within `keep_days`, the newest
first, up to `keep_mb`; one that is too large for the rest makes way for smaller, older ones. Since a claim is a row of
the database too, it counts as `ROW_BYTES` on top of the bytes that it alone keeps.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from relspec.core.settings import GcSettings

#: What a remembered row counts for, and the least that a file takes on most file systems.
ROW_BYTES = 4096
MEGABYTE = 1 << 20
DAY_S = 86_400.0
#: An object that nothing names may be a moment away from being named.
GRACE_S = 600.0
#: Without a command to drop it, old state is dropped after so many runs, or once a day.
RUNS_BETWEEN = 20


class Why(StrEnum):
    """Why an object stays, the strongest reason first."""

    CURRENT = "current"
    READER = "reader"
    PINNED = "pinned"
    RECENT = "recent"
    YOUNG = "young"


class ClaimKind(StrEnum):
    """What is remembered: an execution, an extraction, or that a source once held some content."""

    EXECUTION = "execution"
    EXTRACTION = "extraction"
    VERSION = "version"


class Claim(msgspec.Struct, frozen=True):
    """One remembered thing: its row by `key`, the objects that it is worth nothing without, and its last use."""

    kind: ClaimKind
    key: tuple[str, ...]
    output: str | None
    contents: tuple[str, ...]
    used_at: float


class Shown(msgspec.Struct, frozen=True):
    """When readers last saw a content: `until` is the first revision without it, `None` while it is shown."""

    until: int | None
    ended_at: float


class StoredObject(msgspec.Struct, frozen=True):
    """An object as a file: its size, and when it was written."""

    size: int
    written_at: float


class Stock(msgspec.Struct, frozen=True):
    """What there is: claims, when each content was last shown, how many digests each has, and the runs.

    `runs` are (number, when it began); `telling` are those that tell the last of some task.
    """

    claims: tuple[Claim, ...]
    shown: Mapping[str, Shown]
    digests: Mapping[str, int]
    runs: tuple[tuple[int, float], ...]
    telling: frozenset[int]


class Needs(msgspec.Struct, frozen=True):
    """What must stay: contents and claims (by key) that are current, and what readers may have open.

    Everything is kept that was shown in a revision from `oldest_revision` on (`None`: nobody has an earlier one open),
    or ended to be shown after `ended_after` (where the system does not tell who has a file open).
    """

    contents: frozenset[str]
    claims: frozenset[tuple[str, ...]]
    oldest_revision: int | None
    ended_after: float | None


class Sweep(msgspec.Struct, frozen=True):
    """What goes, and why the objects that stay do. `unread` is the revision that no reader needs anything before."""

    claims: tuple[Claim, ...]
    objects: tuple[str, ...]
    contents: tuple[str, ...]
    runs: tuple[int, ...]
    kept: Mapping[str, Why]
    unread: int | None


def sweep(stock: Stock, files: Mapping[str, StoredObject], needs: Needs, settings: GcSettings, now: float) -> Sweep:
    """Decide what of `stock` and of the objects in `files` is dropped."""
    kept = dict.fromkeys(needs.contents | {c for c, s in stock.shown.items() if s.until is None}, Why.CURRENT)
    for content, last in stock.shown.items():
        if may_be_read(last, needs):
            kept.setdefault(content, Why.READER)
    stays, goes = _claims(stock, files, needs, settings, now, kept)
    named = {c for claim in (*stays, *goes) for c in claim.contents} | stock.shown.keys()
    if needs.oldest_revision == 0:
        # Somebody has views open of which nobody knows any more what they name.
        kept |= {c: Why.READER for c in files if c not in kept}
    young = {c: Why.YOUNG for c, f in files.items() if c not in named and now - f.written_at < GRACE_S}
    kept = young | kept
    remembered = {c for claim in stays for c in (*claim.contents, *_version(claim))} | kept.keys()
    return Sweep(
        claims=tuple(goes),
        objects=tuple(sorted(files.keys() - kept.keys())),
        contents=tuple(sorted((stock.digests.keys() | stock.shown.keys()) - remembered)),
        runs=_runs(stock, settings, now),
        kept={c: why for c, why in kept.items() if c in files},
        unread=needs.oldest_revision,
    )


def may_be_read(last: Shown, needs: Needs) -> bool:
    """Whether somebody may have a revision open that showed a content."""
    if last.until is None:
        return True
    by_revision = needs.oldest_revision is not None and last.until > needs.oldest_revision
    return by_revision or (needs.ended_after is not None and last.ended_at > needs.ended_after)


def is_due(run: int, now: float, before: tuple[int, float] | None, runs: int) -> bool:
    """Whether old state is to be dropped unasked, `runs` runs or a day after the last time: a run and a moment."""
    if before is None:
        return run >= runs
    return run - before[0] >= runs or not 0 <= now - before[1] < DAY_S


def _claims(
    stock: Stock,
    files: Mapping[str, StoredObject],
    needs: Needs,
    settings: GcSettings,
    now: float,
    kept: dict[str, Why],
) -> tuple[list[Claim], list[Claim]]:
    """The claims that stay and those that go, the newest first; what stays is noted in `kept`."""
    pinned = {output.lower() for output in settings.pinned}
    last_use = {claim: _used_at(claim, stock.shown) for claim in stock.claims}
    stays: list[Claim] = []
    goes: list[Claim] = []
    room = settings.keep_mb * MEGABYTE
    for claim in sorted(stock.claims, key=lambda c: (not _must_stay(c, needs, pinned), -last_use[c], c.kind, c.key)):
        if any(content not in files for content in claim.contents):
            goes.append(claim)
        elif _must_stay(claim, needs, pinned):
            why = Why.CURRENT if claim.key in needs.claims else Why.PINNED
            kept |= {c: why for c in claim.contents if c not in kept}
            stays.append(claim)
        elif now - last_use[claim] > settings.keep_days * DAY_S or (cost := _cost(claim, files, kept)) > room:
            goes.append(claim)
        else:
            room -= cost
            kept |= {c: Why.RECENT for c in claim.contents if c not in kept}
            stays.append(claim)
    return stays, goes


def _must_stay(claim: Claim, needs: Needs, pinned: set[str]) -> bool:
    return claim.key in needs.claims or (claim.output is not None and claim.output.lower() in pinned)


def _used_at(claim: Claim, shown: Mapping[str, Shown]) -> float:
    """When a claim was last worth something: made, or last shown by a table."""
    return max((claim.used_at, *(shown[c].ended_at for c in claim.contents if c in shown)))


def _cost(claim: Claim, files: Mapping[str, StoredObject], kept: Mapping[str, Why]) -> int:
    return ROW_BYTES + sum(files[c].size for c in set(claim.contents) if c not in kept)


def _version(claim: Claim) -> Iterable[str]:
    """The content of a source that a claim remembers without keeping an object: its digests are what is worth it."""
    return claim.key if claim.kind is ClaimKind.VERSION else ()


def _runs(stock: Stock, settings: GcSettings, now: float) -> tuple[int, ...]:
    """The runs that are too old or too many, and do not tell the last of any task; never the newest one."""
    numbers = sorted(number for number, _ in stock.runs)
    newest = set(numbers[-settings.keep_runs :])
    old = {number for number, began in stock.runs if now - began > settings.keep_days * DAY_S}
    return tuple(n for n in numbers[:-1] if (n not in newest or n in old) and n not in stock.telling)
