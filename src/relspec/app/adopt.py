"""A result outlives the upgrade of a compiler that hands the same query to the engine.

Fingerprints of two versions of sqlglot are never compared. Where the texts, inputs and types are the very same, though,
the result is known to be what it would be: it is current again under its new key, and nothing executes.
"""

from msgspec.structs import replace

from relspec.app.world import World
from relspec.core.digest import task_key
from relspec.core.plan import PlanArtifact, is_remembered
from relspec.core.state import MemoRow


def adopt(world: World, before: PlanArtifact, plan: PlanArtifact) -> None:
    """Give the current result of `before` the key that it has by `plan`, which is the same query."""
    name = plan.output.lower()
    output = world.outputs.get(name)
    if output is None or output.task != plan.task or output.basis.fingerprint != before.fingerprint:
        return
    basis = output.basis
    key = task_key(plan.fingerprint, basis.engine, basis.edges)
    adopted = replace(output, basis=replace(basis, key=key, fingerprint=plan.fingerprint))
    world.outputs[name] = adopted
    world.notes.rekeyed.add(output.output)
    policy = world.catalog.by_name[plan.task].cache_policy
    if is_remembered(plan, policy):
        world.carried.memo.append(MemoRow(policy, adopted))
