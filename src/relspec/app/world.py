"""The state of one project in memory: a mutable host with indexes, changed by the steps of a build and by nothing else.

What changed since the last commit is noted by name; `app/delta.py` turns the notes into one value for the
store. All look-ups of datasets go by lower-case name, as DuckDB's do.
"""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from relspec.app.digests import Sums
from relspec.app.extractions import Extractions
from relspec.app.incumbents import with_incumbents
from relspec.app.lost import rebased
from relspec.app.notes import Carried, Notes
from relspec.app.registry import registry_of
from relspec.app.shown import Form, Shown
from relspec.app.unsure import Unsure
from relspec.core.dataset import Dataset
from relspec.core.diff import Recompilation
from relspec.core.digest import digest_of
from relspec.core.errors import UnknownNameError
from relspec.core.graph import TaskGraph
from relspec.core.layout import Layout
from relspec.core.mentions import Mentions
from relspec.core.plan import ABSENT, CompileRecord, PlanArtifact
from relspec.core.problem import Problem
from relspec.core.reason import Reason
from relspec.core.schema import Schema
from relspec.core.settings import Settings
from relspec.core.sources import SourceFiles
from relspec.core.spec import Kind, TaskCatalog, TaskSpec, catalog_of
from relspec.core.state import DigestRow, MemoRow, Output, RunRecord, Saved, SourceState, TaskStatus
from relspec.core.toolchain import Toolchain
from relspec.core.tree import Tree
from relspec.core.work import ExtractorSpec, Loaded, LoadFailed


