"""What a module is written from: every task's plan with its place in the graph, as a plain document.

It is all tasks or none: a module without some of them would be another graph. A task whose query fails when it is
executed has a plan all the same, and is exported.
"""

from collections.abc import Mapping

from relspec.app.documents import Document, problem_document, spellings
from relspec.app.trouble import problems_of
from relspec.app.world import World
from relspec.core.digest import digest_of
from relspec.core.plan import Requirement, Udf, is_remembered
from relspec.core.problem import Code, Problem
from relspec.core.types import heads, stored_type
from relspec.core.warning import WarningCode

#: Version of the plan signature.
_SIGNATURE_FORMAT = "flow-1"
#: What such a query draws depends on the key of its execution.
_DRAWN = frozenset({WarningCode.RANDOM, WarningCode.SAMPLE})


def export_document(world: World) -> Document:
    """Tell of all tasks in the order of their generations; with problems, of these alone.

    What a task reads has the name that its query has for it, which may be spelled otherwise than in `tables`.
    """
    failed = {problem for _, problem in world.failures.values()}
    problems = [p for p in problems_of(world) if p not in failed] or _misfits(world)
    head: Document = {"problems": [problem_document(p) for p in problems]}
    if problems:
        return head | {"signature": None, "plans": [], "sources": {}, "tables": {}}
    generations = world.graph.generations(frozenset(world.catalog.by_name))
    ordered = sorted(world.catalog.by_name, key=lambda task: (generations[task], task))
    spelled = spellings(world)
    return head | {
        "signature": plan_signature(world),
        "timezone": world.settings.timezone,
        "memory_mb": world.settings.limits.memory_mb,
        "folders": list(world.settings.tasks),
        "plans": [_task(world, task, generations[task]) for task in ordered],
        "sources": _sources(world, spelled),
        "tables": _tables(world, spelled),
    }


def _misfits(world: World) -> list[Problem]:
    """Tasks with columns that get lost between functions, which hand each other Arrow tables."""
    found = []
    for task in sorted(world.catalog.by_name):
        spec, plan = world.catalog.by_name[task], world.plans[task]
        columns = (*plan.schema.columns, *(column for need in plan.deps.inputs for column in need.columns))
        lost = next((c for c in columns if stored_type(c.type) is None or "VARIANT" in heads(c.type)), None)
        if lost is not None:
            message = f"column {lost.name!r} of type {lost.type} has no form in Arrow, so {task} cannot be exported"
            place = (spec.builder.path, spec.line, 1)
            found.append(Problem(Code.OUTPUT_SCHEMA, task, *place, message, "cast it, to JSON or VARCHAR for instance"))
    return found


def plan_signature(world: World) -> str:
    """Hash the graph, every fingerprint, and the time zone in which all of it executes."""
    fingerprints = (text for task in sorted(world.plans) for text in (task, world.plans[task].fingerprint))
    return digest_of(_SIGNATURE_FORMAT, world.graph.signature(), world.settings.timezone, *fingerprints)


def _task(world: World, task: str, generation: int) -> Document:
    spec, plan = world.catalog.by_name[task], world.plans[task]
    return {
        "task": task,
        "dataset": spec.output,
        "kind": str(spec.kind),
        "cache_policy": str(spec.cache_policy),
        "is_remembered": is_remembered(plan, spec.cache_policy),
        "fingerprint": plan.fingerprint,
        "generation": generation,
        "path": spec.builder.path,
        "line": spec.line,
        "sql": plan.sql,
        "reads": {n.dataset: [c.name for c in n.columns] for n in _by_name(plan.deps.inputs)},
        "views": [n.dataset for n in _by_name(plan.deps.views)],
        "udfs": [_udf(udf) for udf in plan.udfs],
        "is_drawn": any(finding.code in _DRAWN for finding in plan.repeatability.findings),
    }


def _by_name(needs: tuple[Requirement, ...]) -> list[Requirement]:
    return sorted(needs, key=lambda need: need.dataset.lower())


def _udf(udf: Udf) -> Document:
    return {"name": udf.name, "parameters": list(udf.parameters), "returns": udf.returns, "path": udf.path}


def _sources(world: World, spelled: Mapping[str, str]) -> dict[str, list[str]]:
    """What is required of each source by any task, in the order of the source's columns."""
    found: dict[str, list[str]] = {}
    for dataset in world.graph.datasets():
        schema = world.schema(dataset)
        if world.producer(dataset) is None and schema is not None:
            required = {column.name for need in world.graph.requirements(dataset) for column in need.columns}
            found[spelled[dataset]] = [column.name for column in schema.restrict(required)]
    return found


def _tables(world: World, spelled: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The columns of each dataset: those of a view are as if they were stored, since nothing else holds them."""
    found: dict[str, dict[str, str]] = {}
    for dataset in world.graph.datasets():
        schema = world.schema(dataset)
        if schema is not None:
            stored = world.view_plan(dataset) is None
            types = schema.types().items()
            found[spelled[dataset]] = {name: type_ if stored else stored_type(type_) or type_ for name, type_ in types}
    return found
