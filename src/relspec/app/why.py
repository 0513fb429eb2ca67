"""Answers `why TASK` from what was recorded: the last decision on a task with its causes, and what came of it since.

A task that was cut off, blocked or failed last is told of twice: that decision, and the last one that gave it a table.
A run that did not reach the task at all is told of by what it took in.
"""

from relspec.app.chain import Link, Recorded, chain
from relspec.app.documents import Document, moment, reason_document
from relspec.app.ports import Store
from relspec.app.world import World
from relspec.core.progress import Action
from relspec.core.state import RunTask, TaskState

_MADE = (Action.EXECUTED, Action.RESTORED)


def why_document(world: World, store: Store, task: str) -> Document:
    """Say what became of a task in the newest run that had it in its cone, and what set that off."""
    last = store.last_run(task, tuple(Action))
    state = world.statuses[task].state if task in world.statuses else TaskState.STALE
    head = {"task": task, "state": str(state)}
    if last is None:
        never: Document = {"action": "never", "run": None, "at": None, "reasons": [], "chain": []}
        return head | never | {"made": None, "since": None}
    made = None if last[2].action in _MADE else store.last_run(task, _MADE)
    return (
        head
        | _decision(world, store, task, last)
        | {
            "made": None if made is None else _decision(world, store, task, made),
            "since": _since(world, store, task, last[0]),
        }
    )


def _decision(world: World, store: Store, task: str, decided: tuple[int, float, RunTask]) -> Document:
    run, at, result = decided
    recorded = Recorded(lambda name: store.run_task(run, name), dict(store.changes(run)), lambda n: _origin(world, n))
    return {
        "action": str(result.action),
        "run": run,
        "at": moment(at),
        "reasons": [reason_document(r) for r in result.reasons],
        "chain": [_link(link) for link in chain(recorded, task)],
    }


def _origin(world: World, dataset: str) -> str | tuple[str, ...]:
    producer, source = world.producer(dataset), world.source(dataset)
    if producer is not None:
        return producer.name
    return () if source is None else tuple(file.path for file in source.files)


def _since(world: World, store: Store, task: str, run: int) -> Document | None:
    """What the newest run took in, when it did not reach the task; `None` when it is the one that was told of."""
    if world.run <= run:
        return None
    paths = [path for path, _ in store.changes(world.run)]
    above = _files_above(world, task)
    touched = [path for path in paths if path in above]
    said = f"of what it took in nothing is part of {task} or above it"
    if touched:
        said = f"{', '.join(touched)} is above it, and nothing moved by it that {task} is made of"
    return {"run": world.run, "changes": paths, "because": said}


def _files_above(world: World, task: str) -> frozenset[str]:
    """The files that a task and everything above it are made of."""
    tasks = world.graph.with_upstream([task])
    plans = [world.plans[t] for t in tasks if t in world.plans]
    sources = [s for p in plans for n in p.deps.inputs if (s := world.source(n.dataset)) is not None]
    code = (use.path for t in tasks if (record := world.records.get(t)) is not None for use in record.files)
    return frozenset(code) | {file.path for source in sources for file in source.files}


def _link(link: Link) -> Document:
    to = None if link.to is None else {"kind": link.to[0], "name": link.to[1]}
    head: Document = {"kind": link.kind, "name": link.name}
    told = {"action": link.action} if link.kind != "dataset" else {"columns": list(link.columns)}
    return head | told | {"because": link.because, "to": to}
