"""Asks the machine what a check-up wants to know: limits, file systems, room, modes, what was left. Changes nothing.

The caller owns the project's lock: a socket that is not its own is nobody's.
"""

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from relspec.core.health import Vitals
from relspec.core.layout import Layout
from relspec.core.mounts import silent_type

_INOTIFY = Path("/proc/sys/fs/inotify")


def vitals(layout: Layout) -> Vitals:
    """Ask for all of it. Cost: some stats, and one link that is made and taken away."""
    socket = _own_socket(layout)
    return Vitals(
        watches_max=_limit("max_user_watches"),
        instances_max=_limit("max_user_instances"),
        free_bytes=shutil.disk_usage(layout.state).free,
        silent=_silent(layout),
        has_links=_has_links(layout),
        open_modes=tuple(str(path) for path in (layout.state, layout.database) if _is_open(path)),
        temporary_bytes=_size_below(layout.temporary),
        socket=socket,
        left_behind=() if socket is not None else tuple(_left_behind(layout)),
    )


def _limit(name: str) -> int | None:
    try:
        return int((_INOTIFY / name).read_text())
    except (OSError, ValueError):
        return None


def _silent(layout: Layout) -> str | None:
    try:
        mountinfo = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    return silent_type(mountinfo, os.path.realpath(layout.root))


def _has_links(layout: Layout) -> bool:
    one, other = (layout.temporary / f"link-{os.getpid()}-{n}" for n in (1, 2))
    try:
        one.touch()
        os.link(one, other)
    except OSError:
        return False
    finally:
        for path in (one, other):
            path.unlink(missing_ok=True)
    return True


def _is_open(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except FileNotFoundError:
        return False


def _own_socket(layout: Layout) -> str | None:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        card = json.loads(layout.card.read_bytes())
        return str(card["socket"]) if card["pid"] == os.getpid() else None
    return None


def _left_behind(layout: Layout) -> Iterator[str]:
    return (str(path) for path in (layout.card, layout.socket) if os.path.lexists(path))


def _size_below(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        # What is being worked on comes and goes.
        with contextlib.suppress(FileNotFoundError):
            found += path.lstat().st_size
    return found
