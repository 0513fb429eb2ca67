"""Answers `why TASK` from what was recorded: file -> plan or data -> column -> task, and the rule that fired."""

from relspec.app.documents import Document, moment
from relspec.app.world import World
from relspec.core.progress import Action
from relspec.core.reason import Reason
from relspec.core.state import TaskState
from relspec.edges.store.database import Store

#: A chain longer than this is a cycle in the records, which cannot be.
_LINKS_MAX = 10_000


def why_document(world: World, store: Store, task: str) -> Document:
    """Say what became of a task in the newest run that had it in its cone, and what set that off."""
    last = store.last_run(task)
    state = world.statuses[task].state if task in world.statuses else TaskState.STALE
    if last is None:
        head = {"task": task, "state": str(state), "action": "never", "run": None, "at": None}
        return head | {"reasons": [], "chain": []}
    run, at, result = last
    return {
        "task": task,
        "state": str(state),
        "action": str(result.action),
        "run": run,
        "at": moment(at),
        "reasons": [_reason(r) for r in result.reasons],
        "chain": _chain(world, store, run, task),
    }


def _reason(reason: Reason) -> Document:
    return {
        "rule": str(reason.rule),
        "because": reason.because,
        "upstream": reason.upstream,
        "columns": list(reason.columns),
    }


def _chain(world: World, store: Store, run: int, task: str) -> list[Document]:
    """The links from the file that set things off down to `task`, first cause first."""
    changes = dict(store.changes(run))
    links: list[Document] = []
    at: str | None = task
    while at is not None and len(links) < _LINKS_MAX:
        result = store.run_task(run, at)
        if result is None:
            break
        reason = result.reasons[0]
        links.append({"kind": "task", "name": at, "action": str(result.action), "because": reason.because})
        files = [p for p in _files(world, at) if p in changes]
        if reason.upstream is None or result.action is Action.CUT_OFF:
            links += [{"kind": "file", "name": p, "action": changes[p], "because": f"{p} {changes[p]}"} for p in files]
            break
        columns = list(reason.columns)
        links.append({"kind": "dataset", "name": reason.upstream, "columns": columns, "because": reason.because})
        producer = world.producer(reason.upstream)
        at = None if producer is None else producer.name
        if producer is None:
            source = world.source(reason.upstream)
            paths = [] if source is None else [f.path for f in source.files if f.path in changes]
            links += [{"kind": "file", "name": p, "action": changes[p], "because": f"{p} {changes[p]}"} for p in paths]
    return links[::-1]


def _files(world: World, task: str) -> list[str]:
    record = world.records.get(task)
    return [] if record is None else sorted(use.path for use in record.files)
