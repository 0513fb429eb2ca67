"""Answers commands on an open workspace: one method a command, a document each. The daemon's read side."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from relspec.app import documents
from relspec.app.doctor import examine
from relspec.app.documents import Document
from relspec.app.exported import export_document
from relspec.app.gc import Collected
from relspec.app.status import StatusLines, TaskLines, status_document
from relspec.app.trouble import is_retried, problems_of
from relspec.app.why import why_document
from relspec.app.workspace import Workspace
from relspec.core.errors import ConfigError, UnknownNameError
from relspec.core.health import Verdict
from relspec.core.problem import Problem
from relspec.core.progress import Action
from relspec.core.spec import Kind
from relspec.core.state import RunRecord


class Owner(Protocol):
    """Who builds: the daemon's loop, or a single command."""

    async def sync(
        self, *, retry: bool, take: bool = False, again: frozenset[str] = frozenset()
    ) -> tuple[RunRecord, ...]:
        """Wait until every save made before is taken in and built: the runs that nobody was told of.

        With `retry` what the machine made fail is tried again; with that or `take` they count as told. Tasks of `again`
        are executed in any case.
        """
        ...

    async def collect(self, *, dry: bool) -> Collected:
        """Drop what is not needed any more, between two builds."""
        ...

    def keep(self, records: tuple[RunRecord, ...]) -> None:
        """Keep what of those runs was outside the answer, for the next who asks."""
        ...

    def stop(self) -> None:
        """End."""
        ...


class Answers:
    """The commands of one workspace. `pid` is the daemon's, `None` where there is none."""

    def __init__(self, workspace: Workspace, pid: int | None, owner: Owner) -> None:
        self._workspace = workspace
        self._pid = pid
        self._sync = owner.sync
        self._collect = owner.collect
        self._keep = owner.keep
        self._stop = owner.stop
        self._lines = StatusLines()

    async def answer(self, command: str, arguments: dict[str, Any]) -> tuple[int, Document]:
        """Answer one command: its exit code and its document; raises UnknownNameError for names that do not exist.

        Raises ConfigError for arguments that are not what they should be.
        """
        methods = {
            "build": self._build,
            "status": self._status,
            "plan": self._plan,
            "why": self._why,
            "explain": self._explain,
            "graph": self._graph,
            "export": self._export,
            "check": self._check,
            "gc": self._gc,
            "doctor": self._doctor,
            "stop": self._stopped,
        }
        if command not in methods:
            raise UnknownNameError("command", command, methods)
        check_arguments(arguments)
        document = await methods[command](arguments)
        return exit_code(document), document

    async def _build(self, arguments: dict[str, Any]) -> Document:
        asked_at = self._workspace.machine.clock.time()
        records = await self._sync(retry=self._tries_again(arguments), take=True)
        world = self._workspace.world
        if arguments.get("again"):
            # Only now, with all saves taken in, do the names mean what they will.
            again = self._again(arguments, records, asked_at)
            records += await self._sync(retry=True, again=again) if again else ()
        scope = self._scope(arguments)
        if scope is not None:
            self._keep(tuple(_outside(record, scope) for record in records))
        return documents.build_document(world, records, self._problems(scope, arguments), scope)

    def _tries_again(self, arguments: dict[str, Any]) -> bool:
        """Whether to try again what the machine made fail: a save hook does so for its own file alone.

        What comes to no end elsewhere would cost each save its time.
        """
        if not arguments.get("file"):
            return True
        shown = self._workspace.world.shown_path(str(arguments["file"]))
        return any(p.path == shown and is_retried(p) for p in problems_of(self._workspace.world))

    def _again(self, arguments: dict[str, Any], records: Sequence[RunRecord], asked_at: float) -> frozenset[str]:
        """The tasks to execute again: those of a view are its readers. What ran since it was asked has run again."""
        world = self._workspace.world
        pending, found = list(self._named(arguments.get("tasks") or ())), set()
        while pending:
            task = pending.pop()
            spec = world.catalog.by_name[task]
            if spec.kind is Kind.VIEW:
                pending += world.graph.readers(spec.output)
            else:
                found.add(task)
        ran = {t.task for r in records if r.started_at >= asked_at for t in r.tasks if t.action is Action.EXECUTED}
        return frozenset(found - ran)

    async def _status(self, arguments: dict[str, Any]) -> Document:
        if arguments.get("sync"):
            await self._sync(retry=False)
        tasks = self._named(arguments.get("tasks") or ())
        return status_document(self._workspace.world, self._pid, tasks, self._lines)

    async def _plan(self, arguments: dict[str, Any]) -> Document:
        await self._sync(retry=False)
        world = self._workspace.world
        run = await self._workspace.decide(frozenset(world.unsettled))
        return documents.plan_document(world, run, self._scope(arguments))

    async def _why(self, arguments: dict[str, Any]) -> Document:
        (task,) = self._named([str(arguments.get("task"))])
        return why_document(self._workspace.world, self._workspace.store, task)

    async def _explain(self, arguments: dict[str, Any]) -> Document:
        await self._sync(retry=False)
        (task,) = self._named([str(arguments.get("task"))])
        return documents.explain_document(self._workspace.world, task)

    async def _graph(self, arguments: dict[str, Any]) -> Document:
        await self._sync(retry=False)
        return documents.graph_document(self._workspace.world, self._named(arguments.get("tasks") or ()))

    async def _export(self, _: dict[str, Any]) -> Document:
        await self._sync(retry=False)
        return export_document(self._workspace.world)

    async def _check(self, arguments: dict[str, Any]) -> Document:
        records = await self._sync(retry=False)
        recompiled = {t for r in records for t in r.recompiled}
        return documents.check_document(self._workspace.world, recompiled, self._scope(arguments))

    async def _gc(self, arguments: dict[str, Any]) -> Document:
        dry = bool(arguments.get("dry_run"))
        return documents.gc_document(await self._collect(dry=dry), dry=dry)

    async def _doctor(self, _: dict[str, Any]) -> Document:
        found = await examine(self._workspace)
        if found.to_mend:
            self._keep(await self._sync(retry=True))
        return documents.doctor_document(found, self._pid)

    async def _stopped(self, _: dict[str, Any]) -> Document:
        self._stop()
        return {"stopping": True, "pid": self._pid}

    def _named(self, tasks: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self._workspace.world.task_named, tasks))

    def _scope(self, arguments: dict[str, Any]) -> frozenset[str] | None:
        return scope_of(self._workspace, arguments)

    def _problems(self, scope: frozenset[str] | None, arguments: dict[str, Any]) -> tuple[Problem, ...]:
        return scoped_problems(self._workspace, scope, arguments)


