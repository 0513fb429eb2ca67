"""Asks the machine what a check-up wants to know: limits, file systems, room, modes. Changes nothing."""

import os
import shutil
import stat
from pathlib import Path

from relspec.core.health import Vitals
from relspec.core.layout import Layout
from relspec.core.mounts import silent_type

_INOTIFY = Path("/proc/sys/fs/inotify")


def vitals(layout: Layout) -> Vitals:
    """Ask for all of it. Cost: some stats, and one link that is made and taken away."""
    return Vitals(
        watches_max=_limit("max_user_watches"),
        instances_max=_limit("max_user_instances"),
        free_bytes=shutil.disk_usage(layout.state).free,
        silent=_silent(layout),
        has_links=_has_links(layout),
        open_modes=tuple(str(path) for path in (layout.state, layout.database) if _is_open(path)),
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
