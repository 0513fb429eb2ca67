"""The answers of the commands, as plain JSON-able dicts: the read model. `docs/reference.md` lists every key.

Documents are made from the world and from recorded reasons; nothing is decided here.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from relspec.app.doctor import Examined
from relspec.app.gc import Collected
from relspec.app.run import Run
from relspec.app.trouble import problems_of
from relspec.app.warnings import warnings_of
from relspec.app.world import World
from relspec.core.graph import EVIDENCE, PRODUCES, REQUIRES, TASK
from relspec.core.health import Verdict
from relspec.core.problem import Problem
from relspec.core.progress import Action
from relspec.core.reason import Reason
from relspec.core.state import RunRecord, TaskState
from relspec.core.sweep import ClaimKind, Why
from relspec.core.warning import TaskWarning

Document = dict[str, Any]


def problem_document(problem: Problem) -> Document:
    """One problem."""
    return {
        "code": str(problem.code),
        "task": problem.task,
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "hint": problem.hint,
    }


def warning_document(warning: TaskWarning) -> Document:
    """One warning."""
    return {field.name: getattr(warning, field.name) for field in fields(warning)} | {"code": str(warning.code)}


def warning_documents(world: World, scope: Collection[str] | None) -> list[Document]:
    """The warnings that hold, restricted to the tasks of `scope` (`None` is all)."""
    return [warning_document(w) for w in warnings_of(world) if scope is None or w.task in scope]


def build_document(
    world: World, records: Sequence[RunRecord], problems: Iterable[Problem], scope: frozenset[str] | None
) -> Document:
    """What some runs did, taken together, restricted to the tasks of `scope` (`None` is all).

    A task that executed in any of the runs counts as executed; blocked and failed are as in its last run.
    """
    actions: dict[str, Action] = {}
    for record in records:
        for result in record.tasks:
            if scope is None or result.task in scope:
                actions[result.task] = _together(actions.get(result.task), result.action)
    recompiled = {t for r in records for t in r.recompiled if scope is None or t in scope}
    by_action = {action: sorted(t for t, a in actions.items() if a is action) for action in Action}
    listed = [problem_document(p) for p in problems]
    return {
        "ok": not listed and not by_action[Action.FAILED] and not by_action[Action.BLOCKED],
        "revision": world.revision,
        "run": world.run,
        "ms": round(sum(r.ms for r in records), 3),
        "recompiled": sorted(recompiled),
        "executed": by_action[Action.EXECUTED],
        "restored": by_action[Action.RESTORED],
        "cut_off": by_action[Action.CUT_OFF],
        "blocked": sorted({*by_action[Action.BLOCKED], *_still(world, TaskState.BLOCKED, scope)}),
        "failed": sorted({*by_action[Action.FAILED], *_still(world, TaskState.FAILED, scope)}),
        "problems": listed,
        "warnings": warning_documents(world, scope),
    }


def _together(before: Action | None, after: Action) -> Action:
    ran = {Action.EXECUTED, Action.RESTORED}
    return before if before in ran and after is Action.CUT_OFF else after


def _still(world: World, state: TaskState, scope: frozenset[str] | None) -> set[str]:
    return {
        t
        for t in world.unsettled
        if (s := world.statuses.get(t)) and s.state is state and (scope is None or t in scope)
    }


def moment(seconds: float) -> str:
    """A time as scripts get it: ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def plan_document(world: World, run: Run, scope: frozenset[str] | None) -> Document:
    """What a build would do, and why."""
    wanted = {t: r for t, r in run.results.items() if scope is None or t in scope}
    by_action = {a: [_planned(t, r.reasons) for t, r in sorted(wanted.items()) if r.action is a] for a in Action}
    may = [_planned(t, (reason,)) for t, reason in sorted(run.may_execute.items()) if scope is None or t in scope]
    return {
        "execute": by_action[Action.EXECUTED],
        "may_execute": may,
        "restore": by_action[Action.RESTORED],
        "cut_off": by_action[Action.CUT_OFF],
        "blocked": by_action[Action.BLOCKED] + by_action[Action.FAILED],
        "problems": [problem_document(p) for p in problems_of(world)],
    }


def _planned(task: str, reasons: Sequence[Reason]) -> Document:
    first = reasons[0]
    head = {"task": task, "reason": first.because, "rule": str(first.rule), "upstream": first.upstream}
    return head | {"reasons": [reason_document(reason) for reason in reasons]}


def reason_document(reason: Reason) -> Document:
    """One rule that fired."""
    return {
        "rule": str(reason.rule),
        "because": reason.because,
        "upstream": reason.upstream,
        "columns": list(reason.columns),
        "path": reason.path,
    }