#: What a request may say: names, and whether. There is no place for SQL, and none for a path outside of the project.
_KINDS: dict[str, tuple[type, str]] = {
    "tasks": (list, "a list of names"),
    "task": (str, "a name"),
    "file": (str, "a path in the project"),
    "again": (bool, "true or false"),
    "sync": (bool, "true or false"),
    "dry_run": (bool, "true or false"),
}


def check_arguments(arguments: dict[str, Any]) -> None:
    """Raise ConfigError unless every argument is of its kind: whoever reaches the socket may send anything."""
    for name, value in arguments.items():
        if name not in _KINDS:
            raise ConfigError(f"a request has no argument {name!r}")
        kind, meant = _KINDS[name]
        if not (value is None or (isinstance(value, kind) and _is_fit(name, value))):
            raise ConfigError(f"the argument {name!r} of a request is {meant}, and {value!r:.60} is none")


def _is_fit(name: str, value: Any) -> bool:
    match name:
        case "tasks":
            return all(isinstance(task, str) for task in value)
        case "file":
            return not value.startswith("/") and ".." not in value.split("/")
        case _:
            return True


def exit_code(document: Document) -> int:
    """1 when the document tells of problems, or of tasks that are blocked or failed; else 0."""
    tasks = document.get("tasks")
    broken = isinstance(tasks, TaskLines) and tasks.broken
    wrong = any(check["verdict"] == Verdict.WRONG for check in document.get("checks") or ())
    return int(broken or wrong or any(document.get(key) for key in ("problems", "failed", "blocked")))


def _outside(record: RunRecord, scope: frozenset[str]) -> RunRecord:
    tasks = tuple(t for t in record.tasks if t.task not in scope)
    return replace(record, tasks=tasks, recompiled=tuple(t for t in record.recompiled if t not in scope))


def scope_of(workspace: Workspace, arguments: dict[str, Any]) -> frozenset[str] | None:
    """The tasks that a request is about: named ones with what they need, or a file's and their cone; `None` is all."""
    world = workspace.world
    if arguments.get("file"):
        shown = world.shown_path(str(arguments["file"]))
        datasets = [name for name, s in world.sources.items() if any(f.path == shown for f in s.files)]
        own = {s.name for s in world.catalog.by_name.values() if s.builder.path == shown} | world.used_by(shown)
        if not own and not datasets and not workspace.files.exists(shown):
            raise UnknownNameError("file", shown, world.tree)
        return frozenset(own | world.graph.cone(own, datasets))
    if arguments.get("tasks"):
        named = frozenset(map(world.task_named, arguments["tasks"]))
        below = world.graph.cone(named, ()) if arguments.get("again") else frozenset()
        return world.graph.with_upstream(named) | below
    return None


def scoped_problems(
    workspace: Workspace, scope: frozenset[str] | None, arguments: dict[str, Any]
) -> tuple[Problem, ...]:
    """The problems that a request is about."""
    problems = problems_of(workspace.world)
    if scope is None:
        return problems
    shown = workspace.world.shown_path(str(arguments.get("file") or ""))
    return tuple(p for p in problems if p.task in scope or (shown and p.path == shown))
