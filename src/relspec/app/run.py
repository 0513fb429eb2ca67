"""Brings the tasks of a cone to rest, in topological order: cut off, restored, executed, blocked or failed.

A task is looked at when everything upstream of it in the cone is at rest, so its input digests are those of one
snapshot. Of those that are ready the one goes first that `core.schedule` says, as many at a time as there are workers.
The run decides and executes; it commits nothing.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from relspec.app.digests import Digests
from relspec.app.executions import Executions
from relspec.app.lost import note_moved
from relspec.app.ports import Clock, Engines, LoaderSession, Memory, ObjectStore
from relspec.app.together import together
from relspec.app.trouble import code_of, next_step
from relspec.app.turns import TURN
from relspec.app.world import World
from relspec.core.dataset import Dataset
from relspec.core.decision import Basis, Decision, Past, decide, is_current
from relspec.core.diff import explained
from relspec.core.digest import task_key
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.plan import PlanArtifact, is_remembered
from relspec.core.problem import Code, Problem
from relspec.core.progress import Action, Progress, TaskEnded, TaskStarted
from relspec.core.reason import Reason, Rule
from relspec.core.schedule import schedule
from relspec.core.spec import Kind, TaskSpec
from relspec.core.state import MemoRow, Output, RunTask, TaskState, TaskStatus
from relspec.core.validation import EdgeFailure, failed_edges
from relspec.core.work import Execute, Executed

_BROKEN = frozenset({Action.BLOCKED, Action.FAILED})
_MADE = frozenset({Action.EXECUTED, Action.RESTORED})
#: So few objects are on their way to the disk as soon as they are made; more of them are cheaper together.
_FEW = 4


class Workshop(msgspec.Struct, frozen=True):
    """What a run works with."""

    engines: Engines
    session: LoaderSession
    memory: Memory
    objects: ObjectStore
    executions: Executions
    tell: Callable[[Progress], None]
    clock: Clock


@dataclass
class Run:
    """One pass over a cone. With `dry` nothing executes and nothing in the world changes.

    A task that is not `dirty` and has nothing new above it is cut off without a look at its digests. Tasks of `again`
    execute whatever their keys say.
    """

    world: World
    workshop: Workshop
    digests: Digests
    dirty: frozenset[str]
    dry: bool = False
    retry: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()
    results: dict[str, RunTask] = field(default_factory=dict)
    memo: list[MemoRow] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    may_execute: dict[str, Reason] = field(default_factory=dict)
    _stirred: set[str] = field(default_factory=set)
    _makes_few: bool = False

    async def go(self, cone: frozenset[str]) -> None:
        """Bring every task of `cone` to rest."""
        self._stirred |= {name.lower() for name in self.world.moved}
        order = {task: place for place, task in enumerate(self._order(cone))}
        waiting = {t: {u for u in self.world.graph.upstream(t) if u in order} for t in order}
        below: dict[str, list[str]] = {}
        for task, upstream in waiting.items():
            for up in upstream:
                below.setdefault(up, []).append(task)
        ready: asyncio.PriorityQueue[tuple[int, str]] = asyncio.PriorityQueue()
        for task in [t for t, upstream in waiting.items() if not upstream]:
            ready.put_nowait((order[task], task))
        left = len(order)
        self._makes_few = left <= _FEW

        async def work() -> None:
            nonlocal left
            while left:
                _, task = await ready.get()
                if task == "":
                    return
                await self._settle(task)
                left -= 1
                if left % TURN == 0:
                    # What needs nothing waits for nothing, and thousands of it may come in a row.
                    await asyncio.sleep(0)
                for reader in below.get(task, ()):
                    waiting[reader].discard(task)
                    if not waiting[reader]:
                        ready.put_nowait((order[reader], reader))
            for _ in range(n_workers):
                ready.put_nowait((len(order), ""))

        # One more than there are engines: who is free gets the next task while we look at what the last one gave, which
        # is a fifth of the time that a small task takes.
        n_workers = max(1, min(self.world.settings.limits.workers + 1, len(order)))
        if order:
            await together(work() for _ in range(n_workers))

    def _order(self, cone: frozenset[str]) -> tuple[str, ...]:
        specs = [self.world.catalog.by_name[t] for t in cone]
        made = ((s.name, self.world.outputs.get(s.output.lower())) for s in specs)
        durations_ms = {task: output.ms for task, output in made if output is not None}
        return schedule(self.world.graph, cone, {s.name: s.priority for s in specs}, durations_ms)

    async def _settle(self, task: str) -> None:
        spec = self.world.catalog.by_name[task]
        problem = self._own_problem(task)
        if problem is not None:
            action = Action.BLOCKED if problem.blocks else Action.FAILED
            own = Reason(Rule.OWN_PROBLEM, problem.message, path=problem.path)
            edges = self._broken_edges(task) if problem.code is Code.EDGE else ()
            return self._rest(spec, action, edges or (own,))
        above = self.world.graph.upstream(task)
        broken = [u for u in above if self._is_broken(u)]
        if broken:
            said = ((u, f"{u} is broken upstream") for u in broken)
            reasons = tuple(Reason(Rule.UPSTREAM_BROKEN, because, self._output_of(u)) for u, because in said)
            return self._rest(spec, Action.BLOCKED, reasons)
        if task not in self.dirty and task not in self.again and not self._moved(above):
            return self._rest(spec, Action.CUT_OFF, self._quiet(above))
        if spec.kind is Kind.VIEW:
            if not self.dry and spec.output.lower() in self.world.outputs:
                # It was a table before. What is remembered of that restores it when it becomes one again.
                self.world.put_output(spec.output, None)
            return self._rest(spec, Action.CUT_OFF, (Reason(Rule.INLINED, "a view never executes, its readers do"),))
        uncertain = [u for u in above if self._will_run(u)] if self.dry else []
        if uncertain:
            upstream = self._output_of(uncertain[0])
            self.may_execute[task] = Reason(Rule.UPSTREAM_RUNS, f"depends on what {uncertain[0]} gives", upstream)
            return None
        return await self._decide(spec, self.world.plans[task])

    async def _decide(self, spec: TaskSpec, plan: PlanArtifact) -> None:
        inputs = {need.dataset: self.world.dataset(need.dataset) for need in plan.deps.inputs}
        known = {name: found for name, found in inputs.items() if found is not None}
        schemas = {name.lower(): found.schema for name, found in known.items()}
        failures = failed_edges(spec.name, plan.deps.inputs, schemas)
        if failures:
            return self._rest(spec, Action.BLOCKED, tuple(map(_edge_broken, failures)))
        try:
            edges = {n.dataset: await self.digests.edge(known[n.dataset], n) for n in plan.deps.inputs}
        except (InputMovedError, WorkerError) as error:
            return self._not_now(spec, error)
        key = task_key(plan.fingerprint, self.world.toolchain.engine, edges)
        now = Basis(key, plan.fingerprint, self.world.toolchain.engine, edges)
        output = self.world.outputs.get(plan.output.lower())
        before = output.basis if output is not None and output.task == spec.name else None
        has = output is not None and self.workshop.objects.has(output.content)
        # What was remembered before the policy became `none` is not to be seen again, nor what was true at a moment.
        asks = not is_current(now, before, has_output=has) and is_remembered(plan, spec.cache_policy)
        memo = self.workshop.memory.remembered(key) if asks else None
        remembered = memo is not None and self.workshop.objects.has(memo.output.content)
        past = Past(before, has, remembered, self._stirred_of(plan), asked_again=spec.name in self.again)
        decision = decide(plan, now, past)
        if decision.action is Action.RESTORED and memo is not None:
            self._take(spec, memo.output, decision)
        elif decision.action is Action.CUT_OFF:
            self._rest(spec, Action.CUT_OFF, decision.reasons)
        else:
            await self._execute(spec, plan, now, decision, known)
        return None

    async def _execute(
        self, spec: TaskSpec, plan: PlanArtifact, now: Basis, decision: Decision, inputs: dict[str, Dataset]
    ) -> None:
        failure = self.world.failures.get(spec.name)
        if failure is not None and failure[0] == now.key and spec.name not in self.retry:
            return self._rest(spec, Action.FAILED, (Reason(Rule.OWN_PROBLEM, failure[1].message),))
        if self.dry:
            return self._rest(spec, Action.EXECUTED, decision.reasons)
        request = self._request(spec, plan, inputs, now.key)
        self.world.running[spec.name] = self.workshop.clock.time()
        started = self.workshop.clock.monotonic()
        answer: Executed | Problem
        try:
            if plan.udfs:
                # It ends with the session, and that with its build: nobody could take it over.
                self.workshop.tell(TaskStarted(spec.name))
                answer = await self.workshop.session.execute(request)
            else:
                request, answer = await self.workshop.executions.run(
                    request, self.workshop.engines.execute, lambda: self.workshop.tell(TaskStarted(spec.name))
                )
        except InputMovedError as error:
            return self._not_now(spec, error)
        except WorkerError as error:
            answer = _died(spec, error)
        finally:
            self.world.running.pop(spec.name, None)
        ms = (self.workshop.clock.monotonic() - started) * 1000
        if isinstance(answer, Problem):
            self.world.failures[spec.name] = (now.key, answer)
            return self._rest(spec, Action.FAILED, (Reason(Rule.OWN_PROBLEM, answer.message),), ms)
        return self._made(spec, plan, request, answer, (now, decision, ms))

    def _request(self, spec: TaskSpec, plan: PlanArtifact, inputs: dict[str, Dataset], key: str) -> Execute:
        layout = self.world.layout
        probe = Dataset(plan.output, plan.schema, ())
        return Execute(
            task=spec.name,
            path=spec.builder.path,
            line=spec.line,
            sql=plan.sql,
            inputs=tuple(inputs[name] for name in sorted(inputs)),
            schema=plan.schema,
            column_sets=self.digests.column_sets(probe),
            udfs=plan.udfs,
            objects=str(layout.objects),
            temporary=str(layout.temporary),
            key=key,
        )

    def _made(
        self,
        spec: TaskSpec,
        plan: PlanArtifact,
        request: Execute,
        answer: Executed,
        circumstances: tuple[Basis, Decision, float],
    ) -> None:
        basis, decision, ms = circumstances
        output = Output(
            output=plan.output,
            task=spec.name,
            basis=basis,
            content=answer.content,
            rows=answer.rows,
            size=answer.size,
            schema=plan.schema,
            executed_at=self.workshop.clock.time(),
            ms=ms,
        )
        for columns, bag in zip(request.column_sets, answer.bags, strict=True):
            self.digests.learn(answer.content, columns, bag)
        self.made.add(answer.content)
        if self._makes_few:
            # Nobody waits for this: the commit does, and finds it done.
            self.workshop.objects.syncing((answer.content,))
        if is_remembered(plan, spec.cache_policy):
            self.memo.append(MemoRow(spec.cache_policy, output))
        self._take(spec, output, decision)

    def _take(self, spec: TaskSpec, output: Output, decision: Decision) -> None:
        if not self.dry:
            self.world.put_output(output.output, output)
        ms = output.ms if decision.action is Action.EXECUTED else 0.0
        self._rest(spec, decision.action, decision.reasons, ms)

    def _rest(self, spec: TaskSpec, action: Action, reasons: tuple[Reason, ...], ms: float = 0.0) -> None:
        """Record what became of a task, and its line of `status`."""
        world = self.world
        reasons = explained(reasons, world.recompilations.get(spec.name), world.plans.get(spec.name))
        self.results[spec.name] = RunTask(spec.name, action, ms, reasons)
        if action in _MADE:
            self._stirred.add(spec.output.lower())
        if self.dry:
            return
        world.recompilations.pop(spec.name, None)
        if action in _BROKEN:
            world.unsettled.add(spec.name)
        else:
            world.unsettled.discard(spec.name)
            world.failures.pop(spec.name, None)
        world.pending.discard(spec.name)
        state = {Action.BLOCKED: TaskState.BLOCKED, Action.FAILED: TaskState.FAILED}.get(action, TaskState.FRESH)
        before = world.statuses.get(spec.name)
        # What rests as it did keeps its line: why it last ran says more than that it did not run now.
        kept = before is not None and action is Action.CUT_OFF and before.state is TaskState.FRESH
        because = before.reason if before is not None and kept else reasons[0].because
        world.put_status(spec.name, status_of(world, spec, state, because))
        self.workshop.tell(TaskEnded(spec.name, action, ms, reasons[0].because))

    def _not_now(self, spec: TaskSpec, error: Exception) -> None:
        """Leave a task stale: an input moved while it was read, or its digest could not be had."""
        world = self.world
        if isinstance(error, InputMovedError):
            note_moved(world, error.path)
        if not self.dry:
            world.unsettled.add(spec.name)
            world.pending.discard(spec.name)
            world.put_status(spec.name, status_of(world, spec, TaskState.STALE, str(error)))
        self.results[spec.name] = RunTask(spec.name, Action.BLOCKED, 0.0, (Reason(Rule.INPUT_MOVED, str(error)),))

    def _own_problem(self, task: str) -> Problem | None:
        world = self.world
        record = world.records.get(task)
        found = world.declared_problem(task) or world.edge_failures.get(task)
        return found or (None if record is None else record.problem)

    def _broken_edges(self, task: str) -> tuple[Reason, ...]:
        plan = self.world.plans.get(task)
        needs = () if plan is None else plan.deps.inputs
        schemas = {n.dataset.lower(): s for n in needs if (s := self.world.schema(n.dataset)) is not None}
        return tuple(map(_edge_broken, failed_edges(task, needs, schemas)))

    def _is_broken(self, task: str) -> bool:
        result = self.results.get(task)
        if result is not None:
            return result.action in _BROKEN
        status = self.world.statuses.get(task)
        return status is not None and status.state in {TaskState.BLOCKED, TaskState.FAILED}

    def _will_run(self, task: str) -> bool:
        result = self.results.get(task)
        return task in self.may_execute or (result is not None and result.action is Action.EXECUTED)

    def _moved(self, above: Iterable[str]) -> bool:
        """Whether one of these was executed or restored; whatever is below a view follows what the view reads."""
        for task in above:
            result = self.results.get(task)
            if (result is not None and result.action is not Action.CUT_OFF) or task in self.may_execute:
                return True
        return False

    def _quiet(self, above: Iterable[str]) -> tuple[Reason, ...]:
        """Say of a task that is in the cone for what is above it that nothing of that moved."""
        looked_at = [u for u in above if u in self.results]
        said = ((u, f"{u} needed nothing, so it needs nothing") for u in looked_at)
        reasons = tuple(Reason(Rule.SAME_KEY, because, self._output_of(u)) for u, because in said)
        return reasons or (Reason(Rule.SAME_KEY, "nothing above it moved"),)

    def _stirred_of(self, plan: PlanArtifact) -> frozenset[str]:
        """The inputs of a plan that were read or made anew in this run."""
        return frozenset(n.dataset for n in plan.deps.inputs if n.dataset.lower() in self._stirred)

    def _output_of(self, task: str) -> str:
        return self.world.catalog.by_name[task].output


def status_of(world: World, spec: TaskSpec, state: TaskState, because: str) -> TaskStatus:
    """The line of `status` for a task, from its plan and its current object."""
    output = world.outputs.get(spec.output.lower())
    plan = world.plans.get(spec.name)
    return TaskStatus(
        name=spec.name,
        output=spec.output,
        kind=spec.kind,
        state=state,
        rows=None if output is None else output.rows,
        fingerprint=None if plan is None else plan.fingerprint,
        executed_at=None if output is None else output.executed_at,
        ms=None if output is None else output.ms,
        reason=because,
    )


def _edge_broken(failure: EdgeFailure) -> Reason:
    columns = (*failure.missing_columns, *(name for name, _, _ in failure.wrong_types))
    return Reason(Rule.EDGE_BROKEN, failure.sentence(), failure.dataset, columns)


def _died(spec: TaskSpec, error: WorkerError) -> Problem:
    code = code_of(error)
    message = f"{spec.name}: {error}"
    return Problem(code, spec.name, spec.builder.path, spec.line, 1, message, next_step(code, "query"))
