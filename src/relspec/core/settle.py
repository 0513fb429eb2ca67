"""When to look after hints, and what a look found: the step from events to a ChangeSet.

Hints gather until they have been quiet for `quiet_ms`, at most `settle_max_ms` after the first, so that a burst is one
build and a stream of saves does not starve it. One file that is known to be whole, and nothing else of the project,
waits for `WHOLE_MS` only. A file that is gone is not whole: whoever saves by taking the old file away first must not
make its task leave the graph in between. What comes soon after a look is a burst too, so that saves one after the other
are two builds at most. While git rewrites the tree (`.git/index.lock` exists) the look waits, but no longer than
`HOLD_MAX_MS`: a lock file that a crashed git left behind must not stop the watch.
Content decides what changed: a touch of a code file is no change. Reads no clock: times are passed in.
"""

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from relspec.core.settings import WatchSettings
from relspec.core.tree import FileEntry, Tree

#: So long a lone file rests before it is looked at: who saves several at once has begun the next one by then.
WHOLE_MS = 1.0
#: For so long after the first hint a look waits for git, and no longer.
HOLD_MAX_MS = 10_000.0
#: More hints than this are no longer looked at one by one.
HINTS_MAX = 512

#: Absolute paths to look at; `None` is "everything".
Hints = frozenset[str] | None


class Hint(msgspec.Struct, frozen=True):
    """What to look at. Of the paths in `whole` the last that was heard is that a writer closed them or moved them here.

    Who cannot tell names none: then all are waited for.
    """

    paths: Hints
    whole: frozenset[str] = frozenset()


class Gathered(msgspec.Struct, frozen=True):
    """Hints that wait for their look: what to look at, and when the first and the last came.

    `files` are those of the project among them, two of them standing for more, and `whole` those of `files` that are.
    """

    hints: Hints
    first_ms: float
    last_ms: float
    files: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()


class ChangeSet(msgspec.Struct, frozen=True):
    """Paths that differ between two looks, sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths that differ, sorted."""
        return tuple(sorted(self.added + self.changed + self.removed))

    def merged(self, later: "ChangeSet") -> "ChangeSet":
        """Unite with what a later look found; what came and went in between counts as changed."""
        added, changed, removed = set(self.added), set(self.changed), set(self.removed)
        back = removed & set(later.added)
        brief = added & set(later.removed)
        added = (added | set(later.added)) - back - brief
        removed = (removed | set(later.removed)) - back - brief
        changed = (changed | set(later.changed) | back | brief) - added - removed
        return ChangeSet(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed)))


def merge(one: Hints, other: Hints) -> Hints:
    """Unite what two hints ask to look at; too many paths become "everything"."""
    if one is None or other is None:
        return None
    both = one | other
    return both if len(both) <= HINTS_MAX else None


def gather(gathered: Gathered | None, hint: Hint, now_ms: float, wants: Callable[[str], bool]) -> Gathered:
    """Take in one more hint. `wants` says whether a path is a file of the project."""
    if gathered is None:
        gathered = Gathered(frozenset(), now_ms, now_ms)
    files, whole = gathered.files, gathered.whole
    if hint.paths is not None:
        # Two files are a burst: more need not be asked about.
        files = files if len(files) > 1 else files.union(islice(filter(wants, hint.paths), 2))
        whole = (whole - hint.paths | hint.whole) & files
    return Gathered(merge(gathered.hints, hint.paths), gathered.first_ms, now_ms, files, whole)


def look_at_ms(gathered: Gathered, settings: WatchSettings, looked_ms: float, held: bool, now_ms: float) -> float:
    """Say when to look; a time that is not after `now_ms` means now. While `held`, ask again at the time given.

    `looked_ms` is when the last look was.
    """
    is_lone = gathered.hints is not None and len(gathered.files) == 1 and gathered.files == gathered.whole
    is_after_quiet = gathered.first_ms >= looked_ms + settings.quiet_ms
    quiet_ms = min(settings.quiet_ms, WHOLE_MS) if is_lone and is_after_quiet else settings.quiet_ms
    due = min(gathered.last_ms + quiet_ms, gathered.first_ms + settings.settle_max_ms)
    if held and now_ms < gathered.first_ms + HOLD_MAX_MS:
        return max(due, now_ms + max(settings.quiet_ms, 1))
    return due


def changes_between(before: Tree, after: Tree, touched: Iterable[str] | None = None) -> ChangeSet:
    """Compare two looks. Only `touched` paths can differ, where these are given, and cost anything.

    Code differs by content. Data differs by its whole stamp, the device included: the stamp goes on to the engines,
    which compare it again when they read, and a stale device number would never match there.
    """
    names = {*before, *after} if touched is None else touched
    # A look keeps the entries of what it finds as it was.
    found = [(path, was, now) for path in names if (was := before.get(path)) is not (now := after.get(path))]
    return ChangeSet(
        added=tuple(sorted(path for path, was, _ in found if was is None)),
        changed=tuple(sorted(path for path, was, now in found if was and now and _differ(was, now))),
        removed=tuple(sorted(path for path, _, now in found if now is None)),
    )


def _differ(before: FileEntry, after: FileEntry) -> bool:
    if before.content is None or after.content is None:
        return before.content != after.content or before.stamp != after.stamp
    return before.content != after.content