class World:
    """Everything that the daemon knows. `unsettled` are tasks that no run has brought to rest yet.

    `unsure` keeps the warnings.
    """

    def __init__(self, layout: Layout, settings: Settings, saved: Saved, toolchain: Toolchain) -> None:
        self.layout = layout
        self.settings = settings
        self.registry = registry_of(settings, {})
        self.toolchain = toolchain
        self.retooled = saved.toolchain != toolchain.whole
        self.revision, self.run = saved.revision, saved.run
        self.tree: Tree = saved.files
        self.modules: dict[str, Loaded | LoadFailed] = {}
        self.troubled_modules: set[str] = set()
        self.sources: dict[str, SourceState] = {}
        self.troubled_sources: set[str] = set()
        self.records: dict[str, CompileRecord] = {}
        self.plans: dict[str, PlanArtifact] = dict(saved.plans)
        self.outputs: dict[str, Output] = {o.output.lower(): o for o in saved.outputs.values()}
        self.statuses: dict[str, TaskStatus] = dict(saved.statuses)
        self.assigned: dict[str, SourceFiles] = {}
        self.loose_problems: dict[str, tuple[Problem, ...]] = {}
        self.failures: dict[str, tuple[str, Problem]] = {}
        #: Tasks with plans whose edges are not all in the graph: they would close a circle there.
        self.unconnected: set[str] = set()
        self.edge_failures: dict[str, Problem] = {}
        self.sums = Sums(toolchain.engine, self.sources)
        self.extractions = Extractions(str(layout.objects))
        self.has_built = self.has_told = False
        self.running: dict[str, float] = {}
        self.pending: set[str] = set()
        self.recompilations: dict[str, Recompilation] = {}
        self.unsettled: set[str] = set()
        self.moved: set[str] = set()
        #: Names of outputs that are gone, until their readers were compiled.
        self.removed: set[str] = set()
        self.look_again: set[str] = set()
        #: How often task files were loaded in a row from other bytes than those that were looked at.
        self.unsteady: Counter[str] = Counter()
        self.lost_objects: set[str] = set()
        self.notes = Notes()
        self.carried = Carried()
        #: The run of a build that was cancelled between its commit and its end, so that nobody heard of it.
        self.untold: RunRecord | None = None
        self.shown = Shown(self._form)
        self.unsure = Unsure(self.plans)
        self.graph = TaskGraph()
        self.catalog = TaskCatalog({}, {}, ())
        self.misdeclared: dict[str, Problem] = {}
        self._source_names: dict[str, str] = {}
        self._modules_by_file = Mentions()
        self._must_declare = True
        self._asked_by = Mentions()
        self._used_by = Mentions()
        self._take_up(saved)

    # What is known

    def schema(self, dataset: str) -> Schema | None:
        """The schema of a source or an output by name; `None` where none is known."""
        source = self.source(dataset)
        if source is not None:
            found = source.dataset
            return None if found is None else found.schema
        plan = self.producer_plan(dataset)
        return None if plan is None else plan.schema

    def source(self, dataset: str) -> SourceState | None:
        """A source by name."""
        name = self._source_names.get(dataset.lower())
        return None if name is None else self.sources.get(name)

    def producer(self, dataset: str) -> TaskSpec | None:
        """The task that produces `dataset`."""
        return self.catalog.by_output.get(dataset.lower())

    def producer_plan(self, dataset: str) -> PlanArtifact | None:
        """The last good plan of the task that produces `dataset`."""
        spec = self.producer(dataset)
        return None if spec is None else self.plans.get(spec.name)

    def view_plan(self, dataset: str) -> PlanArtifact | None:
        """The plan of `dataset` if that is a view."""
        spec = self.producer(dataset)
        return self.plans.get(spec.name) if spec is not None and spec.kind is Kind.VIEW else None

    def dataset(self, name: str) -> Dataset | None:
        """The current version of a stored dataset: a source, or an output's current object."""
        source = self.source(name)
        if source is not None:
            return source.dataset
        output = self.outputs.get(name.lower())
        return None if output is None else output.dataset(self.layout.object(output.content))

    def asked_digest(self, dataset: str) -> str:
        """What a compilation that looks at `dataset` sees of it, as one digest."""
        view = self.view_plan(dataset)
        if view is not None:
            # The text too: readers execute it, and with another star it means the same only as long as inputs stay.
            return digest_of("view", view.fingerprint, view.sql)
        schema = self.schema(dataset)
        if schema is None:
            # What is unreadable, or made by a task without a plan, is not absent: its readers hear of another reason.
            return ABSENT if self.is_absent(dataset) else digest_of("unreadable")
        return digest_of("schema", *(c for col in schema.columns for c in (col.name, col.type)), repr(schema.metadata))

    def is_absent(self, dataset: str) -> bool:
        """Whether nothing of that name is known: neither a source, nor a task that would make it."""
        return self.source(dataset) is None and self.producer(dataset) is None

    def dataset_names(self) -> tuple[str, ...]:
        """All names that a query may mention."""
        return tuple(sorted({*self.sources, *(s.output for s in self.catalog.by_output.values())}))

    def task_named(self, name: str) -> str:
        """Find a task by its name, or by its output; raises UnknownNameError."""
        spec = self.catalog.by_name.get(name) or self.catalog.by_output.get(name.lower())
        if spec is None:
            known = [*self.catalog.by_name, *(s.output for s in self.catalog.by_output.values())]
            raise UnknownNameError("task", name, known)
        return spec.name

    def asked_by(self, dataset: str) -> frozenset[str]:
        """The tasks that looked at the schema of `dataset` when they were compiled."""
        return self._asked_by.of(dataset.lower())

    def used_by(self, path: str) -> frozenset[str]:
        """The tasks that a file went into."""
        return self._used_by.of(path)

    def content(self, path: str) -> str | None:
        """The content hash of a code file as last scanned."""
        entry = self.tree.get(path)
        return None if entry is None else entry.content

    def shown_path(self, path: str) -> str:
        """A path as the tree knows it: relative to the project where it lies in there."""
        return path.removeprefix(f"{self.layout.root}/")

    def extractors(self) -> tuple[ExtractorSpec, ...]:
        """All extractors that are declared, by name."""
        return self.extractions.specs(self.settings.extractors)

    # What changes

    def _take_up(self, saved: Saved) -> None:
        """Go on from what was remembered."""
        for path, module in saved.modules.items():
            self.put_module(path, module)
        for name, source in saved.sources.items():
            self.put_source(name, rebased(source, self.layout))
        for task, record in saved.records.items():
            self.put_record(task, record)
        self._declare()
        self.unconnected |= self.graph.fill([(plan.task, plan.output, plan.deps) for plan in self.plans.values()])
        self.shown.remember(self.plans)
        if self.retooled:
            self.unsettled |= self.catalog.by_name.keys()
            self.look_again |= {f.path for s in self.sources.values() if not s.extracted for f in s.files}
        self.notes = Notes()

    def put_module(self, path: str, module: Loaded | LoadFailed | None) -> None:
        """Set what a task file declares; `None` when it is gone. Call `declare()` after the last one."""
        before = self.modules.pop(path, None)
        if before is not None:
            self._modules_by_file.drop(path, (use.path for use in before.files))
        self.troubled_modules.discard(path)
        self.extractions.declare(path, module)
        if module is not None:
            self.modules[path] = module
            self._modules_by_file.add(path, (use.path for use in module.files))
            if isinstance(module, LoadFailed) or module.problems:
                self.troubled_modules.add(path)
        if not (isinstance(before, Loaded) and isinstance(module, Loaded) and before.tasks == module.tasks):
            self._must_declare = True
        self.notes.modules.add(path)

    def modules_of(self, path: str) -> frozenset[str]:
        """The task files that a file went into."""
        return self._modules_by_file.of(path)

    def tasks_of(self, paths: Iterable[str]) -> frozenset[str]:
        """The tasks that some task files declare, or declared when they last loaded."""
        loaded = (m for p in paths if isinstance(m := self.modules.get(p), Loaded))
        declared = {spec.name for module in loaded for spec in module.tasks}
        failed = {t for p in paths if isinstance(self.modules.get(p), LoadFailed) for t in self.used_by(p)}
        return frozenset((declared | failed) & self.catalog.by_name.keys())

    def put_source(self, name: str, source: SourceState | None, *, moved: bool = True) -> None:
        """Set a source, `None` when it is gone; `moved` is false when a touch gave it other stamps and nothing else."""
        self.troubled_sources.discard(name)
        self.notes.files_of(name, self.sources.get(name), source)
        if source is None:
            self._must_declare |= self.sources.pop(name, None) is not None
            self._source_names.pop(name.lower(), None)
        else:
            self._must_declare |= name not in self.sources
            self.sources[name] = source
            self._source_names[name.lower()] = name
            if source.problems:
                self.troubled_sources.add(name)
        (self.notes.sources if moved else self.notes.restamped).add(name)

    def put_record(self, task: str, record: CompileRecord | None) -> None:
        """Set what the last compilation of a task looked at, and keep the reverse indexes right."""
        old = self.records.pop(task, None)
        if old is not None:
            self._asked_by.drop(task, (dataset.lower() for dataset, _ in old.asked))
            self._used_by.drop(task, (use.path for use in old.files))
        if record is not None:
            self.records[task] = record
            self._asked_by.add(task, (dataset.lower() for dataset, _ in record.asked))
            self._used_by.add(task, (use.path for use in record.files))
        self.notes.records.add(task)

    def note_recompilation(self, task: str, causes: tuple[Reason, ...]) -> None:
        """Note that a task is about to be compiled, and why, until a run brings it to rest."""
        known = self.recompilations.get(task)
        fresh = Recompilation(causes, self.plans.get(task))
        self.recompilations[task] = fresh if known is None else known.then(causes)

    def put_plan(self, plan: PlanArtifact) -> None:
        """Set the plan of a task and its edges."""
        self._note_plan(plan.task)
        self.plans[plan.task] = plan
        self._note_plan(plan.task)
        self.connect(plan)

    def put_output(self, name: str, output: Output | None) -> None:
        """Set the current object of an output; `None` when the output is gone."""
        if output is None:
            gone = self.outputs.pop(name.lower(), None)
            self.notes.outputs.add(name if gone is None else gone.output)
        else:
            before = self.outputs.get(name.lower())
            # Another spelling of the name is another row of the store, and another file for readers.
            self.notes.outputs |= {output.output} if before is None else {output.output, before.output}
            self.outputs[name.lower()] = output

    def put_status(self, name: str, status: TaskStatus | None) -> None:
        """Set a line of `status`."""
        if status is None:
            self.statuses.pop(name, None)
        elif self.statuses.get(name) != status:
            self.statuses[name] = status
        else:
            return
        self.notes.statuses.add(name)

    def declare(self) -> tuple[frozenset[str], frozenset[str]]:
        """Make the catalog anew from modules and sources; the names of tasks that came or changed, and that went.

        A task that only moved within its file neither came nor changed.
        """
        if not self._must_declare:
            return frozenset(), frozenset()
        before, self._must_declare = self.catalog.by_name, False
        self._declare()
        after = self.catalog.by_name
        came = frozenset(n for n, s in after.items() if n not in before or not _same(before[n], s))
        gone = frozenset(before.keys() - after.keys())
        return came, gone

    def remove_task(self, task: str) -> None:
        """Forget a task that is no longer declared, with its output."""
        self._note_plan(task)
        plan = self.plans.pop(task, None)
        self.put_record(task, None)
        self.put_status(task, None)
        self.graph.remove(task)
        self.unconnected.discard(task)
        self.unsettled.discard(task)
        self.recompilations.pop(task, None)
        self.failures.pop(task, None)
        if plan is not None and self.producer(plan.output) is None:
            self.put_output(plan.output, None)

    def carry(self, memo: list[MemoRow], digests: Iterable[DigestRow], made: set[str]) -> None:
        """Keep what was done for the next commit."""
        self.carried.memo += memo
        self.carried.digests += digests
        self.carried.objects |= made

    def taken_objects(self) -> frozenset[str]:
        """The objects that files of sources noted since the last commit are made of."""
        taken = (file.taken for file in self.notes.source_files.values() if file is not None)
        return frozenset(t.part.content for t in taken if t is not None and t.part.stamp is None)

    def committed(self) -> None:
        """Forget the notes: they are in the store. What readers will see of them is still to be published."""
        self.shown.commit(self.notes)
        self.notes = Notes()
        self.carried = Carried()
        self.retooled = False

    def module_problem(self, task: str) -> Problem | None:
        """Why the file that declares `task` does not load; `None` when it does."""
        module = self.modules.get(self.catalog.by_name[task].builder.path)
        return module.problem if isinstance(module, LoadFailed) else None

    def _note_plan(self, task: str) -> None:
        """Note that the plan of a task moves, with the outputs by which others know it."""
        self.notes.plans.setdefault(task, self.plans.get(task))
        known = (self.plans.get(task), self.catalog.by_name.get(task))
        self.unsure.move([task], [made.output for made in known if made is not None])

    def connect(self, plan: PlanArtifact) -> tuple[str, ...]:
        """Set the edges of a plan; where they would close a circle its tasks, and the edges are left out."""
        circle = self.graph.put(plan.task, plan.output, plan.deps)
        (self.unconnected.add if circle else self.unconnected.discard)(plan.task)
        return circle

    def _form(self, task: str) -> Form | None:
        """What of a task decides how its output is published."""
        spec, plan = self.catalog.by_name.get(task), self.plans.get(task)
        if spec is None or plan is None:
            return None
        query = f"{plan.sql} {plan.schema.columns} {plan.deps.inputs}" if spec.kind is Kind.VIEW else ""
        return (spec.output, spec.kind, query)

    def declared_problem(self, task: str) -> Problem | None:
        """Why the declaration of `task` does not hold: its file does not load, or it clashes or is wrong."""
        return self.misdeclared.get(task) or self.module_problem(task)

    def _declare(self) -> None:
        # A file that does not load keeps the tasks that it declared when it last did: they fail, they do not vanish.
        specs = [s for m in self.modules.values() if isinstance(m, Loaded) for s in m.tasks]
        failed = {path for path, m in self.modules.items() if isinstance(m, LoadFailed)}
        if failed:
            specs += [r.spec for r in self.records.values() if r.spec.builder.path in failed]
        places = dict.fromkeys(self.sources, "an extractor's table")
        places |= {name: found.spec.pattern for name, found in self.assigned.items()}
        before = self.catalog
        self.catalog, self.misdeclared = with_incumbents(catalog_of(specs, places), self)
        self.unsettled |= self.misdeclared.keys()
        self.unsure.redeclare(before, self.catalog)


def _same(before: TaskSpec, after: TaskSpec) -> bool:
    return before is after or replace(before, line=0) == replace(after, line=0)
