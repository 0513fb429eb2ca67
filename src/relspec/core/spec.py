"""What a task is before it is compiled: TaskSpec, and the TaskCatalog of all of them.

A catalog is a value: it is made from what the sources declare, and says which declarations clash.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

import msgspec

from relspec.core.problem import Code, Problem
from relspec.core.warning import WarningCode


class Kind(StrEnum):
    """Where a task's table lives; see `docs/reference.md`."""

    VIEW = "view"
    COMPUTE = "compute"
    MATERIALIZATION = "materialization"


class CachePolicy(StrEnum):
    """For how long the memo remembers a task's executions."""

    NONE = "none"
    SESSION = "session"
    PERSISTENT = "persistent"


class Language(StrEnum):
    """What the builder is written in."""

    PYTHON = "python"
    SQL = "sql"


DEFAULT_CACHE_POLICY: Mapping[Kind, CachePolicy] = {
    Kind.VIEW: CachePolicy.NONE,
    Kind.COMPUTE: CachePolicy.SESSION,
    Kind.MATERIALIZATION: CachePolicy.PERSISTENT,
}


class Builder(msgspec.Struct, frozen=True):
    """How a task's query is obtained: a file, and in Python the function's qualified name (`None` in SQL)."""

    language: Language
    path: str
    function: str | None


class TaskSpec(msgspec.Struct, frozen=True):
    """One declared task. `path` of the builder is relative to the project; `line` is where the definition starts.

    `allow` are the warnings that are known of it and not to be told.
    """

    name: str
    output: str
    kind: Kind
    cache_policy: CachePolicy
    priority: int
    builder: Builder
    line: int
    allow: tuple[WarningCode, ...] = ()


class TaskCatalog(msgspec.Struct, frozen=True):
    """All tasks by name and by output, and the clashes between declarations.

    Of clashing declarations none enters the catalog, so the outcome does not depend on the order of loading.
    """

    by_name: Mapping[str, TaskSpec]
    by_output: Mapping[str, TaskSpec]
    problems: tuple[Problem, ...]


def catalog_of(specs: Iterable[TaskSpec], sources: Mapping[str, str]) -> TaskCatalog:
    """Collect `specs`; two tasks of one name, two of one output, or an output named like a source are problems.

    `sources` maps each source's dataset name to the place that defines it, for the message.
    """
    ordered = sorted(specs, key=lambda s: (s.builder.path, s.line, s.name))
    names = _grouped(ordered, lambda s: s.name)
    outputs = _grouped(ordered, lambda s: s.output.lower())
    source_names = {name.lower(): (name, place) for name, place in sources.items()}
    problems: list[Problem] = []
    kept: list[TaskSpec] = []
    for spec in ordered:
        problem = _clash(spec, names[spec.name], outputs[spec.output.lower()], source_names)
        if problem is None:
            kept.append(spec)
        else:
            problems.append(problem)
    return TaskCatalog({s.name: s for s in kept}, {s.output.lower(): s for s in kept}, tuple(problems))


def _grouped(specs: Iterable[TaskSpec], key: Callable[[TaskSpec], str]) -> Mapping[str, list[TaskSpec]]:
    groups: dict[str, list[TaskSpec]] = {}
    for spec in specs:
        groups.setdefault(key(spec), []).append(spec)
    return groups


def _clash(
    spec: TaskSpec,
    same_name: list[TaskSpec],
    same_output: list[TaskSpec],
    sources: Mapping[str, tuple[str, str]],
) -> Problem | None:
    if spec.output.lower() in sources:
        name, place = sources[spec.output.lower()]
        return _declared(spec, Code.DUPLICATE_OUTPUT, f"output {name!r} is also a source ({place})", "rename one")
    if len(same_output) > 1:
        others = ", ".join(_where(s) for s in same_output if s is not spec)
        message = f"two tasks produce the output {spec.output!r}: this one and {others}"
        return _declared(spec, Code.DUPLICATE_OUTPUT, message, "give one of them another output= or name")
    if len(same_name) > 1:
        others = ", ".join(_where(s) for s in same_name if s is not spec)
        message = f"two tasks are named {spec.name!r}: this one and {others}"
        return _declared(spec, Code.DUPLICATE_TASK, message, "rename one of them")
    return None


def _declared(spec: TaskSpec, code: Code, message: str, hint: str) -> Problem:
    return Problem(code, spec.name, spec.builder.path, spec.line, 1, message, hint)


def _where(spec: TaskSpec) -> str:
    return f"{spec.name} ({spec.builder.path}:{spec.line})"


def cycle_problem(spec: TaskSpec, cycle: tuple[str, ...]) -> Problem:
    """Say that a task is part of a cycle, naming every task on it."""
    start = cycle.index(spec.name)
    walk = " -> ".join([*cycle[start:], *cycle[:start], spec.name])
    hint = "break the circle: let one of them read something else"
    place = (spec.builder.path, spec.line, 1)
    return Problem(Code.CYCLE, spec.name, *place, f"these tasks need each other: {walk}", hint)
