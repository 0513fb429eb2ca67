"""The two manners of using a peer: a process for each edit, and one process that is kept warm."""

import json
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, Self

from tests.bench.peers.checking import Rows
from tests.bench.peers.environments import variables
from tests.bench.peers.tools import Tool
from tests.bench.peers.usage import LIMIT_S, Memory, Usage, run


class Manner(Protocol):
    """One peer over one project, in either manner."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def build(self) -> Usage:
        """Bring every table up to the files, and tell what it cost."""
        ...

    def tables(self, names: Iterable[str]) -> dict[str, Rows]:
        """Give the rows of some tables as the tool shows them now."""
        ...


class CommandLine:
    """A process for each build."""

    def __init__(self, tool: Tool, environment: Path, root: Path) -> None:
        self._tool, self._environment, self._root = tool, environment, root
        self._commands = tool.commands(environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stays behind."""

    def build(self) -> Usage:
        """Run the tool's own command."""
        usage, _ = run(self._commands.build(self._root), self._root, variables())
        self._tool.built(self._root)
        return usage

    def listing(self) -> Usage:
        """Run the command that lists tasks and changes nothing."""
        usage, _ = run(self._commands.listing, self._root, variables())
        return usage

    def tables(self, names: Iterable[str]) -> dict[str, Rows]:
        """Read what the last process has left."""
        return self._tool.tables(self._environment, self._root, names)


class Warm:
    """One process that has the tool imported and keeps what the tool can keep."""

    def __init__(self, tool: Tool, environment: Path, root: Path) -> None:
        self._tool, self._root = tool, root
        self._log = (root / "driver.log").open("w")
        self._process = subprocess.Popen(
            tool.driver(environment),
            cwd=root,
            env=variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Self:
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._log.close()

    def build(self) -> Usage:
        """Have the driver build; it takes the time itself, around the tool's work alone."""
        with Memory(self._process.pid) as memory:
            answer = self._ask({"do": "build"})
        self._tool.built(self._root)
        return Usage(answer["wall_ms"], answer["cpu_ms"], memory.peak_mb)

    def tables(self, names: Iterable[str]) -> dict[str, Rows]:
        """Have the driver show tables."""
        shown: dict[str, Rows] = self._ask({"do": "show", "names": list(names)})["tables"]
        return shown

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        limit = threading.Timer(LIMIT_S, self._process.kill)
        limit.start()
        line = self._process.stdout.readline()
        limit.cancel()
        if not line:
            raise RuntimeError(f"the driver ended: {Path(self._log.name).read_text(errors='replace')[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer
