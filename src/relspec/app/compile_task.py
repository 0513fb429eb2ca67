"""Compiles one task: builder -> query text -> analysis -> plan, or the problem that stands in the way.

The builder says what it wants to see; what is known is given, what is unknown is a problem with the nearest name.
"""

import re
from collections import Counter
from collections.abc import Container, Mapping

import msgspec

from relspec.app.ports import CodeReader, Engines, LoaderSession
from relspec.app.trouble import code_of, misfit_view, next_step
from relspec.app.world import World
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.plan import (
    ABSENT,
    CompileRecord,
    FileUse,
    InferredDeps,
    PlanArtifact,
    Requirement,
    fingerprint_of,
)
from relspec.core.problem import Code, Problem
from relspec.core.schema import Schema
from relspec.core.spec import Kind, Language, TaskSpec, cycle_problem
from relspec.core.suggest import closest
from relspec.core.work import Analyse, Analysed, BuildFailed, Built, Named, Needs, ViewQuery

#: A builder that keeps asking for further datasets is given up after so many rounds.
_ROUNDS_MAX = 1000

#: What the engine may call a column that is gone: in a subquery it says that the whole table is not there.
_OF_A_LOST_COLUMN = frozenset({Code.UNKNOWN_COLUMN, Code.SQL, Code.TYPE, Code.UNSUPPORTED_SQL})


_WORD = re.compile(r"\w+")

Outcome = tuple[CompileRecord, PlanArtifact | None] | frozenset[str]


class _Query(msgspec.Struct, frozen=True):
    """The query text of a task, and what obtaining it looked at."""

    text: str
    built: Built | None


