"""Plays one script: lives of the daemon one after the other, the user beside them, and the oracles.

The daemon, the workspace, the builds, the scanner and the watch are the product's own. Checked are

- at each execution and publication: every table is made of whole versions of files, each of which there was,
- at each answer: it covers every save before the question, and tells of broken tasks as broken,
- at each publication and after each dropping: who has an earlier file of views open reads there what it showed,
- of calm scripts: exactly those tasks executed that had to,
- at the end, when all faults are over: an answer comes, every table and task is as the files mean, and as a clean build
  has it; then nothing happens any more, nothing runs, nothing is left behind.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.sim.answers import Difference, check_answer, check_clean, check_settings
from tests.sim.configured import CONFIG, read
from tests.sim.disk import Disk, Inode
from tests.sim.effects import Effects
from tests.sim.hands import ROOT, Hands
from tests.sim.loop import Crash, SimLoop
from tests.sim.machine import EPOCH_S, SimClock, SimMachine
from tests.sim.model import Meaning, meaning
from tests.sim.script import FOLDERS, Script, Step, draw
from tests.sim.state import State
from tests.sim.system import System, simulated
from tests.sim.witness import Witness

from relspec.app.daemon import Daemon
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.errors import ConfigError, StateError
from relspec.core.layout import Layout
from relspec.core.progress import Action
from relspec.core.settings import GcSettings, Limits, Settings, WatchSettings
from relspec.core.settle import ChangeSet
from relspec.core.state import RunRecord

LAYOUT = Layout(Path(ROOT))
#: Nobody waits longer than this for an answer.
ANSWER_S = 60.0
AUDIT_S = 60.0
#: After the last answer nothing may happen for so long.
IDLE_S = 8.0
#: A build that starts after so many others within the idle time was not asked for by anybody.
LIVES_MAX = 60
#: The verbs that end a process.
LIVES = frozenset({"restart", "kill", "power"})


@dataclass
class Played:
    """What came of a script."""

    script: Script
    difference: str | None
    trace: str
    n_effects: int
    named: dict[str, str]
    met: list[str]
    seconds: float


class Play:
    """One play."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.draw = random.Random(script.seed ^ 0x5EED)
        self.effects = Effects(script.faults, die=self._die, meanwhile=self._meanwhile)
        self.clock_s = 0.0
        self.skew_s = 0.0
        self.loop: SimLoop | None = None
        self.disk = Disk(self.now_ns, script.tick_ns, script.leases)
        self.system = System(self.disk, self.effects, self.draw, script.vices)
        self.state = State()
        self.effects.lose_power = self.state.lose_power
        self.at = 0
        self.hands = Hands(self.disk, int(EPOCH_S) * 1_000_000_000)
        self.history: list[dict[str, bytes]] = []
        self.untold_until = 0.0
        self.witness = Witness(self.state)
        self.remembered: set[tuple[object, ...]] = set()
        self.n_runs = 0
        self.found = self.witness.found
        settings = Settings(
            limits=Limits(workers=script.workers),
            watch=WatchSettings(audit_s=AUDIT_S),
            gc=GcSettings(idle_s=20.0, keep_days=0.001),
            entry_points=False,
        )
        self.settings = settings

    # Time

    def now(self) -> float:
        """Monotonic seconds."""
        return self.clock_s if self.loop is None else self.loop.now

    def now_ns(self) -> int:
        """Nanoseconds by the calendar."""
        return int((EPOCH_S + self.skew_s) * 1e9) + int(self.now() * 1e9)

    # The course

    def play(self) -> Played:
        """Play to the end."""
        with simulated(self.system, self.now, self.now_ns):
            for path, text in self.script.files.items():
                self.disk.create(f"{ROOT}/{path}", text.encode())
            for folder in (*FOLDERS, "data", ".git", "state"):
                self.disk.make_folders(f"{ROOT}/{folder}")
            self._note()
            self.clock_s += 5.0
            try:
                self._lives()
                self._compare_with_clean()
            except Exception as error:  # noqa: BLE001 - whatever goes wrong is a difference
                self.found.append(_told(error))
        trace = self.effects.trace
        trace.update(repr((sorted(self.witness.shown.items()), self.now())).encode())
        found = self.found[0] if self.found else None
        named = {self.effects.names.get(number, number): fault for number, fault in self.script.faults.items()}
        return Played(self.script, found, trace.hexdigest(), self.effects.count, named, self.effects.met, self.now())

    def _lives(self) -> None:
        for _ in range(LIVES_MAX):
            if self._live():
                return
            self.system.reboot()
            self.clock_s += self.draw.choice((0.0, 0.5, 3.0))
        raise Difference("it dies again and again")

    def _live(self) -> bool:
        """One life of the process; whether the script came to its end in it."""
        self.loop = loop = SimLoop(self.draw, self.clock_s, self.script.shuffle)
        loop.set_exception_handler(self._unhandled)
        self.effects.dead = False
        n_errors = sum("error" in met for met in self.effects.met)
        try:
            return loop.run_until_complete(self._life(loop))
        except Crash:
            self.effects.dead = True
        except ConfigError:
            self._repair()
        except StateError as error:
            if sum("error" in met for met in self.effects.met) == n_errors:
                raise Difference(f"it gave up: {error}") from error
        finally:
            self.clock_s = loop.now
            self.effects.dead = True
            loop.bury()
            self.loop = None
        return False

    async def _life(self, loop: SimLoop) -> bool:
        machine = SimMachine(
            LAYOUT,
            self.disk,
            self.state,
            self.effects,
            SimClock(loop, self.skew_s),
            self.settings,
            self.script.slow_s,
            self.witness,
            self.script.inotify,
        )
        self.clock = machine.clock
        async with AsyncExitStack() as stack:
            workspace = await stack.enter_async_context(open_workspace(LAYOUT, lambda _: None, machine))
            watching = machine.watcher(self.settings.watch, workspace.files.directories)
            watcher = await stack.enter_async_context(watching)
            daemon = Daemon(workspace, watcher, lambda _: None)
            running = asyncio.create_task(daemon.run())
            user = asyncio.create_task(self._user(daemon, workspace))
            await asyncio.wait({running, user}, return_when=asyncio.FIRST_COMPLETED)
            ended = user.done()
            if ended:
                daemon.stop()
            else:
                user.cancel()
                await asyncio.gather(user, return_exceptions=True)
            await running
            if not ended:
                raise Difference("the daemon ended by itself")
            self.engines = workspace.tools.engines
        return user.result()

    def _die(self) -> None:
        assert self.loop is not None
        self.effects.dead = True
        self.loop.crash()

    def _unhandled(self, _: object, context: dict[str, object]) -> None:
        if not self.effects.dead:
            self.found.append(f"nobody heard of: {context.get('message')} {context.get('exception')!r}")

    # The user

    async def _user(self, daemon: Daemon, workspace: Workspace) -> bool:
        """Do the steps, until the process ends; whether these were all."""
        await self._sync(daemon, workspace, retry=True)
        while self.at < len(self.script.steps):
            step = self.script.steps[self.at]
            await asyncio.sleep(step.after_ms / 1000)
            if self.at >= len(self.script.steps) or step is not self.script.steps[self.at]:
                continue  # It came sooner, between two calls.
            self.at += 1
            if step.verb in LIVES:
                return self._down(step)
            if step.verb in {"sync", "ask", "gc"}:
                await self._ask(step.verb, daemon, workspace)
            else:
                self._happen(step)
        await self._end(daemon, workspace)
        return True

    async def _ask(self, verb: str, daemon: Daemon, workspace: Workspace) -> None:
        """Ask the daemon for something; with `ask` do not wait for it."""
        if verb == "sync":
            await self._sync(daemon, workspace, retry=True)
        elif verb == "gc":
            await self._collect(daemon)
        else:
            asking = asyncio.create_task(self._sync(daemon, workspace, retry=False))
            asking.add_done_callback(self._asked)

    def _happen(self, step: Step) -> None:
        """Do what neither ends the process nor asks it for anything."""
        match step.verb:
            case "show":
                self.witness.open()
            case "leave":
                self.witness.leave()
            case "skew":
                self.skew_s += step.number
                self.clock.skew_s = self.skew_s
            case "deaf":
                for notify in tuple(self.system.watches):
                    notify.fail()
            case _:
                self._do(step)

    def _asked(self, asking: "asyncio.Task[None]") -> None:
        error = None if asking.cancelled() else asking.exception()
        if error is not None and not self.effects.dead:
            self.found.append(f"{type(error).__name__}: {error}")

    def _down(self, step: Step) -> bool:
        """End the process or the machine, and do what the user does while no process lives."""
        if step.verb == "power":
            self.state.lose_power()
        for _ in range(step.number):
            self._meanwhile()
        if step.verb != "restart":
            self._die()
        return False

    def _meanwhile(self) -> None:
        """Do the next step at once, if it is one on files."""
        if self.at < len(self.script.steps):
            step = self.script.steps[self.at]
            if self.hands.can(step.verb):
                self.at += 1
                self._do(step)

    def _repair(self) -> None:
        """Nothing starts with a wrong `watch.toml`: go on with the script, as far as it is about files."""
        before = self.at
        self._meanwhile()
        if self.at == before:
            self._do(Step(0, "put", CONFIG))

    def _do(self, step: Step) -> None:
        self.hands.do(step)
        if step.verb == "silent":
            self.untold_until = self.now() + AUDIT_S + 5
        self._note()

    def _note(self) -> None:
        files = {p.removeprefix(f"{ROOT}/"): inode.data for p, inode in self._files()}
        if not self.history or self.history[-1] != files:
            self.history.append(files)
            for path, data in files.items():
                self.witness.versions.write(path, data)

    def _files(self) -> Iterator[tuple[str, Inode]]:
        if self.disk.has(f"{ROOT}/{CONFIG}"):
            yield f"{ROOT}/{CONFIG}", self.disk.find(f"{ROOT}/{CONFIG}")
        for folder in (*FOLDERS, "data"):
            if self.disk.has(f"{ROOT}/{folder}"):
                yield from self.disk.files(f"{ROOT}/{folder}")

    # The oracles

    async def _sync(self, daemon: Daemon, workspace: Workspace, *, retry: bool) -> None:
        since, known_errors = len(self.history) - 1, len(self.effects.met)
        failing = self.effects.failing > 0
        try:
            async with asyncio.timeout(ANSWER_S):
                records = await daemon.sync(retry=retry)
        except TimeoutError:
            raise Difference("no answer came") from None
        except StateError as error:
            if not any("error" in met for met in self.effects.met[known_errors:]):
                raise Difference(f"it answers {error}") from error
            # The machine refused once, which was said; whoever asks again is answered.
            return await self._sync(daemon, workspace, retry=retry)
        world = workspace.world
        if self.now() < self.untold_until or workspace.held or world.look_again:
            return None
        if not check_settings(world, self.history[since:]):
            return None
        # What an engine's death broke is known to be broken, and tried again by the next who asks.
        may_be_broken = failing or any("error" in met for met in self.effects.met[known_errors:]) or not retry
        meanings = [meaning(files) for files in self.history[since:]]
        check_answer(world, self.state, meanings, may_be_broken=may_be_broken)
        if self.script.calm:
            self._check_executed(records, meanings[-1])
        return None

    async def _collect(self, daemon: Daemon) -> None:
        """Have the daemon drop what nobody needs."""
        known_errors = len(self.effects.met)
        try:
            await daemon.collect(dry=False)
        except StateError as error:
            if not any("error" in met for met in self.effects.met[known_errors:]):
                raise Difference(f"it drops nothing: {error}") from error
        self.witness.read()

    def _check_executed(self, records: tuple[RunRecord, ...], now: Meaning) -> None:
        executed = sorted(t.task for r in records for t in r.tasks if t.action is Action.EXECUTED)
        stored = {name: key for name, key in now.keys.items() if now.tasks[name] != "view"}
        expected = sorted(name for name, key in stored.items() if key not in self.remembered)
        self.remembered |= set(stored.values())
        if executed != expected and self.n_runs:
            raise Difference(f"executed {executed}, expected {expected}")
        self.n_runs += 1

    async def _end(self, daemon: Daemon, workspace: Workspace) -> None:
        """All faults are over: everything comes to rest, and is as it must be."""
        self.effects.faults = {}
        self.system.vices = 0.0
        self.hands.let_go()
        self._note()
        if read(self.history[-1].get(CONFIG, b"")) is None:
            self._repair()
        # What fails after the question is asked is not tried again for it.
        await asyncio.sleep(max(self.script.slow_s, self.untold_until - self.now()))
        await self._sync(daemon, workspace, retry=True)
        if workspace.held or workspace.world.look_again:
            await asyncio.sleep(40.0)
            await self._sync(daemon, workspace, retry=True)
        world = workspace.world
        if workspace.held or world.look_again:
            raise Difference(f"{sorted(workspace.held)} and {sorted(world.look_again)} never come to rest")
        runs = world.run
        await asyncio.sleep(IDLE_S)
        if world.run != runs:
            raise Difference(f"{world.run - runs} builds that nobody asked for")
        if not self.script.calm:
            await self._collect(daemon)
            check_answer(world, self.state, [meaning(self.history[-1])], may_be_broken=False)
        if self.state.temporary:
            raise Difference(f"left behind: {sorted(self.state.temporary)}")

    def _compare_with_clean(self) -> None:
        """A build of the same files from nothing has the same tables, tasks and problems."""
        fresh = Play(Script(self.script.seed, {}, ()))
        fresh.clock_s = 100.0
        with simulated(fresh.system, fresh.now, fresh.now_ns):
            for path, data in self.history[-1].items():
                fresh.disk.create(f"{ROOT}/{path}", data)
            fresh._note()
            fresh.clock_s += 10.0
            fresh.loop = loop = SimLoop(fresh.draw, fresh.clock_s, 0.0)
            loop.run_until_complete(fresh._build())
            loop.close()
        check_clean(self.state, fresh.state, meaning(self.history[-1]))

    async def _build(self) -> None:
        assert self.loop is not None
        clock = SimClock(self.loop)
        machine = SimMachine(LAYOUT, self.disk, self.state, self.effects, clock, self.settings, 0.001, self.witness)
        async with open_workspace(LAYOUT, lambda _: None, machine) as workspace:
            changes: ChangeSet = await workspace.look_all()
            await workspace.build(changes)


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _told(error.exceptions[0])
    return f"{type(error).__name__}: {error}"


def play(script: Script) -> Played:
    """Play one script."""
    return Play(script).play()


def play_seed(seed: int) -> Played:
    """Play the script that a seed gives; by name in another process too, which `__main__` would not have."""
    return play(draw(seed))
