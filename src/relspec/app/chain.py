"""The chain of causes behind a recorded decision: file -> dataset and columns -> task, first causes first.

It is read out of the reasons of one run and decides nothing. A reason names a file, or a dataset with the columns that
counted; a dataset leads on to the task that gave it in the same run, or to its files that this run took in. All causes
are followed, each link stands once, and before the link that it leads to.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from relspec.core.reason import Reason
from relspec.core.state import RunTask


class Link(msgspec.Struct, frozen=True):
    """One link: a `file`, a `dataset` or a `task`, what became of it, and the kind and name of what it leads to."""

    kind: str
    name: str
    action: str | None
    columns: tuple[str, ...]
    because: str
    to: tuple[str, str] | None


class Recorded(msgspec.Struct, frozen=True):
    """One run as the store knows it: what became of each task, which files it took in, and who gives a dataset.

    `origin` gives the task that produces a dataset, or else the paths of the files that a source is made of.
    """

    task: Callable[[str], RunTask | None]
    changes: Mapping[str, str]
    origin: Callable[[str], str | tuple[str, ...]]


def chain(run: Recorded, task: str) -> tuple[Link, ...]:
    """Follow the reasons of `task` up to the files that set things off."""
    found: dict[tuple[str, str], Link] = {}
    pending: list[Link | tuple[str, tuple[str, str] | None]] = [(task, None)]
    seen: set[str] = set()
    while pending:
        step = pending.pop()
        if isinstance(step, Link):
            found.setdefault((step.kind, step.name), step)
            continue
        name, to = step
        result = run.task(name)
        if result is None or name in seen:
            continue
        seen.add(name)
        # What is pushed last comes out first: the task itself stands behind all that leads to it.
        pending.append(Link("task", name, str(result.action), (), result.reasons[0].because, to))
        for reason in reversed(result.reasons):
            pending.extend(_causes(run, name, reason))
    return tuple(found.values())


def _causes(run: Recorded, task: str, reason: Reason) -> Iterator[Link | tuple[str, tuple[str, str] | None]]:
    here = ("task", task)
    if reason.upstream is not None:
        dataset = ("dataset", reason.upstream)
        yield Link(*dataset, None, reason.columns, reason.because, here)
        origin = run.origin(reason.upstream)
        if isinstance(origin, str):
            yield origin, dataset
        else:
            yield from (_file(run, path, dataset) for path in origin if path in run.changes)
    if reason.path is not None and reason.path in run.changes:
        yield _file(run, reason.path, here)


def _file(run: Recorded, path: str, to: tuple[str, str]) -> Link:
    return Link("file", path, run.changes[path], (), f"{path} {run.changes[path]}", to)
