"""What a check-up finds: of the machine, and of the state that is kept on it."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How one thing is. `NOTE` is worth knowing, `MENDED` was wrong until now."""

    OK = "ok"
    NOTE = "note"
    MENDED = "mended"
    WRONG = "wrong"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at, what was found, and what to do about it."""

    name: str
    verdict: Verdict
    message: str
    hint: str | None = None


class Vitals(msgspec.Struct, frozen=True):
    """What the machine says of itself, as far as a daemon needs it; `None` where it does not say.

    `watches_max` and `instances_max` are the user's limits of inotify, `silent` the type of a file system whose events
    do not come, `open_modes` the parts of the state that others than the owner can reach. `socket` is where this
    process answers, if it is a daemon; else `left_behind` are the files of one that did not come to tidy up.
    """

    watches_max: int | None
    instances_max: int | None
    free_bytes: int
    silent: str | None
    has_links: bool
    open_modes: tuple[str, ...]
    temporary_bytes: int = 0
    socket: str | None = None
    left_behind: tuple[str, ...] = ()


#: Less room than this is too little for the next table.
FREE_BYTES_MIN = 256 << 20


def checks_of(vitals: Vitals, n_folders: int) -> tuple[Check, ...]:
    """Judge a machine for a project of so many watched folders."""
    return (_watches(vitals, n_folders), _file_system(vitals), _room(vitals), _modes(vitals), _daemon(vitals))


def _watches(vitals: Vitals, n_folders: int) -> Check:
    if vitals.watches_max is None:
        return Check("watches", Verdict.NOTE, f"{n_folders} folders to watch; the system tells no limit of watches")
    message = f"{n_folders} folders to watch, {vitals.watches_max} watches and {vitals.instances_max} watchers allowed"
    if n_folders >= vitals.watches_max:
        hint = "allow more: sysctl fs.inotify.max_user_watches; until then changes are found by looking every second"
        return Check("watches", Verdict.WRONG, message, hint)
    if n_folders > vitals.watches_max // 2:
        hint = "other programs use them too; allow more: sysctl fs.inotify.max_user_watches"
        return Check("watches", Verdict.NOTE, message, hint)
    return Check("watches", Verdict.OK, message)


def _file_system(vitals: Vitals) -> Check:
    if vitals.silent is not None:
        message = f"the project is on a file system of type {vitals.silent}, which does not tell of all changes"
        return Check("file-system", Verdict.NOTE, message, "changes are found by looking every second")
    if not vitals.has_links:
        message = "the state is on a file system without hard links: each table is a copy of its object"
        return Check("file-system", Verdict.NOTE, message)
    return Check("file-system", Verdict.OK, "it tells of changes, and has hard links")


def _room(vitals: Vitals) -> Check:
    message = (
        f"{vitals.free_bytes >> 20} MB are free for the state; temporary files take {vitals.temporary_bytes >> 20}"
    )
    if vitals.free_bytes < FREE_BYTES_MIN:
        return Check("room", Verdict.WRONG, message, "free some: relspec-watch gc drops what is not needed")
    return Check("room", Verdict.OK, message)


def _modes(vitals: Vitals) -> Check:
    if vitals.open_modes:
        message = f"others than you can reach {', '.join(vitals.open_modes)}"
        return Check("permissions", Verdict.WRONG, message, "take their rights away: chmod go= on each")
    return Check("permissions", Verdict.OK, "the state is yours alone")


def _daemon(vitals: Vitals) -> Check:
    if vitals.left_behind:
        message = f"a daemon was killed and left {', '.join(vitals.left_behind)}"
        return Check("daemon", Verdict.NOTE, message, "they lead nowhere, and the next daemon replaces them")
    if vitals.socket is None:
        return Check("daemon", Verdict.OK, "none runs, and none left anything behind")
    return Check("daemon", Verdict.OK, f"it answers at {vitals.socket}")
