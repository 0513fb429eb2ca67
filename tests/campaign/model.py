"""The rule of what must run, modelled slowly on its own: a memo by key, restored when known, cut off when the same.

A task's key is its name, its meaning, the columns that it gives, and for every stored input the required columns with
their types and the bag of their values. Nothing here asks the product for anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.campaign.files import Files, used_files
from tests.campaign.meaning import BrokenError, Meaning, Meanings
from tests.campaign.oracle import Table
from tests.campaign.shape import FAMILIES, Project, Task, inputs

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong in one version of a project; `order` are the tasks that are well, each after what it reads."""

    failed: frozenset[str]
    blocked: frozenset[str]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a build has to say.

    Tasks of which it is not known which columns the engine reads are in neither list: `either` have to be executed or
    restored, `perhaps` may be.
    `recompiled` are the tasks that must be, `at_most` those that may be: whether the SQL of a Python view, or of views
    in views, came out in other words is not for the model to know. Both are `None` where something is or was broken:
    then the model does not say.
    """

    executed: tuple[str, ...]
    restored: tuple[str, ...]
    either: frozenset[str]
    perhaps: frozenset[str]
    recompiled: tuple[str, ...] | None
    at_most: tuple[str, ...] | None
    health: Health


def health_of(project: Project, drifted: Mapping[str, frozenset[str]]) -> Health:
    """Who is broken and who is blocked. `drifted` names columns of sources that changed into another kind of type."""
    meanings = Meanings(project)
    spoilt = {t.path for t in project.tasks if t.broken}
    failed = {t.name for t in project.tasks if t.path in spoilt}
    blocked: set[str] = set()
    order: list[str] = []
    left = [t for t in project.tasks if t.name not in failed]
    while left:
        task = next((t for t in left if not {*inputs(t.query)} & {x.name for x in left}), None)
        assert task is not None, "the generator made a cycle"
        left.remove(task)
        if {*inputs(task.query)} & (blocked | failed) or _is_wrong(meanings, task, drifted):
            blocked.add(task.name)
        else:
            order.append(task.name)
    return Health(frozenset(failed), frozenset(blocked), tuple(order))


def _is_wrong(meanings: Meanings, task: Task, drifted: Mapping[str, frozenset[str]]) -> bool:
    try:
        meanings.shape(task.name)
        required = meanings.of(task.query).required
    except BrokenError:
        return True
    return any(required.get(name, frozenset()) & columns for name, columns in drifted.items())


@dataclass
class Model:
    """The memo of one workspace, and what every output holds now."""

    memo: dict[Key, str] = field(default_factory=dict)
    current: dict[str, Key] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    #: Tasks that were doubtful once: what is remembered of them is not known.
    _doubted: set[str] = field(default_factory=set)
    _seen: dict[str, tuple[Key, Key]] = field(default_factory=dict)
    _was_well: bool = True

    def restart(self) -> None:
        """Forget what the policy `session` remembers, but for what is current."""
        kept = set(self.current.values())
        self.memo = {k: policy for k, policy in self.memo.items() if policy != "session" or k in kept}

    def step(self, project: Project, files: Files, tables: Mapping[str, Table], health: Health) -> Expectation:
        """Say what a build of this version has to do, and take over what it leaves."""
        meanings = Meanings(project)
        for name in [n for n in self.current if project.task(n) is None]:
            del self.current[name]
            self.tables.pop(name, None)
        lists: dict[str, list[str]] = {"executed": [], "restored": [], "either": [], "perhaps": []}
        for name in health.order:
            task = project.task(name)
            assert task is not None
            self.tables[name] = tables[name]
            if not task.is_stored:
                # What it was as a table is remembered, but no longer there.
                self.current.pop(name, None)
                continue
            meaning = meanings.of(task.query)
            key = _key(task, meaning, tables)
            if meaning.doubtful:
                self._doubted.add(name)
            if self.current.get(name) == key:
                lists["perhaps"] += [name] if name in self._doubted else []
                continue
            lists["either" if name in self._doubted else "restored" if key in self.memo else "executed"].append(name)
            self.current[name] = key
            policy = task.policy or {"compute": "session"}.get(task.kind, "persistent")
            if policy != "none":
                self.memo.setdefault(key, policy)
        recompiled, at_most = self._recompiled(project, files, tables, health)
        executed, restored = (tuple(sorted(lists[k])) for k in ("executed", "restored"))
        either, perhaps = (frozenset(lists[k]) for k in ("either", "perhaps"))
        return Expectation(executed, restored, either, perhaps, recompiled, at_most, health)

    def _recompiled(
        self, project: Project, files: Files, tables: Mapping[str, Table], health: Health
    ) -> tuple[tuple[str, ...], tuple[str, ...]] | tuple[None, None]:
        """The tasks whose own files or whose inputs' columns are not what they were when they were last compiled."""
        well = not health.failed and not health.blocked
        was_well, self._was_well = self._was_well, well
        if not well:
            return None, None
        sight = _Sight(project, files, tables)
        before, self._seen = (
            self._seen,
            {t.name: (sight.of(t, doubtful=False), sight.of(t, doubtful=True)) for t in project.tasks},
        )
        if not was_well:
            return None, None
        moved = [[t for t, seen in self._seen.items() if t not in before or seen[i] != before[t][i]] for i in (0, 1)]
        return tuple(sorted(moved[0])), tuple(sorted({*moved[0], *moved[1]}))


