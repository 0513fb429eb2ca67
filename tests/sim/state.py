"""What a machine keeps of a project while no process lives: the state database, the objects, and what users open.

`Memory` is the database as a daemon has it open. A commit is there at once and whole, and survives everything. An
object survives the loss of power only if it was synced.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from tests.sim.effects import Effects
from tests.sim.language import Table

from relspec.core.digest import BagDigest
from relspec.core.errors import StateError
from relspec.core.layout import Layout
from relspec.core.problem import Problem
from relspec.core.progress import Action, SetAside
from relspec.core.spec import CachePolicy
from relspec.core.state import Delta, MemoRow, Publication, RunRecord, RunTask, Saved
from relspec.core.sweep import Claim, ClaimKind, Stock, StoredObject, Sweep
from relspec.core.sweep import Shown as Visible
from relspec.core.work import Extracted, ViewDefinition


@dataclass(frozen=True, slots=True)
class Views:
    """The published file: what each name shows."""

    revision: int
    names: Mapping[str, ViewDefinition]


@dataclass
class Shown:
    """A dataset showed a content from one revision to before another."""

    role: str
    dataset: str
    content: str
    since: int
    until: int | None = None
    ended_at: float = 0.0


@dataclass
class State:
    """Everything under `state/`, and the files of views that users have open."""

    saved: Saved = field(default_factory=lambda: Saved(0, 0, None, {}, {}, {}, {}, {}, {}, {}))
    problems: tuple[Problem, ...] = ()
    memo: dict[str, tuple[MemoRow, int, float]] = field(default_factory=dict)
    bags: dict[str, dict[str, BagDigest]] = field(default_factory=dict)
    extractions: dict[tuple[str, str, str], tuple[Extracted, float]] = field(default_factory=dict)
    runs: dict[int, RunRecord] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    published: Publication | None = None
    collected: tuple[int, float] | None = None
    objects: dict[str, Table] = field(default_factory=dict)
    written_at: dict[str, float] = field(default_factory=dict)
    synced: set[str] = field(default_factory=set)
    tables: dict[str, str] = field(default_factory=dict)
    views: Views | None = None
    open: list[Views] = field(default_factory=list)
    held: list[tuple[int, Views]] = field(default_factory=list)
    temporary: set[str] = field(default_factory=set)
    sessions: int = 0

    def lose_power(self) -> None:
        """What was not synced is gone, and so is who had something open."""
        self.open.clear()
        for content in self.objects.keys() - self.synced:
            del self.objects[content]
        self.tables = {name: content for name, content in self.tables.items() if content in self.objects}


class Memory:
    """The state database of one life."""

    def __init__(self, state: State, effects: Effects, time: Any) -> None:
        self._state = state
        self._effects = effects
        self._time = time
        state.sessions += 1
        self._session = state.sessions
        self.aside: SetAside | None = None

    def load(self) -> Saved:
        """All that a start needs."""
        saved = self._state.saved
        return replace(
            saved,
            files=dict(saved.files),
            modules=dict(saved.modules),
            sources=dict(saved.sources),
            records=dict(saved.records),
            plans=dict(saved.plans),
            outputs=dict(saved.outputs),
            statuses=dict(saved.statuses),
        )

    def commit(self, delta: Delta, synced: Callable[[], object] | None = None) -> None:
        """Make a delta true."""
        if synced is not None:
            synced()
        fault = self._write("commit")
        state, saved, now = self._state, self._state.saved, self._time()
        run = delta.run
        state.saved = Saved(
            revision=saved.revision if run is None else run.revision,
            run=saved.run if run is None else run.run,
            toolchain=delta.toolchain or saved.toolchain,
            files=_put(saved.files, delta.files),
            modules=_put(saved.modules, delta.modules),
            sources=_put(saved.sources, delta.sources),
            records=_put(saved.records, delta.records),
            plans=_put(saved.plans, delta.plans),
            outputs=_put(saved.outputs, delta.outputs),
            statuses=_put(saved.statuses, delta.statuses),
        )
        state.problems = state.problems if delta.problems is None else delta.problems
        state.memo |= {row.output.basis.key: (row, self._session, now) for row in delta.memo}
        for row in delta.digests:
            state.bags.setdefault(row.content, {})[row.columns] = row.bag
        for extraction in delta.extractions:
            key = (extraction.extractor, extraction.path, extraction.version)
            state.extractions[key] = (extraction.extracted, now)
        self._note_shown(delta)
        if run is not None:
            state.runs[run.run] = run
        self._effects.end(fault)

    def set_published(self, shown: Publication) -> None:
        """Remember what readers see."""
        fault = self._write("set_published")
        self._state.published = shown
        self._effects.end(fault)

    def published(self) -> Publication | None:
        """What readers saw last."""
        return self._state.published

    def forget_sessions(self) -> None:
        """Keep of other sessions what is current."""
        current = {output.basis.key for output in self._state.saved.outputs.values()}
        for key, (row, session, at) in list(self._state.memo.items()):
            if key in current:
                self._state.memo[key] = (row, self._session, at)
            elif row.policy is CachePolicy.SESSION and session != self._session:
                del self._state.memo[key]

    def remembered(self, key: str) -> MemoRow | None:
        """An execution by its key."""
        found = self._state.memo.get(key)
        return None if found is None else found[0]

    def bags(self, contents: Iterable[str]) -> dict[tuple[str, str], BagDigest]:
        """Measured bags."""
        return {(c, columns): bag for c in contents for columns, bag in self._state.bags.get(c, {}).items()}

    def extraction(self, extractor: str, path: str, version: str) -> Extracted | None:
        """An extraction."""
        found = self._state.extractions.get((extractor, path, version))
        return None if found is None else found[0]

    def last_run(self, task: str, actions: Iterable[Action]) -> tuple[int, float, RunTask] | None:
        """The newest run with one of these actions on the task."""
        wanted = set(actions)
        for run in sorted(self._state.runs.values(), key=lambda r: -r.run):
            for found in run.tasks:
                if found.task == task and found.action in wanted:
                    return run.run, run.started_at, found
        return None

    def run_task(self, run: int, task: str) -> RunTask | None:
        """What became of a task in a run."""
        record = self._state.runs.get(run)
        return None if record is None else next((t for t in record.tasks if t.task == task), None)

    def changes(self, run: int) -> tuple[tuple[str, str], ...]:
        """What a run took in."""
        record = self._state.runs.get(run)
        return () if record is None else record.changes

    def stock(self) -> Stock:
        """What could be dropped."""
        state = self._state
        claims = [
            Claim(ClaimKind.EXECUTION, (key,), row.output.output, (row.output.content,), at)
            for key, (row, _, at) in state.memo.items()
        ]
        claims += [
            Claim(ClaimKind.EXTRACTION, key, None, tuple(dict.fromkeys(p.content for _, _, p in found.tables)), at)
            for key, (found, at) in state.extractions.items()
        ]
        by_content: dict[str, list[Shown]] = {}
        for row in state.shown:
            by_content.setdefault(row.content, []).append(row)
        visible: dict[str, Visible] = {}
        for content, rows in by_content.items():
            ended = max(row.ended_at for row in rows)
            closed = all(row.until is not None for row in rows)
            if closed and any(row.role == "source" for row in rows):
                claims.append(Claim(ClaimKind.VERSION, (content,), None, (), ended))
            visible[content] = Visible(max(row.until or 0 for row in rows) if closed else None, ended)
        return Stock(
            claims=tuple(claims),
            shown=visible,
            digests={content: len(bags) for content, bags in state.bags.items()},
            runs=tuple((run, record.started_at) for run, record in sorted(state.runs.items())),
            telling=frozenset(self._telling()),
        )

    def drop(self, swept: Sweep, run: int) -> None:
        """Forget what was swept."""
        fault = self._write("drop")
        state = self._state
        for claim in swept.claims:
            if claim.kind is ClaimKind.EXECUTION:
                state.memo.pop(claim.key[0], None)
            elif claim.kind is ClaimKind.EXTRACTION:
                del state.extractions[claim.key[0], claim.key[1], claim.key[2]]
        gone = set(swept.contents)
        unread = float("inf") if swept.unread is None else swept.unread
        state.bags = {content: bags for content, bags in state.bags.items() if content not in gone}
        state.shown = [row for row in state.shown if row.content not in gone or row.until is None or row.until > unread]
        state.runs = {number: record for number, record in state.runs.items() if number not in swept.runs}
        state.collected = (run, self._time())
        self._effects.end(fault)

    def collected(self) -> tuple[int, float] | None:
        """When `drop` was called last."""
        return self._state.collected

    def checkpoint(self) -> None:
        """Nothing to fold."""

    def close(self) -> None:
        """Nothing to close."""

    def _write(self, name: str) -> str:
        fault = self._effects.begin(name, "")
        if fault == "error":
            raise StateError("the disk is full")
        return fault

    def _note_shown(self, delta: Delta) -> None:
        outputs = {n: set[str]() if o is None else {o.content} for n, o in delta.outputs.items()}
        sources = {}
        for name, source in delta.sources.items():
            dataset = None if source is None else source.dataset
            if source is None or dataset is not None:
                sources[name] = set() if dataset is None else {part.content for part in dataset.parts}
        revision, now = self._state.saved.revision, self._time()
        for role, contents in (("output", outputs), ("source", sources)):
            for name, wanted in contents.items():
                mine = [r for r in self._state.shown if (r.role, r.dataset, r.until) == (role, name, None)]
                for row in mine:
                    if row.content not in wanted:
                        row.until, row.ended_at = revision, now
                for content in sorted(wanted - {row.content for row in mine}):
                    self._state.shown.append(Shown(role, name, content, revision))

    def _telling(self) -> Iterable[int]:
        for task in self._state.saved.statuses:
            for actions in (tuple(Action), (Action.EXECUTED, Action.RESTORED)):
                found = self.last_run(task, actions)
                if found is not None:
                    yield found[0]


def _put(before: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    if not changes:
        return before
    after = before | {name: value for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        if value is None:
            after.pop(name, None)
    return after


class Objects:
    """The objects and tables of one life."""

    def __init__(self, state: State, effects: Effects) -> None:
        self._state = state
        self._effects = effects

    def has(self, content: str) -> bool:
        """Whether an object is there."""
        return content in self._state.objects

    def discard(self, contents: Iterable[str]) -> None:
        """Take objects away."""
        for content in contents:
            self._effects.end(self._effects.begin("discard", content))
            self._state.objects.pop(content, None)
            self._state.synced.discard(content)

    def sync(self, contents: Iterable[str]) -> None:
        """Make objects durable."""
        wanted = sorted(set(contents))
        if not wanted:
            return
        fault = self._effects.begin("sync", " ".join(wanted))
        if fault == "error" or not all(map(self.has, wanted)):
            raise StateError("cannot make objects durable")
        self._state.synced |= set(wanted)
        self._effects.end(fault)

    def syncing(self, contents: Iterable[str]) -> Callable[[], object]:
        """Make objects durable when that is waited for."""
        return functools.partial(self.sync, contents)

    def syncs_soon(self, contents: Collection[str]) -> bool:
        """Whether it takes no thread."""
        return len(contents) <= 1

    def show(self, name: str, content: str) -> None:
        """Let a table be this object."""
        if self.shows(name, content):
            return
        fault = self._effects.begin("show", name)
        if fault == "error" or not self.has(content):
            raise StateError(f"cannot publish {name}")
        self._state.tables[name] = content
        self._effects.end(fault)

    def shows(self, name: str, content: str) -> bool:
        """Whether a table is this object."""
        return self._state.tables.get(name) == content and self.has(content)

    def hide(self, name: str) -> None:
        """Take a table away."""
        self._effects.end(self._effects.begin("hide", name))
        self._state.tables.pop(name, None)

    def shown(self) -> frozenset[str]:
        """The tables there are."""
        return frozenset(self._state.tables)

    def stored(self) -> dict[str, StoredObject]:
        """All objects."""
        return {c: StoredObject(1, self._state.written_at.get(c, 0.0)) for c in self._state.objects}

    def damaged(self, contents: Iterable[str]) -> tuple[str, ...]:
        """Nothing rots here."""
        return ()

    def slice(self, contents: Sequence[str], after: str, bytes_max: int) -> tuple[str, ...]:
        """All of them."""
        return tuple(contents)

    def views_stamp(self) -> str | None:
        """What tells the file of views from any other."""
        return None if self._state.views is None else f"at {self._state.views.revision}"

    def views_content(self) -> str | None:
        """The hash of the file of views."""
        return None if self._state.views is None else f"of {self._state.views.revision}"


class Held:
    """The right to write."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def intact(self) -> bool:
        """Nobody deletes the state here."""
        return True
