"""A daemon that is killed, or refused by the system, at one chosen call while three saves follow one another.

Each save is acknowledged by an answer of the daemon to `build`, asked for on its socket, so that nobody else builds
when it is gone. Wherever the fault was: readers see one whole version, at least the last that was acknowledged; all
processes end; a daemon that is refused something goes on, says so and heals by itself, or ends with a sentence; and one
that is started afterwards answers soon, and then builds what a clean build of the saved version gives.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.builds import Outcome
from tests.crash.project import Project, traceback_in
from tests.crash.strikes import KILL, Call, counting
from tests.life.living import DEADLINE_S, Living, Reply, wait_for

from relspec.app.daemon import REFUSED_S
from relspec.core.errors import StateError
from relspec.core.problem import Code

#: What the machine refused is tried again after `REFUSED_S`; so much longer that may take.
_SLACK_S = 5.0
#: A daemon that is started again answers within this time.
RESTART_S = 2.0
ANSWERS = "the next daemon answers"


class _Traced(Living):
    """A daemon under `strace`."""

    def __init__(self, root: Path, log: Path, under: Sequence[str]) -> None:
        super().__init__(root, log)
        self.under = tuple(under)


@dataclass
class _Play:
    """How far the saves came: the last version that was saved, and the last that was acknowledged."""

    saved: int = 1
    acknowledged: int = 1
    wrong: str | None = None


class DaemonTrial:
    """Each fault strikes the daemon that is to build all versions of a project after the first."""

    name = "a daemon"

    def __init__(self, project: Project) -> None:
        self.project = project

    def written_down(self) -> str:
        """The calls that the daemon makes where nothing strikes."""
        log = self.project.folder / "calls.txt"
        play, _, said = self._played(counting(str(log)))
        assert (play.acknowledged, play.wrong) == (self.project.versions[-1], None), (play, said)
        return log.read_text()

    def strike(self, call: Call, fault: str) -> Outcome:
        """Let a call meet a fault; `seconds` are those of a daemon that is started afterwards."""
        play, code, said = self._played(call.struck_by(fault))
        wrong = play.wrong or traceback_in(said) or _unsaid(code, fault, said)
        half = play.saved if play.saved > play.acknowledged else None
        wrong = wrong or self.project.torn(range(play.acknowledged, play.saved + 1), half)
        seconds, found = self._restarted(play.saved)
        return Outcome("ended" if code else "went on", seconds, wrong or found)

    def _played(self, under: Sequence[str]) -> tuple[_Play, int, str]:
        """Start a daemon, save three times, stop it; how far that came, its exit code, and what it printed."""
        self.project.reset()
        play = _Play()
        with _Traced(self.project.layout.root, self.project.folder / "daemon.log", under) as daemon:
            self._save_all(daemon, play)
            if daemon.process.poll() is None:
                daemon.asked("stop")
            code = daemon.process.wait(DEADLINE_S)
            play.wrong = play.wrong or _left_running(daemon)
            return play, code, daemon.said()

    def _save_all(self, daemon: Living, play: _Play) -> None:
        for version in self.project.versions:
            if version > 1:
                self.project.save(version)
                play.saved = version
            reply = daemon.asked("build")
            if reply is None:
                return
            if reply[0] == 0:
                play.acknowledged = version
                play.wrong = play.wrong or self.project.torn({version})
            else:
                play.wrong = play.wrong or _foreign(reply[1])
        if play.acknowledged != play.saved:
            self._heal(daemon, play)

    def _heal(self, daemon: Living, play: _Play) -> None:
        """Wait until the daemon has by itself what it was refused."""
        replies: list[Reply | None] = []

        def ended() -> bool:
            replies.append(daemon.asked("status", sync=True))
            return replies[-1] is None or _is_well(replies[-1])

        try:
            wait_for(ended, "the daemon to heal", REFUSED_S + _SLACK_S)
        except AssertionError as error:
            play.wrong = play.wrong or f"{error}: {replies[-1]}"
        if replies[-1] is not None:
            play.acknowledged = play.saved

    def _restarted(self, version: int) -> tuple[Mapping[str, float], str | None]:
        """Start a daemon on what was left: the seconds until it answers and has built all, and what is wrong then."""
        with Living(self.project.layout.root, self.project.folder / "again.log") as daemon:
            started = time.monotonic()
            daemon.asked("status")
            seconds = {ANSWERS: time.monotonic() - started}
            reply = daemon.asked("status", sync=True)
            if reply is None or not _is_well(reply):
                return seconds, f"it cannot be started again: {reply}: {daemon.said()[-300:]}"
            seconds["and has built all"] = time.monotonic() - started
            daemon.asked("stop")
            code = daemon.process.wait(DEADLINE_S)
            wrong = traceback_in(daemon.said()) or (f"then it ends with {code}" if code else _left_running(daemon))
            return seconds, wrong or self.project.differs(version) or _slow(seconds[ANSWERS])


def _is_well(reply: Reply) -> bool:
    return reply[0] == 0 and all(task["state"] == "fresh" for task in reply[1]["tasks"])


def _foreign(document: Mapping[str, Any]) -> str | None:
    """What an answer blames that is no fault of the machine."""
    error = document.get("error")
    if error is not None:
        return None if error["code"] == StateError.code else f"a build ends with {error}"
    blamed = [problem for problem in document["problems"] if problem["code"] != Code.MACHINE]
    return f"a build ends with {blamed}" if blamed else None


def _unsaid(code: int, fault: str, said: str) -> str | None:
    """What is wrong with how a daemon ended."""
    if fault == KILL or code == 0:
        return None
    return None if code == 1 and "error: " in said else f"it ends with {code}, and says: {said[-300:]}"


def _slow(seconds: float) -> str | None:
    """What is wrong with a start that took so long; nothing where others kept this machine busy meanwhile."""
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    return None if seconds <= RESTART_S or busy else f"it answered after {seconds:.1f} s"


def _left_running(daemon: Living) -> str | None:
    try:
        daemon.gone_within()
    except AssertionError as error:
        return str(error)
    return None