class TaskCompiler(msgspec.Struct, frozen=True):
    """Compiles single tasks against what the world knows."""

    world: World
    engines: Engines
    session: LoaderSession
    code: CodeReader

    def guess(self, task: str) -> frozenset[str]:
        """The datasets whose names are words of a task's SQL: most often those that it reads. Cost: reads its file."""
        spec = self.world.catalog.by_name[task]
        if spec.builder.language is Language.PYTHON:
            return frozenset()
        try:
            read = self.code.read_code(spec.builder.path)
        except InputMovedError:
            return frozenset()
        words = set() if isinstance(read, Problem) else set(_WORD.findall(_text(read[1])))
        # A name goes on as it is written, so it has to be clear which word is the name.
        spelled = Counter(map(str.lower, words))
        return frozenset(w for w in words if spelled[w.lower()] == 1 and self._is_other(w, task))

    def _is_other(self, name: str, task: str) -> bool:
        return self.world.source(name) is not None or self._producer(name) not in (None, task)

    async def compile(
        self, task: str, wanted: frozenset[str], pending: Container[str], guesses: frozenset[str] = frozenset()
    ) -> Outcome:
        """Give the record and, where all is well, the plan; or the datasets that `pending` tasks have to give first.

        The task itself may be pending too; it has not to wait for itself. With good `guesses` one question is enough.
        """
        spec = self.world.catalog.by_name[task]
        record = self.world.records.get(task)
        hint = wanted or (frozenset() if record is None else frozenset(d for d, _ in record.asked))
        # What a pending task produces is left out: if the query really mentions it, the answer says so.
        names = {n for n in hint if (p := self._producer(n)) != task and p not in pending}
        guessed = {n for n in guesses - names if self.world.schema(n) is not None and self._producer(n) not in pending}
        for _ in range(_ROUNDS_MAX):
            # What was seen is noted before it is used: it may move while the task is compiled.
            given = names | guessed
            seen = {n: self.world.asked_digest(n) for n in given}
            behind = {n: self.world.asked_digest(n) for n in self._behind(given)}
            answer = await self._attempt(spec, given)
            if guessed and not isinstance(answer, (Needs, tuple)):
                # What stands in the way is told of a text and of what it names, whatever was guessed.
                guessed = set()
                continue
            seen = {n: d for n, d in seen.items() if n in given}
            names &= given
            if isinstance(answer, Problem) and answer.code in _OF_A_LOST_COLUMN:
                # Where a query does not hold, what its views are made of counts too: it may be that which moved.
                seen = behind | seen
            if not isinstance(answer, Needs):
                return self._finish(spec, seen, answer)
            late = {n.name for n in answer.datasets if (p := self._producer(n.name)) != task and p in pending}
            unknown = (self._unknown(spec, n, given) for n in answer.datasets if n.name not in late)
            trouble = [problem for problem in unknown if problem is not None]
            if guessed and trouble:
                guessed = set()
                continue
            fresh = {n.name for n in answer.datasets} - given - late
            names |= fresh
            seen |= {n: self.world.asked_digest(n) for n in fresh}
            if late:
                return frozenset(names | late)
            if trouble:
                # What is missing is said before what is broken: whether that has a plan of a better time is chance.
                return self._finish(spec, seen, min(trouble, key=lambda problem: problem.code is Code.UPSTREAM))
            if not fresh:
                return self._finish(spec, seen, self._stuck(spec, answer.datasets))
        return self._finish(spec, {}, self._stuck(spec, ()))

    def _producer(self, dataset: str) -> str | None:
        spec = self.world.producer(dataset)
        return None if spec is None else spec.name

    async def _attempt(
        self, spec: TaskSpec, names: set[str]
    ) -> "Needs | Problem | BuildFailed | tuple[Analysed, _Query]":
        read_by_builder: tuple[FileUse, ...] = ()
        try:
            if spec.builder.language is Language.PYTHON:
                built = await self.session.build(spec, self._schemas(names))
                if not isinstance(built, Built):
                    return built
                names &= set(built.asked)
                read_by_builder = built.files
                query = _Query(built.text, built)
            else:
                read = self.code.read_code(spec.builder.path)
                if isinstance(read, Problem):
                    return read
                if not self._is_loaded(spec, read[0]):
                    return self._moved(spec, names)
                query = _Query(_text(read[1]), None)
                # What an earlier text read is nothing to wait for, nor to be compiled again for.
                names &= _written(query.text, names)
            analysed = await self.engines.analyse(self._analyse(spec, names, query))
        except InputMovedError:
            return self._moved(spec, names)
        except WorkerError as error:
            return self._died(spec, error, names, read_by_builder or error.files)
        return (analysed, query) if isinstance(analysed, Analysed) else analysed

    def _behind(self, names: set[str]) -> set[str]:
        """The stored datasets that the views among `names` read, without those that are among them by themselves."""
        views = [plan for n in names if (plan := self.world.view_plan(n)) is not None]
        tables = {n.lower() for n in names if self.world.view_plan(n) is None}
        return {n for plan in views for need in plan.deps.inputs if (n := need.dataset).lower() not in tables}

    def _analyse(self, spec: TaskSpec, names: set[str], query: _Query) -> Analyse:
        views = {n: plan for n in names if (plan := self.world.view_plan(n)) is not None}
        tables, behind = names - views.keys(), self._behind(names)
        stored = {n: s for n in tables | behind if (s := self.world.schema(n)) is not None}
        return Analyse(
            task=spec.name,
            path=spec.builder.path,
            line=spec.line,
            text=query.text,
            generated=query.built is not None,
            schemas=tuple(sorted(stored.items(), key=lambda item: item[0])),
            views=tuple(ViewQuery(p.output, p.sql, p.schema) for _, p in sorted(views.items())),
            cast=None if query.built is None else query.built.schema,
            udfs=() if query.built is None else query.built.udfs,
            stored=spec.kind is not Kind.VIEW,
            behind=frozenset(behind),
        )

    def _finish(
        self, spec: TaskSpec, seen: Mapping[str, str], answer: "Problem | BuildFailed | tuple[Analysed, _Query]"
    ) -> tuple[CompileRecord, PlanArtifact | None]:
        files = {use.path: use for use in self.world.modules[spec.builder.path].files}
        plan, problem, names = None, None, set(seen)
        if isinstance(answer, BuildFailed):
            problem = self._as_edge(spec, answer.problem)
            # What an earlier text asked for is nothing to wait for.
            names = set(answer.asked)
            files |= {use.path: use for use in answer.files}
        elif isinstance(answer, Problem):
            # What cannot be read names no dataset, whichever ones an earlier text named.
            names = set() if answer.code is Code.SYNTAX else names
            problem = self._as_edge(spec, self._as_upstream(spec, names, answer))
        else:
            plan, extra = self._plan(spec, *answer)
            files |= {use.path: use for use in extra}
            names = {n for n in names if n.lower() in _mentioned(plan) | _looked_at(answer[1])}
            problem = _view_with_udf(spec, plan)
        asked = tuple((n, seen.get(n) or self.world.asked_digest(n)) for n in sorted(names))
        record = CompileRecord(spec, tuple(files[p] for p in sorted(files)), asked, problem, self.world.toolchain.whole)
        return record, plan if problem is None else None

    def _plan(self, spec: TaskSpec, analysed: Analysed, query: _Query) -> tuple[PlanArtifact, tuple[FileUse, ...]]:
        built = query.built
        metadata = () if built is None else built.metadata
        inputs = tuple(
            Requirement(n.dataset, n.columns, tuple((k, v) for d, k, v in metadata if d.lower() == n.dataset.lower()))
            for n in analysed.inputs
        )
        udfs = () if built is None else built.udfs
        plan = PlanArtifact(
            task=spec.name,
            output=spec.output,
            sql=analysed.sql,
            canonical=analysed.canonical,
            aspects=analysed.aspects,
            schema=analysed.schema,
            deps=InferredDeps(inputs, analysed.views),
            lineage=analysed.lineage,
            udfs=udfs,
            coarse=analysed.coarse,
            fingerprint=fingerprint_of(spec.output, analysed.canonical, analysed.schema, inputs, udfs),
            repeatability=analysed.repeatability,
        )
        return plan, () if built is None else built.files

    def _schemas(self, names: set[str]) -> dict[str, Schema]:
        return {n: s for n in names if (s := self.world.schema(n)) is not None}

    def _unknown(self, spec: TaskSpec, named: Named, names: set[str]) -> Problem | None:
        """Why nothing is known of a dataset; `None` when its schema is known. The query looks at `names`."""
        world, name = self.world, named.name
        producer = world.producer(name)
        if producer is not None and producer.name == spec.name:
            return cycle_problem(spec, (spec.name,))
        if world.schema(name) is not None:
            return None
        if producer is not None:
            return upstream_problem(spec, producer.name)
        broken = misfit_view(world, names) if name in self._behind(names) else None
        if broken is not None:
            # The text does not name it: a view does, which is told of it.
            return upstream_problem(spec, broken)
        place = (spec.builder.path, named.line, named.column)
        source = world.source(name)
        if source is not None and source.problems:
            message = f"{name} cannot be used: {source.problems[0].message}"
            return Problem(Code.UPSTREAM, spec.name, *place, message, None)
        # A suggestion must not be the task itself, nor what is made of it: that would be a cycle.
        below = {world.catalog.by_name[t].output for t in world.graph.cone([spec.name], [])} | {spec.output, name}
        near = closest(name, (known for known in world.dataset_names() if known not in below))
        known = ", ".join(world.dataset_names()[:12]) or "none"
        hint = f"did you mean {near!r}?" if near is not None else f"known datasets: {known}"
        return Problem(Code.UNKNOWN_DATASET, spec.name, *place, f"no source or task output is named {name!r}", hint)

    def _as_upstream(self, spec: TaskSpec, names: set[str], problem: Problem) -> Problem:
        """Name the broken view when its last good text, put into a query, no longer holds against its inputs."""
        if problem.code not in _OF_A_LOST_COLUMN:
            return problem
        broken = misfit_view(self.world, names)
        return problem if broken is None else upstream_problem(spec, broken)

    def _as_edge(self, spec: TaskSpec, problem: Problem) -> Problem:
        """Name the edge when a column is gone from an input while the task itself did not change."""
        record, plan = self.world.records.get(spec.name), self.world.plans.get(spec.name)
        if problem.code not in _OF_A_LOST_COLUMN or plan is None or record is None or _is_own(record.problem):
            return problem
        if {f.path: f.content for f in record.files} != {f.path: self.world.content(f.path) for f in record.files}:
            return problem
        for need in (*plan.deps.inputs, *plan.deps.views):
            schema = self.world.schema(need.dataset)
            missing = [] if schema is None else [c.name for c in need.columns if schema.column(c.name) is None]
            if missing and schema is not None:
                there = ", ".join(f"{c.name} {c.type}" for c in schema.columns)
                columns = ", ".join(repr(c) for c in missing)
                message = f"{need.dataset} no longer offers {columns}, which {spec.name} requires (there is: {there})"
                hint = f"put the column back, or change {spec.builder.path}"
                return Problem(Code.EDGE, spec.name, problem.path, problem.line, problem.column, message, hint)
        return problem

    def _stuck(self, spec: TaskSpec, datasets: tuple[Named, ...]) -> Problem:
        names = ", ".join(d.name for d in datasets) or "ever more datasets"
        message = f"the builder of {spec.name} keeps asking for {names}"
        return Problem(Code.BUILDER, spec.name, spec.builder.path, spec.line, 1, message, "name fixed datasets")

    def _is_loaded(self, spec: TaskSpec, content: str) -> bool:
        path = spec.builder.path
        return any(use == FileUse(path, content) for use in self.world.modules[path].files)

    def _moved(self, spec: TaskSpec, names: set[str]) -> BuildFailed:
        """The file is not what was loaded: whatever it is when it is looked at again, it is compiled again then."""
        path = spec.builder.path
        self.world.look_again.add(path)
        message, hint = f"{path} changed while it was compiled", "it is compiled again when it holds still"
        problem = Problem(Code.UNREADABLE, spec.name, path, spec.line, 1, message, hint)
        return BuildFailed(problem, tuple(names), (FileUse(path, ABSENT),))

    def _died(self, spec: TaskSpec, error: WorkerError, names: set[str], files: tuple[FileUse, ...]) -> BuildFailed:
        code = code_of(error)
        message = f"compiling {spec.name} ended its process: {error}"
        problem = Problem(code, spec.name, spec.builder.path, spec.line, 1, message, next_step(code, "build"))
        return BuildFailed(problem, tuple(names), files)


