"""A build that is killed, or refused by the system, at one chosen system call; and what has to hold afterwards.

Readers see one whole revision, the earlier or the later one, every table that they open is whole, and a further build
gives what a clean build of the second version gives.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.crash.project import Project, traceback_in
from tests.crash.strikes import Call, counting


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault: in a word, how long what followed took, and what was wrong."""

    came: str
    seconds: Mapping[str, float]
    wrong: str | None


class BuildTrial:
    """Each fault strikes the build of the second version of a project."""

    name = "a build"

    def __init__(self, project: Project) -> None:
        self.project = project
        self._log = project.folder / "calls.txt"

    def written_down(self) -> str:
        """The calls that the build of the second version makes."""
        self._start()
        assert self.project.run("build", under=counting(str(self._log))).returncode == 0
        return self._log.read_text()

    def strike(self, call: Call, fault: str, *, children: bool = False) -> Outcome:
        """Let a call meet a fault, or each process of the build its own call of this number."""
        self._start()
        follow = ["-f"] if children else []
        strace, *options = call.struck_by(fault)
        done = self.project.run("build", under=[strace, *follow, *options])
        struck = done.returncode != 0
        wrong = traceback_in(done.stdout, done.stderr) or self.project.torn({1, 2} if struck else {2})
        started = time.monotonic()
        found = wrong or next(self._repaired(), None)
        return Outcome("ended" if struck else "went on", {"the next build": time.monotonic() - started}, found)

    def _start(self) -> None:
        self.project.reset()
        self.project.save(2)

    def _repaired(self) -> Iterator[str]:
        """What is wrong after a further build."""
        try:
            self.project.built()
        except AssertionError as error:
            yield str(error)
        if (found := self.project.differs(2)) is not None:
            yield found
