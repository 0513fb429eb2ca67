"""Measures the steps of one project, one after the other, and holds that each executed what it has to.

An idle gap stands before each edit, for the daemon and for the floor alike, since caches and clocks cool down in it.
CPU is counted until some time after the daemon was ready, so that what it does afterwards costs, too. The answer of
`build` says which tasks executed: a figure of a run that did anything else is worth nothing, and ends the program.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import steps
from tests.bench.command import Ended, bare_python, relspec
from tests.bench.cpu import NOTHING, Reading, Spent, spent
from tests.bench.daemon import Daemon
from tests.bench.edit import Edit, Subject, Work
from tests.bench.figures import Row, Sample, row
from tests.bench.floor import Taken, measured
from tests.bench.steps import BY_NAME, Manner, Step

from relspec.core.layout import Layout
from relspec.edges.watch.stepping import CALM_S

#: Idle time before each save, for the daemon and for the floor alike.
GAP_S = 0.08
#: What the daemon does so long after it was ready still counts.
TRAIL_S = 0.3
#: After a start it is calm when it took less than so many milliseconds in such a time; or nobody waits any longer.
_CALM_MS = 5.0
_CALM_WITHIN_S = 20.0
#: An edit that executes more tasks is made in a third of the rounds.
_MANY_TASKS = 50


class WrongRunError(Exception):
    """A step did not do what it has to."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How often edits and commands are made, how often daemons are started, how long idleness lasts, and the day."""

    rounds: int
    starts: int
    idle_s: float
    today: str