def upstream_problem(spec: TaskSpec, upstream: str) -> Problem:
    """Say that `spec` waits for a task that has never been compiled."""
    message = f"{spec.name} needs the output of {upstream}, which has a problem"
    return Problem(Code.UPSTREAM, spec.name, spec.builder.path, spec.line, 1, message, None)


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")


def _written(text: str, names: set[str]) -> set[str]:
    """Those of `names` that a query may mention, by the words of its text."""
    words = set(_WORD.findall(text.lower()))
    return {name for name in names if words.issuperset(_WORD.findall(name.lower()))}


def _is_own(problem: Problem | None) -> bool:
    return problem is not None and not problem.blocks


def _mentioned(plan: PlanArtifact) -> frozenset[str]:
    return frozenset(n.dataset.lower() for n in (*plan.deps.inputs, *plan.deps.views))


def _looked_at(query: _Query) -> frozenset[str]:
    """What a builder looked at, also where its query reads nothing of it: a column name or metadata decides too."""
    return frozenset() if query.built is None else frozenset(n.lower() for n in query.built.asked)


def _view_with_udf(spec: TaskSpec, plan: PlanArtifact) -> Problem | None:
    if spec.kind is not Kind.VIEW or not plan.udfs:
        return None
    message = f"{spec.name} is a view and calls the Python UDF {plan.udfs[0].name}: whoever reads a view runs its query"
    hint = 'make it kind="compute", then its table is stored'
    return Problem(Code.OUTPUT_SCHEMA, spec.name, spec.builder.path, spec.line, 1, message, hint)
