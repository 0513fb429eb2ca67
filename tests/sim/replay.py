"""Plays a script on real files, with the real watch, scanner, engines and state; then a clean build has to agree.

Time passes as it does, so what was drawn comes otherwise. Of the faults those at engines are played by name; a process
that is killed is one that ends. What else a script has of the simulated system is passed over, and named.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.scenarios.harness import Children, compare_with_clean
from tests.sim.effects import DELAY_S, Effects
from tests.sim.script import FOLDERS, Script, Step

from relspec.app.daemon import Daemon
from relspec.app.workspace import Workspace, open_workspace
from relspec.core.errors import WorkerError
from relspec.core.layout import Layout
from relspec.core.state import TaskState
from relspec.core.work import Analyse, Execute, Intake
from relspec.edges.watch import FileWatcher

_LIVES = frozenset({"restart", "kill", "power"})
_WORKS = ("execute ", "analyse ", "intake ")


@dataclass
class Faulty:
    """Engines of which some calls fail, or let the user's next step come first."""

    engines: Any
    effects: Effects

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engines, name)

    async def execute(self, request: Execute) -> Any:
        """Run a query."""
        return await self._call("execute", request.task, lambda: self.engines.execute(request))

    async def analyse(self, request: Analyse) -> Any:
        """Compile a query."""
        return await self._call("analyse", request.task, lambda: self.engines.analyse(request))

    async def intake(self, request: Intake) -> Any:
        """Take a file in."""
        return await self._call("intake", request.shown, lambda: self.engines.intake(request))

    async def _call(self, name: str, about: str, call: Callable[[], Any]) -> Any:
        fault = self.effects.begin(name, about)
        if fault == "delay":
            await asyncio.sleep(DELAY_S)
        if fault == "error":
            raise WorkerError("crash", "its process ended")
        if fault == "twice":
            await call()
        return await call()


@dataclass
class Replay:
    """One script on one real folder. `passed_over` names what is not played."""

    script: Script
    root: Path
    children: Children
    at: int = 0
    passed_over: list[str] = field(default_factory=list)
    effects: Effects = field(init=False)
    _open: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = {key: fault for key, fault in self.script.faults.items() if key.startswith(_WORKS)}
        self.passed_over += sorted(self.script.faults.keys() - named.keys())
        self.effects = Effects(named, meanwhile=self._meanwhile)

    async def play(self) -> None:
        """Play to the end; raises AssertionError where a clean build differs."""
        for folder in (*FOLDERS, "data", ".git"):
            (self.root / folder).mkdir(parents=True)
        for name, text in self.script.files.items():
            (self.root / name).write_text(text)
        with self.children.lent(), patch("relspec.app.machine.EnginePool", self._engines):
            while True:
                async with AsyncExitStack() as stack:
                    opened = open_workspace(Layout(self.root), lambda _: None)
                    workspace = await stack.enter_async_context(opened)
                    if await self._life(workspace, stack):
                        break
        with self.children.lent():
            await compare_with_clean(self.root, self.root.with_name("clean"), self._broken(workspace))

    def _engines(self, *_: object) -> Any:
        return _Lent(Faulty(self.children.engines, self.effects))

    async def _life(self, workspace: Workspace, stack: AsyncExitStack) -> bool:
        directories = workspace.files.directories
        settings = workspace.world.settings.watch
        watcher = await stack.enter_async_context(FileWatcher(Layout(self.root), settings, directories))
        daemon = Daemon(workspace, watcher, lambda _: None)
        loop = asyncio.create_task(daemon.run())
        user = asyncio.create_task(self._user(daemon))
        await asyncio.wait({loop, user}, return_when=asyncio.FIRST_COMPLETED)
        if not user.done():
            user.cancel()
            await asyncio.gather(user, return_exceptions=True)
            await loop
            raise AssertionError("the daemon ended by itself")
        daemon.stop()
        await loop
        return user.result()

    async def _user(self, daemon: Daemon) -> bool:
        await daemon.sync(retry=True)
        while self.at < len(self.script.steps):
            step = self.script.steps[self.at]
            await asyncio.sleep(step.after_ms / 1000)
            if self.at >= len(self.script.steps) or step is not self.script.steps[self.at]:
                continue
            self.at += 1
            if step.verb in {"sync", "ask"}:
                await daemon.sync(retry=True)
            elif step.verb in _LIVES:
                for _ in range(step.number):
                    self._meanwhile()
                return False
            else:
                self._do(step)
        for handle in self._open.values():
            handle.close()
        (self.root / ".git/index.lock").unlink(missing_ok=True)
        self.effects.faults = {}
        await daemon.sync(retry=True)
        return True

    def _meanwhile(self) -> None:
        if self.at < len(self.script.steps) and self.script.steps[self.at].verb not in {"sync", "ask", *_LIVES}:
            self.at += 1
            self._do(self.script.steps[self.at - 1])

    def _do(self, step: Step) -> None:
        path = self.root / step.path
        match step.verb:
            case "put":
                path.with_name(f".new-{path.name}").write_text(step.text)
                path.with_name(f".new-{path.name}").replace(path)
            case "over" | "silent":
                path.write_text(step.text)
            case "open":
                self._open[step.path] = path.open("w")
            case "add" if step.path in self._open:
                self._open[step.path].write(step.text)
                self._open[step.path].flush()
            case "close" if step.path in self._open:
                self._open.pop(step.path).close()
            case "touch" if path.exists():
                os.utime(path)
            case "forge" if path.exists():
                os.utime(path, (1_800_000_000 + step.number / 1000,) * 2)
            case "delete":
                path.unlink(missing_ok=True)
            case "swap":
                path.rename(path.with_name("aside"))
                shutil.copytree(path.with_name("aside"), path)
                shutil.rmtree(path.with_name("aside"))
            case "lock":
                (self.root / ".git/index.lock").touch()
            case "unlock":
                (self.root / ".git/index.lock").unlink(missing_ok=True)
            case _:
                self.passed_over.append(step.verb)

    @staticmethod
    def _broken(workspace: Workspace) -> set[str]:
        return {name for name, s in workspace.world.statuses.items() if s.state is not TaskState.FRESH}


class _Lent:
    """Engines that somebody else closes."""

    def __init__(self, engines: Faulty) -> None:
        self._engines = engines

    async def __aenter__(self) -> Faulty:
        return self._engines

    async def __aexit__(self, *_: object) -> None:
        return None
