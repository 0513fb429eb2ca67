"""Rounds of edits under one daemon: each starts from the same project, ends with it, and is different in between."""

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.edits import applied, new_edit
from tests.campaign.files import files_of
from tests.campaign.generate import new_project
from tests.campaign.owners import Owner, in_daemon
from tests.campaign.shape import Project
from tests.scenarios.harness import write
from tests.soak.sample import Sample, take

from relspec.core.layout import Layout
from relspec.edges.ask import card


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to go on, or how many rounds, and of what size."""

    seed: int
    tasks: int
    steps: int
    seconds: float
    rounds: int | None = None


@dataclass
class Soak:
    """A soak under way: what was done, and a sample after each round, when the project is what it was at first."""

    root: Path
    owner: Owner
    base: Project
    edits: int = 0
    builds: int = 0
    samples: list[Sample] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    async def save(self, project: Project, *, touched: bool = False) -> None:
        """Write what differs, and wait until it is built."""
        files = files_of(project)
        changed: dict[str, str | None] = {p: t for p, t in files.items() if touched or self.files.get(p) != t}
        changed |= {path: None for path in self.files if path not in files}
        self.files = files
        write(self.root, changed)
        await self.owner.build()
        self.builds += 1

    async def round(self, rng: random.Random, steps: int) -> None:
        """Edit away from the project and come back to it; every task is fresh then, or it is an error."""
        project = self.base
        for _ in range(steps):
            broken = rng.random() < 0.1
            edit = new_edit(project, rng, excursion=broken)
            after = applied(project, edit)
            await self.save(after, touched=edit.kind == "touch")
            if broken:
                # Apart from the next edit: a task that is saved while a column has another type keeps to that.
                await self.save(project)
            else:
                project = after
            self.edits += 1
        await self.save(self.base)
        document = await self.owner.build()
        assert document["problems"] == [], f"after {self.edits} edits: {document['problems']}"
        states = await self.owner.states()
        assert set(states.values()) == {"fresh"}, f"after {self.edits} edits: {states}"
        found = card(Layout(self.root))
        assert found is not None
        self.samples.append(await take(Layout(self.root), found["pid"], self.edits))


async def soak(root: Path, plan: Plan, tell: Callable[[Soak], None]) -> Soak:
    """Go on for as long as the plan says; `tell` hears of each round."""
    (root / "tasks").mkdir(parents=True)
    base = new_project(random.Random(plan.seed), plan.tasks)
    async with in_daemon(root) as owner:
        running = Soak(root, owner, base)
        await running.save(base)
        deadline = time.monotonic() + plan.seconds
        for number in itertools.count():
            if number == plan.rounds or (plan.rounds is None and time.monotonic() > deadline):
                return running
            await running.round(random.Random(plan.seed * 1_000_003 + number), plan.steps)
            tell(running)
    raise AssertionError("rounds are without end")
