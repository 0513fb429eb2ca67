"""Files of the state that rot, are cut, or are replaced by others, under a project that was built; and what heals them.

A daemon is killed, so that its log of the database, its lock and its socket lie there; then one file is poisoned. After
a check-up and a build readers see what a clean build gives, every table is right and a further check-up finds nothing.
A save that follows shows what rows that were read wrong would do.
"""

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.builds import Outcome
from tests.crash.project import Project, parsed, traceback_in
from tests.life.living import Living

from relspec.core.layout import Layout

#: So many bytes that follow one another are spoilt at most.
_RUN_MAX = 64
#: Machines have little room or few watches, and no poison is to blame for that.
_OF_THE_STATE = frozenset({"database", "objects", "tables"})
_KEYS = ("name", "output", "kind", "state", "rows", "fingerprint")


@dataclass(frozen=True, slots=True)
class Poison:
    """One file of the state, what was done to it, and where."""

    path: Path
    deed: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.path.name} {self.deed}"


class PoisonTrial:
    """The last version of a project but one, left by a daemon that was killed; each poison spoils one of its files."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._statuses: dict[int, Any] = {}
        self._built, *self._saved = project.versions[-2:]
        project.reset()
        for version in project.versions[1 : self._built]:
            project.save(version)
        self._live()
        self._statuses[self._built] = self._status()
        project.keep()
        for version in self._saved:
            project.save(version)
            project.built()
            self._statuses[version] = self._status()

    def strike(self, rng: random.Random) -> Outcome:
        """Poison something, and have it healed."""
        self.project.reset()
        # The files have other stamps than those that were kept; now the state knows them, and looks at none of them.
        self._live()
        poison = poisoned(self.project.layout, rng)
        doctor, build = self.project.run("doctor"), self.project.run("build")
        came = "found by the check-up" if _found(doctor.stdout) else "harmless"
        if came == "harmless" and _found_by_build(build.stdout):
            came = "found by a build"
        wrong = next(self._wrong(doctor, build), None)
        return Outcome(came, {}, None if wrong is None else f"{poison}: {came}, and then {wrong}")

    def _live(self) -> None:
        """Let a daemon build everything, and kill it."""
        with Living(self.project.layout.root, self.project.folder / "daemon.log") as daemon:
            reply = daemon.asked("build")
            assert reply is not None and reply[0] == 0, (reply, daemon.said())  # noqa: PT018

    def _wrong(self, *done: Any) -> Iterator[str]:
        yield from filter(None, [traceback_in(*(text for d in done for text in (d.stdout, d.stderr)))])
        if done[-1].returncode:
            yield f"the build ends with {done[-1].returncode}: {done[-1].stdout[-300:]}{done[-1].stderr[-300:]}"
        yield from self._differs(self._built)
        again = self.project.run("doctor")
        if again.returncode or _found(again.stdout):
            yield f"a further check-up says {again.stdout[-600:]}"
        for version in self._saved:
            self.project.save(version)
            after = self.project.run("build")
            if after.returncode:
                yield f"the build of the next save ends with {after.returncode}: {after.stdout[-300:]}"
            yield from (f"after the next save {found}" for found in self._differs(version))

    def _differs(self, version: int) -> Iterator[str]:
        found = self.project.differs(version)
        if found is not None:
            yield found
        if (status := self._status()) != self._statuses[version]:
            yield f"the status is {status}, and not {self._statuses[version]}"

    def _status(self) -> Any:
        document = parsed(self.project.run("status").stdout)
        return [[task[key] for key in _KEYS] for task in document["tasks"]], document["problems"], document["warnings"]


def poisoned(layout: Layout, rng: random.Random) -> Poison:
    """Spoil one file of the state, as `rng` wants."""
    sorts: Mapping[str, tuple[Sequence[Path], Sequence[Callable[[Path, random.Random], str]]]] = {
        "objects": (sorted(layout.objects.iterdir()), _IN_PLACE),
        "database": ((layout.database,), _IN_PLACE),
        "log of the database": (sorted(layout.state.glob("relspec.sqlite-*")), _IN_PLACE),
        "views": ((layout.views,), _IN_PLACE),
        "tables": (sorted(layout.tables.iterdir()), (_gone, _dangling, _another, _folder)),
        "others": ([layout.lock, layout.card, *layout.log.iterdir()], (*_IN_PLACE, _gone)),
        "socket": ((layout.socket,), (_gone, _dangling, _another)),
    }
    # What is most is spoilt most.
    victims, deeds = sorts[rng.choice([*sorts, "database", "database", "log of the database"])]
    path = rng.choice(victims)
    return Poison(path, rng.choice(deeds)(path, rng))


def _flip(path: Path, rng: random.Random) -> str:
    """Change some bytes that say something, as a bad disk does: nothing else of the file moves."""
    before, data = path.stat(), bytearray(path.read_bytes())
    start = rng.choice([i for i, byte in enumerate(data) if byte] or [0])
    run = range(start, min(start + rng.choice((1, 1, 4, _RUN_MAX)), len(data)))
    for i in run:
        data[i] ^= rng.randrange(1, 256)
    path.chmod(0o600)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"flipped at {run.start} to {run.stop} of {len(data)} bytes"


def _overwrite(path: Path, rng: random.Random) -> str:
    """Write zeros over a part, as where a write never came to the disk."""
    data = bytearray(path.read_bytes())
    start = rng.randrange(len(data) or 1)
    stop = min(start + rng.choice((_RUN_MAX, 4096)), len(data))
    data[start:stop] = bytes(stop - start)
    path.chmod(0o600)
    path.write_bytes(data)
    return f"zeroed at {start} to {stop} of {len(data)} bytes"


def _cut(path: Path, rng: random.Random) -> str:
    size = path.stat().st_size
    path.chmod(0o600)
    os.truncate(path, rng.randrange(size or 1))
    return f"cut to {path.stat().st_size} of {size} bytes"


def _gone(path: Path, _: random.Random) -> str:
    path.unlink()
    return "deleted"


def _dangling(path: Path, _: random.Random) -> str:
    path.unlink()
    path.symlink_to(path.with_name("nothing"))
    return "replaced by a link to nothing"


def _another(path: Path, rng: random.Random) -> str:
    other = rng.choice([p for p in sorted(path.parent.iterdir()) if p != path and p.is_file()])
    data = other.read_bytes()
    path.unlink()
    path.write_bytes(data)
    return f"replaced by a copy of {other.name}"


def _folder(path: Path, _: random.Random) -> str:
    path.unlink()
    path.mkdir()
    return "replaced by a folder"


_IN_PLACE = (_flip, _flip, _overwrite, _cut)


def _found(text: str) -> bool:
    """Whether a check-up says that something of the state was not as it should be."""
    document = parsed(text) if text else {}
    checks = document.get("checks", ())
    return "error" in document or any(c["name"] in _OF_THE_STATE and c["verdict"] != "ok" for c in checks)


def _found_by_build(text: str) -> bool:
    """Whether a build, for which no file had changed, had something to do."""
    document = parsed(text) if text else {}
    return any(document.get(key) for key in ("error", "executed", "restored", "recompiled"))
