"""Who still has an earlier file of views open: such a reader opens the objects that its views name for each query.

Before the file of views is replaced it gets a second link, `held/<revision>-<inode>.duckdb`, and the link goes when
nobody has the file open any more. The kernel tells that: it grants a write lease only on a file that no one else has
open. That holds on local file systems and for the owner of the file. Where it does not work nothing is held, and what
was shown is kept for `READING_S` instead. Revision 0 stands for one that is not known.
"""

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from relspec.core.errors import StateError
from relspec.core.layout import Layout

#: Where nobody can say who has a file open, a reader is believed to have it for a day.
READING_S = 86_400.0
_UNKNOWN = 0


class Readers:
    """The readers of one project's views. `seen` says whether the system tells who has a file open.

    Where it does not, a reader is believed to have it open for `believed_s`.
    """

    believed_s = READING_S

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.seen = _leases_work(layout.held)

    def hold(self, revision: int | None) -> None:
        """Keep a link to the file of views, which shows `revision` or a later one: it is about to be replaced.

        To be called before each replacement. Links that nobody needs any more go first. Raises StateError.
        """
        if not self.seen:
            return
        views = self._layout.views
        try:
            self._hold(views, revision or _UNKNOWN)
        except FileNotFoundError:
            return  # Nothing is shown yet.
        except OSError as error:
            raise StateError(f"cannot keep {views} for its readers: {error.strerror}") from error

    def _hold(self, views: Path, revision: int) -> None:
        # Not afterwards: a reader may open this very file until it is replaced.
        held, spare = self._links()
        number = str(views.stat().st_ino) if views.exists() else ""
        mine = next((link for link in spare if _inode_of(link) == number), None)
        _remove(link for link in spare if link != mine)
        # What goes into its log leaves the file in its place: it is held by the first revision that it showed while
        # somebody had it open.
        if number in map(_inode_of, held):
            return
        link = self._layout.held / f"{revision}-{number}.duckdb"
        if mine is None:
            os.link(views, link)
        else:
            # Where nobody reads it is always there: one change of the folder, not two.
            mine.rename(link)

    def oldest(self) -> int | None:
        """The oldest revision that somebody has open, 0 for an unknown one; `None` where all read what is current.

        Cost: some 20 microseconds for each revision that is open, or was when the views were last replaced.
        """
        held, spare = self._links()
        _remove(spare)
        return min(map(_revision_of, held), default=None)

    def may_write(self) -> bool:
        """Whether somebody has a file of views open to write: who closes that takes the log away from its place.

        True as well where the system does not tell. Cost: as `oldest`.
        """
        files = (self._layout.views, *self._layout.held.iterdir())
        return not self.seen or any(_is_open(file, to_write=True) for file in files)

    def _links(self) -> tuple[list[Path], list[Path]]:
        """The links that somebody has open, and the others."""
        held: list[Path] = []
        spare: list[Path] = []
        for link in self._layout.held.iterdir():
            (held if _is_open(link) else spare).append(link)
        return held, spare

    def forget_revisions(self) -> None:
        """Take the numbers of all that is held for unknown: they are of a database that is gone."""
        for link in self._layout.held.iterdir():
            link.rename(link.with_name(f"{_UNKNOWN}-{_inode_of(link)}.duckdb"))


def _remove(links: Iterable[Path]) -> None:
    for link in links:
        link.unlink(missing_ok=True)


def _revision_of(link: Path) -> int:
    text = link.name.partition("-")[0]
    return int(text) if text.isdecimal() else _UNKNOWN


def _inode_of(link: Path) -> str:
    return link.stem.rpartition("-")[2]


def _is_open(path: Path, *, to_write: bool = False) -> bool:
    """Whether somebody else has a file open, or has it open to write; true as well where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    lease = fcntl.F_RDLCK if to_write else fcntl.F_WRLCK
    try:
        # Whoever opens it while the lease is held makes the kernel send a signal; SIGURG is ignored by default.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, lease)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _leases_work(folder: Path) -> bool:
    """Whether a file with two names, which nobody has open, is told to be free."""
    probe, other = folder / f"probe-{os.getpid()}", folder / f"probe-{os.getpid()}-link"
    try:
        probe.touch(mode=0o600)
        os.link(probe, other)
        return not _is_open(other)
    except OSError:
        return False
    finally:
        for path in (probe, other):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