class Session:
    """One project that is measured."""

    def __init__(self, subject: Subject, effort: Effort) -> None:
        self._subject = subject
        self._effort = effort

    def rows(self, wanted: Sequence[Step]) -> Iterator[Row]:
        """Measure the steps that are wanted; a cold build comes first in any case."""
        self._subject.write()
        names = {step.name for step in wanted}
        if steps.COLD_COMPILE in names:
            yield self._cold_compile()
        cold = self._cold_build(self._effort.starts if steps.COLD_BUILD in names else 1)
        if steps.COLD_BUILD in names:
            yield cold
        if steps.WARM_START in names:
            yield self._warm_start()
        later = [step for step in wanted if step.name not in (steps.COLD_COMPILE, steps.COLD_BUILD, steps.WARM_START)]
        if later:
            with Daemon(self._subject.root) as daemon:
                _until_calm(daemon)
                for step in later:
                    yield self._measured(daemon, step)
        self._subject.close()

    def _cold_compile(self) -> Row:
        samples = []
        for _ in range(self._effort.starts):
            self._forget()
            ended = relspec(self._subject.root, "check")
            if not ended.document["ok"]:
                raise WrongRunError(f"check: {ended.document['problems']}")
            samples.append(Sample(ended.wall_ms, Spent(ended.cpu_ms, 0.0), None))
        return row(steps.COLD_COMPILE, self._effort.today, 0, samples, None)

    def _cold_build(self, starts: int) -> Row:
        samples, executed, peak = [], 0, 0.0
        for number in range(starts):
            self._forget()
            with Daemon(self._subject.root) as daemon:
                cpu = _until_calm(daemon)
                executed = checked(steps.COLD_BUILD, daemon.first, self._subject.tasks, frozenset())
                peak = max(peak, daemon.peak_mb)
                wall = daemon.ready_ms
            if number == 0:
                self._subject.built()
                self._compared(steps.COLD_BUILD, daemon.first["executed"])
            work = self._subject.cold()
            samples.append(Sample(wall, cpu, None if work is None else measured(work)))
        return row(steps.COLD_BUILD, self._effort.today, executed, samples, peak)

    def _warm_start(self) -> Row:
        samples, peak = [], 0.0
        for _ in range(self._effort.starts):
            with Daemon(self._subject.root) as daemon:
                samples.append(Sample(daemon.ready_ms, _until_calm(daemon), None))
                checked(steps.WARM_START, daemon.first, frozenset(), frozenset())
                peak = max(peak, daemon.peak_mb)
        return row(steps.WARM_START, self._effort.today, 0, samples, peak)

    def _measured(self, daemon: Daemon, step: Step) -> Row:
        daemon.family.peak_mb = 0.0
        if step.manner is Manner.CALM:
            return self._idle(daemon)
        samples: list[Sample] = []
        executed = 0
        while len(samples) < self._rounds(executed):
            done = self._edit(daemon, step.name) if step.manner is Manner.EDIT else self._command(daemon, step.name)
            samples.append(done[0])
            executed = max(executed, done[1])
        return row(step.name, self._effort.today, executed, samples, daemon.peak_mb)

    def _rounds(self, executed: int) -> int:
        return self._effort.rounds if executed <= _MANY_TASKS else max(3, self._effort.rounds // 3)

    def _edit(self, daemon: Daemon, step: str) -> tuple[Sample, int]:
        edit = self._subject.edit(step)
        if edit.before is not None:
            daemon.answered(edit.before)
        time.sleep(GAP_S)
        before, outcome = daemon.reading(), None
        if edit.quiet:
            wall, outcome = daemon.answered(edit.apply)
        else:
            wall = daemon.published(edit.apply)
        cpu = _after_trail(daemon, before)
        sample = Sample(wall, cpu, _floor(edit.floor))
        return sample, self._held(step, edit, outcome or daemon.outcome())

    def _command(self, daemon: Daemon, step: str) -> tuple[Sample, int]:
        if step == steps.STATUS:
            return self._asked(daemon, step, None, "status")
        if step == steps.CHECK_TASK:
            return self._asked(daemon, step, self._subject.edit("comment"), "check", self._subject.leaf)
        path = str(self._subject.leaf_path)
        return self._asked(daemon, step, self._subject.edit("leaf"), "build", "--file", path)

    def _asked(self, daemon: Daemon, step: str, edit: Edit | None, *words: str) -> tuple[Sample, int]:
        time.sleep(GAP_S)
        before = daemon.reading()
        if edit is not None:
            edit.apply()
        ended = relspec(self._subject.root, *words)
        daemon.family.weigh()
        cpu = _after_trail(daemon, before)
        total = Sample(ended.wall_ms, Spent(cpu.fine_ms + ended.cpu_ms, cpu.coarse_ms), self._command_floor(edit))
        if step == steps.BUILD_FILE and edit is not None:
            return total, self._held(step, edit, ended.document)
        checked(step, daemon.outcome(), frozenset(), frozenset())
        return total, 0

    def _command_floor(self, edit: Edit | None) -> Taken | None:
        if edit is not None:
            return _floor(edit.floor)
        bare: Ended = bare_python()
        return Taken(bare.wall_ms, bare.cpu_ms)

    def _idle(self, daemon: Daemon) -> Row:
        time.sleep(CALM_S + 3.0)
        before, started = daemon.reading(), time.perf_counter()
        time.sleep(self._effort.idle_s)
        cpu = spent(before, daemon.reading())
        daemon.family.weigh()
        sample = Sample((time.perf_counter() - started) * 1000, cpu, None)
        return row(steps.IDLE, self._effort.today, 0, [sample], daemon.peak_mb)

    def _held(self, step: str, edit: Edit, outcome: dict[str, Any]) -> int:
        executed = checked(step, outcome, edit.executed, edit.restored)
        self._compared(step, outcome["executed"])
        return executed

    def _compared(self, step: str, executed: Sequence[str]) -> None:
        wrong = self._subject.differs(frozenset(executed))
        if wrong is not None:
            raise WrongRunError(f"{step}: {wrong} is not what it has to be")

    def _forget(self) -> None:
        shutil.rmtree(Layout(self._subject.root).state, ignore_errors=True)


def wanted_of(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps of these names, in the order in which they are measured."""
    return tuple(step for step in BY_NAME.values() if step.name in names)


def _after_trail(daemon: Daemon, before: Reading) -> Spent:
    time.sleep(TRAIL_S)
    return spent(before, daemon.reading())


def _until_calm(daemon: Daemon) -> Spent:
    """What a start took in all: when it is ready, its children still get ready for the first save."""
    deadline, before = time.monotonic() + _CALM_WITHIN_S, NOTHING
    while time.monotonic() < deadline:
        time.sleep(TRAIL_S)
        after = daemon.reading()
        if spent(before, after).fine_ms < _CALM_MS:
            break
        before = after
    daemon.family.weigh()
    return spent(NOTHING, daemon.reading())


def _floor(work: Work | None) -> Taken | None:
    if work is None:
        return None
    time.sleep(GAP_S)
    return measured(work)


def checked(step: str, outcome: dict[str, Any], executed: frozenset[str] | None, restored: frozenset[str]) -> int:
    """Hold that a build did what it has to; how many tasks executed."""
    if outcome["problems"]:
        raise WrongRunError(f"{step}: {outcome['problems'][:3]}")
    for what, expected in (("executed", executed), ("restored", restored)):
        found = frozenset(outcome[what])
        if executed is not None and expected is not None and found != expected:
            more, fewer = sorted(found - expected)[:5], sorted(expected - found)[:5]
            raise WrongRunError(f"{step}: {what} {len(found)} tasks, {more} too many and {fewer} not")
    return len(outcome["executed"])
