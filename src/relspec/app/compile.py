"""Compiles the tasks whose source, imports or asked schemas moved, and only those.

The order is found while going: a task that looks at the output of a task which is itself waiting, waits for it. When
nothing runs and tasks still wait, some wait for each other, and are left. A schema that comes out other than before
makes its readers stale in turn; one that comes out the same stops there. At the end `circles.py` says who waits.
"""

import asyncio
from collections.abc import Callable, Container, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from msgspec.structs import replace

from relspec.app.adopt import adopt
from relspec.app.causes import causes_of, moved_files
from relspec.app.circles import connect, freed_of, is_sound, name_waiting
from relspec.app.compile_task import TaskCompiler
from relspec.app.line import Line
from relspec.app.turns import in_turns
from relspec.app.world import World
from relspec.core import waits
from relspec.core.plan import CompileRecord, PlanArtifact, is_same_query
from relspec.core.problem import Code, Problem
from relspec.core.reason import Reason, Rule
from relspec.core.spec import cycle_problem
from relspec.core.types import type_family
from relspec.core.validation import failed_edges

_TRIED_AGAIN = (Reason(Rule.TRIED_AGAIN, "it had a problem, and code of the project changed or a build was asked for"),)


@dataclass
class Compilation:
    """One pass of compiling, after `touched` paths changed.

    `hopeful` tasks are tried again in any case. `recompiled` tasks went through the compiler; of those `moved` have
    another plan. A query that still runs for the plan before is killed at once by `kill`, while others compile.
    """

    world: World
    compiler: TaskCompiler
    touched: frozenset[str]
    kill: Callable[[str], None]
    hopeful: frozenset[str] = frozenset()
    recompiled: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    causes: dict[str, tuple[Reason, ...]] = field(default_factory=dict)
    before: dict[str, PlanArtifact | None] = field(default_factory=dict)
    _wanted: dict[str, frozenset[str]] = field(default_factory=dict)
    _guessed: dict[str, frozenset[str]] = field(default_factory=dict)
    _waits_on_guesses: bool = True

    async def run(self, candidates: frozenset[str]) -> None:
        """Compile those of `candidates` that are stale, and all that becomes stale by it."""
        waiting: set[str] = set()
        async for task in in_turns(candidates):
            if self._examine(task) or self._is_hopeful(task):
                waiting.add(task)
        running: dict[asyncio.Task[None], str] = {}
        try:
            await self._pass(waiting, running)
            freed: set[str] = set()
            while left := freed_of(self.world) - freed:
                freed |= left
                await self._pass(left, running)
        finally:
            for unfinished in running:
                unfinished.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        name_waiting(self.world)
        connect(self.world)

    async def _pass(self, waiting: set[str], running: dict["asyncio.Task[None]", str]) -> None:
        """Compile all that waits, and what becomes stale by that; what waits for itself is left."""
        line = Line(waiting, self._needs)
        late: set[str] = set()
        while line.waiting or running:
            if len(running) < 2 * self.world.settings.limits.workers:
                for task in line.begin():
                    running[asyncio.create_task(self._compile(task, line))] = task
                    if len(running) >= 2 * self.world.settings.limits.workers:
                        break
            if not running and self._waits_on_guesses:
                # Those that wait may do so in vain: now they are asked.
                self._waits_on_guesses = False
                line.add(tuple(line.waiting))
                continue
            if not running:
                line.leave(self._leave(line.waiting))
                continue
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for finished in done:
                task = running.pop(finished)
                finished.result()
                line.end(task)
                if task in self._wanted or task in late or self._is_behind(task):
                    line.add((task,))
                    late.discard(task)
                if task not in self._wanted:
                    stale = self._made_stale_by(task)
                    # Who is being compiled may have seen what this one was before: once done, it goes again.
                    late |= stale & line.running
                    line.add(stale - late)

    def _is_hopeful(self, task: str) -> bool:
        return task in self.hopeful and is_sound(self.world, task)

    def _examine(self, task: str) -> bool:
        """Note the causes for compiling a task, or what speaks against it; whether it has to be compiled."""
        world = self.world
        world.edge_failures.pop(task, None)
        if not is_sound(world, task):
            return False
        spec, record = world.catalog.by_name[task], world.records.get(task)
        causes = tuple(causes_of(world, task, self.touched))
        if record is not None and record.spec.line != spec.line and not causes:
            world.put_record(task, replace(record, spec=spec))
        if record is not None and causes and all(cause.rule is Rule.SCHEMA_MOVED for cause in causes):
            problem = self._type_drift(record)
            if problem is not None:
                world.edge_failures[task] = problem
                world.unsettled.add(task)
                return False
        self.causes[task] = causes
        return bool(causes)

    def _type_drift(self, record: CompileRecord) -> Problem | None:
        """A required column of a source that changed into another family of types blocks its readers, untouched."""
        task, world = record.spec.name, self.world
        plan = world.plans.get(task)
        if plan is None or (record.problem is not None and not record.problem.blocks):
            return None
        needs = tuple(need for need in plan.deps.inputs if world.source(need.dataset) is not None)
        schemas = {n.dataset.lower(): s for n in needs if (s := world.schema(n.dataset)) is not None}
        for failure in failed_edges(task, tuple(n for n in needs if n.dataset.lower() in schemas), schemas):
            if any(type_family(wanted) != type_family(found) for _, wanted, found in failure.wrong_types):
                spec = record.spec
                hint = "restore the type in the data, or change the task to fit the new type and save it"
                return Problem(Code.EDGE, task, spec.builder.path, spec.line, 1, failure.sentence(), hint)
        return None

    def _needs(self, task: str) -> Iterator[str]:
        guesses = self._guess(task) if self._waits_on_guesses else frozenset()
        return (producer for d in self._wants(task) or guesses if (producer := self._producer(d)) is not None)

    def _guess(self, task: str) -> frozenset[str]:
        """What a task of which nothing is known may look at: it had better come after that."""
        if task in self._wanted or task in self.world.records:
            return frozenset()
        if task not in self._guessed:
            self._guessed[task] = self.compiler.guess(task)
        return self._guessed[task]

    def _wants(self, task: str) -> frozenset[str]:
        """The datasets that `task` is known to look at: found in this pass, or before if its own files did not move."""
        found = self._wanted.get(task)
        if found is not None:
            return found
        record = self.world.records.get(task)
        if record is None or any(moved_files(self.world, record, self.touched)):
            return frozenset()
        return frozenset(dataset for dataset, _ in record.asked)

    def _producer(self, dataset: str) -> str | None:
        spec = self.world.producer(dataset)
        return None if spec is None else spec.name

    async def _compile(self, task: str, pending: Container[str]) -> None:
        """Compile one task, or find that it has to wait: then `_wanted` says for what."""
        world = self.world
        world.unsettled.add(task)
        causes = self.causes.pop(task, ())
        if causes or task not in self.before:
            world.note_recompilation(task, causes or _TRIED_AGAIN)
        old = world.plans.get(task)
        self.before.setdefault(task, old)
        guesses = self._guess(task)
        known = self._wanted.pop(task, frozenset())
        outcome = await self.compiler.compile(task, known, pending, guesses)
        if isinstance(outcome, frozenset):
            self._wanted[task] = outcome
            return
        record, plan = outcome
        self.recompiled.add(task)
        world.notes.recompiled.add(task)
        world.put_record(task, record)
        # Equal fingerprints promise equal rows where both succeed; another text may succeed where the last one failed.
        world.failures.pop(task, None)
        if plan is None:
            return
        world.put_plan(plan)
        first = self.before[task]
        if first is not None and first.fingerprint != plan.fingerprint and is_same_query(first, plan):
            adopt(world, first, plan)
        elif first is None or first.fingerprint != plan.fingerprint:
            self.moved.add(task)
            self.kill(task)

    def _is_behind(self, task: str) -> bool:
        """Whether something that a task saw moved while it was compiled.

        Of a task that was broken, or is new, nobody knew that it would look there.
        """
        record = self.world.records.get(task)
        asked = () if record is None else record.asked
        return any(digest != self.world.asked_digest(dataset) for dataset, digest in asked) and self._examine(task)

    def _made_stale_by(self, task: str) -> set[str]:
        spec = self.world.catalog.by_name[task]
        return {t for t in self.world.asked_by(spec.output) if t != task and self._examine(t)}

    def _leave(self, waiting: AbstractSet[str]) -> frozenset[str]:
        """Write down of tasks that wait in a circle what they read. Gives these: what is below goes on without them."""
        reads = {t: {p for d in self._wants(t) if (p := self._producer(d)) is not None} for t in waiting}
        circles = waits.circles(reads)
        assert circles, f"nothing keeps these from being compiled: {sorted(waiting)}"
        for task, circle in sorted(circles.items()):
            spec = self.world.catalog.by_name[task]
            self.recompiled.add(task)
            self.world.notes.recompiled.add(task)
            self.world.unsettled.add(task)
            wanted = sorted(self._wants(task))
            asked = tuple((d, self.world.asked_digest(d)) for d in wanted)
            files = self.world.modules[spec.builder.path].files
            problem = cycle_problem(spec, circle)
            self.world.put_record(task, CompileRecord(spec, files, asked, problem, self.world.toolchain.whole))
            self._wanted.pop(task, None)
        return frozenset(circles)