def explain_document(world: World, task: str) -> Document:
    """A compiled task: its query, what it requires, what it gives, and where its columns come from."""
    spec, plan = world.catalog.by_name[task], world.plans.get(task)
    problems = [problem_document(p) for p in problems_of(world) if p.task == task]
    head: Document = {"task": task, "output": spec.output, "kind": str(spec.kind)}
    place: Document = {"path": spec.builder.path, "line": spec.line, "problems": problems}
    place |= {"warnings": warning_documents(world, {task})}
    if plan is None:
        empty: Document = {"sql": None, "inputs": {}, "views": {}, "schema": {}, "lineage": {}, "fingerprint": None}
        return head | empty | {"coarse": None, "metadata": {}} | place
    return (
        head
        | {
            "sql": plan.sql,
            "inputs": {n.dataset: {c.name: c.type for c in n.columns} for n in plan.deps.inputs},
            "views": {n.dataset: {c.name: c.type for c in n.columns} for n in plan.deps.views},
            "schema": plan.schema.types(),
            "lineage": {name: [list(origin) for origin in origins] for name, origins in plan.lineage},
            "fingerprint": plan.fingerprint,
            "coarse": plan.coarse,
            "metadata": {n.dataset: dict(n.metadata) for n in plan.deps.inputs if n.metadata},
        }
        | place
    )


def graph_document(world: World, tasks: Sequence[str]) -> Document:
    """The bipartite graph; ids are `evidence:<name>` and `task:<name>`.

    With `tasks`, each node says whether it is in their cone: a task that is one of them or below, or its output.
    """
    spelled = spellings(world)
    nodes: list[Document] = [
        {"id": f"evidence:{spelled[d]}", "kind": EVIDENCE, "name": spelled[d]} for d in world.graph.datasets()
    ]
    nodes += [{"id": f"task:{t}", "kind": TASK, "name": t} for t in sorted(world.plans)]
    edges: list[Document] = []
    for edge in world.graph.edges():
        ends = (f"evidence:{spelled[edge.dataset.lower()]}", f"task:{edge.task}")
        source, target = ends if edge.kind == REQUIRES else ends[::-1]
        need = edge.requirement
        metadata = {} if need is None else dict(need.metadata)
        edges.append(
            {
                "source": source,
                "target": target,
                "kind": edge.kind,
                "columns": {} if need is None else {c.name: c.type for c in need.columns},
                "metadata": metadata | ({"inlined": "true"} if edge.inlined else {}),
            }
        )
    if tasks:
        cone = {f"task:{task}" for task in world.graph.cone(tasks, ())}
        cone |= {edge["target"] for edge in edges if edge["kind"] == PRODUCES and edge["source"] in cone}
        nodes = [node | {"in_cone": node["id"] in cone} for node in nodes]
    return {"nodes": nodes, "edges": edges, "signature": world.graph.signature()}


def spellings(world: World) -> dict[str, str]:
    """How the datasets of the graph are spelled, by their lower-case names."""
    return {n.lower(): n for n in (*(e.dataset for e in world.graph.edges()), *world.dataset_names())}


def gc_document(collected: Collected, *, dry: bool) -> Document:
    """What was dropped, or would be, and what stayed for which reason."""
    swept, files = collected.swept, collected.files
    n_claims = {kind: sum(1 for claim in swept.claims if claim.kind is kind) for kind in ClaimKind}
    return {
        "dry_run": dry,
        "freed": {
            "objects": len(collected.objects),
            "bytes": sum(files[content].size for content in collected.objects),
            "executions": n_claims[ClaimKind.EXECUTION],
            "extractions": n_claims[ClaimKind.EXTRACTION],
            "digests": sum(collected.stock.digests.get(content, 0) for content in swept.contents),
            "runs": len(swept.runs),
        },
        "kept": [_kept(why, [files[c].size for c, found in swept.kept.items() if found is why]) for why in Why],
        "oldest_reader": swept.unread,
        "unknown_pins": [{"name": name, "likely": likely} for name, likely in collected.unknown],
    }


def doctor_document(examined: Examined, pid: int | None) -> Document:
    """What a check-up found; `pid` is the daemon's that made it."""
    checks = [
        {"name": c.name, "verdict": str(c.verdict), "message": c.message, "hint": c.hint} for c in examined.checks
    ]
    return {
        "ok": all(c.verdict is not Verdict.WRONG for c in examined.checks),
        "daemon": None if pid is None else {"pid": pid},
        "checks": checks,
        "damaged": list(examined.damaged),
    }


def _kept(why: Why, sizes: list[int]) -> Document:
    return {"why": str(why), "objects": len(sizes), "bytes": sum(sizes)}


def check_document(world: World, recompiled: Iterable[str], scope: frozenset[str] | None) -> Document:
    """The outcome of compiling everything without executing anything."""
    problems = [p for p in problems_of(world) if scope is None or p.task in scope]
    return {
        "ok": not problems,
        "tasks": len(world.catalog.by_name),
        "recompiled": sorted(recompiled),
        "problems": [problem_document(p) for p in problems],
        "warnings": warning_documents(world, scope),
    }