def _key(task: Task, meaning: Meaning, tables: Mapping[str, Table]) -> Key:
    language = "python" if task.is_python else "sql"
    bags = tuple((name, tables[name].bag(columns)) for name, columns in sorted(meaning.required.items()))
    return (task.name, language, meaning.form, tables[task.name].columns, bags)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What compilations look at: their files, and of every input the columns, or the query where it is a view."""

    project: Project
    files: Files
    tables: Mapping[str, Table]

    def of(self, task: Task, *, doubtful: bool) -> Key:
        """What one compilation looks at; with `doubtful` also all that may have gone into the SQL of views.

        Of Python it must look only at what the query means: where the text proves that it is as it was, it need not.
        """
        proved = task.is_python and not doubtful
        text: object = Meanings(self.project).of(task.query).form if proved else self._texts(task)
        return (task.kind, task.policy, text, *self._inputs(task, doubtful=doubtful))

    def _inputs(self, task: Task, *, doubtful: bool) -> Iterable[object]:
        for name in sorted(inputs(task.query)):
            upstream = self.project.task(name)
            if upstream is None or upstream.is_stored:
                yield (name, "table", self.tables[name].columns)
                continue
            meaning = Meanings(self.project).of(upstream.query)
            types = tuple((n, self.tables[n].bag(c)[0]) for n, c in sorted(meaning.required.items()))
            spelled = self._spelled(upstream, doubtful=doubtful)
            yield (name, "view", meaning.form, types, self.tables[name].columns, spelled)

    def _spelled(self, view: Task, *, doubtful: bool) -> object:
        """A view's text, which readers execute: its file where no other view is put into it, else only a doubt."""
        if doubtful:
            return self.of(view, doubtful=True)
        inner = (self.project.task(name) for name in inputs(view.query))
        is_file = not view.is_python and all(t is None or t.is_stored for t in inner)
        return self.files[view.path] if is_file else ""

    def _texts(self, task: Task) -> Key:
        return tuple((path, self.files[path]) for path in used_files(self.project, task.path))


def drifted_between(before: Project, after: Project) -> dict[str, frozenset[str]]:
    """The columns of sources whose types changed into another family."""
    found: dict[str, frozenset[str]] = {}
    for source in after.sources:
        old = before.source(source.name)
        types = {} if old is None else {c.name: FAMILIES[c.type] for c in old.columns}
        moved = {c.name for c in source.columns if c.name in types and types[c.name] != FAMILIES[c.type]}
        if moved:
            found[source.name] = frozenset(moved)
    return found
