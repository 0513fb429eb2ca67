"""What changed in a world since its last commit, as one value for the store."""

from relspec.app.world import World
from relspec.core.problem import Problem
from relspec.core.state import Delta, Output, RunRecord


def delta_of(world: World, run: RunRecord | None, problems: tuple[Problem, ...] | None) -> Delta:
    """Gather what is noted; `World.committed` clears it."""
    notes = world.notes
    return Delta(
        files={p: world.tree.get(p) for p in notes.files},
        modules={p: world.modules.get(p) for p in notes.modules},
        sources={n: world.sources.get(n) for n in notes.sources | notes.restamped},
        source_files=dict(notes.source_files),
        records={t: world.records.get(t) for t in notes.records},
        plans={t: world.plans.get(t) for t in notes.plans},
        stored_plans=notes.plans,
        outputs={n: _output_called(world, n) for n in notes.outputs | notes.rekeyed},
        statuses={n: world.statuses.get(n) for n in notes.statuses},
        problems=problems,
        memo=tuple(world.carried.memo),
        digests=tuple(world.carried.digests),
        extractions=tuple(world.carried.extractions),
        run=run,
        toolchain=world.toolchain.whole if world.retooled else None,
    )


def _output_called(world: World, spelled: str) -> Output | None:
    """The output of just this name: of two that differ in case one is gone."""
    output = world.outputs.get(spelled.lower())
    return None if output is None or output.output != spelled else output
