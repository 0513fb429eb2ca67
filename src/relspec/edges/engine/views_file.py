"""The file of views as readers find it, and the log beside it: what is put in their places, and in what order.

DuckDB opens a file together with its write-ahead log, `<file>.wal`, and shows what both say. So a change need not
rewrite the file, whose size grows with the number of views: 10,000 of them take 80 ms, a line in the log takes 1 ms
(1.5.6, measured). A log is switched by rename, whole.

A reader opens the file first and the log later, up to 0.2 s later for 10,000 views, and between the two either may be
replaced. So a log goes with more than one file:
- while a log is there, whatever is published is added to it;
- where the file is written anew (`fold`), the log says the same once more: a log that only replaces views goes with a
  file that has them already. It says so until the file has been in its place for `LINGER_S`, then it begins anew, and
  only then is it folded again;
- a log that brings or takes names does not go with such a file: DuckDB refuses to create what is there. Then the log
  goes first (`replace`), and who opens the file at that very moment sees the revision that the file was written for,
  which is an earlier one, but whole. For `LINGER_S` there is no log then, for those who have opened an earlier file.

What the system may lose in a power failure is lost in this order too: where two renames depend on each other, the
folder is synced between them.
"""

import os
import shutil
import time
from pathlib import Path

from relspec.core.views import Mark, content_of_views, stamp_of_views
from relspec.edges.engine.objects import content_of_file

#: Within this time whoever has opened a file has opened its log too.
LINGER_S = 2.0
#: A reader replays the log when it opens the file, 0.1 ms for 400 bytes: at most so many, or this share of the file.
_LOG_BYTES = 32 << 10
_LOG_SHARE = 32
#: How a log begins, in the one version that is known here. What follows can be appended to another log.
_HEAD = b"d\x00be\x00\x02\xff\xff"


class ViewsFile:
    """One file of views and its log, at `path`, for the one who publishes them."""

    def __init__(self, path: str, since: float | None = None) -> None:
        """`since` is a moment of the monotonic clock after which nobody else has put anything there."""
        self._path = Path(path)
        self._log = Path(f"{path}.wal")
        self._content = ""
        # What the log has to say for those who opened an earlier file, which only replaces views; and with that, what
        # was taken in last. Whether the latter only replaces views, too.
        self._kept = self._text = b""
        self._is_plain = True
        # Where what the log will say lies ready.
        self._laid: Path | None = None
        # When the file was put there, and since when any log goes with any file that somebody may have opened.
        self._since = since
        self._placed_at = self._begun_at = time.monotonic()

    def stamp(self) -> str | None:
        """What is there now; `None` where nothing is."""
        views, log = _mark(self._path), _mark(self._log)
        return None if views is None else stamp_of_views(views, log)

    def copy_to(self, build: Path) -> None:
        """Copy both, for somebody who goes on from them."""
        shutil.copyfile(self._path, build)
        log = _read(self._log)
        if log:
            log_of(build).write_bytes(log)
        with build.open("rb") as file:
            self._content = content_of_file(file)
        # What the log does is not known.
        self._begin(is_plain=False)
        if self._since is not None:
            self._placed_at = self._begun_at = self._since

    def tells(self, build: Path, *, plain: bool) -> bool:
        """Take in what the log of `build` says; `plain` where it only replaces views. Whether it can be told on."""
        text = _read(log_of(build))
        if self._kept and time.monotonic() - self._placed_at > LINGER_S:
            self._kept = b""
        self._is_plain &= plain
        self._text = self._kept + text[len(_HEAD) :] if self._kept else text
        return text.startswith(_HEAD)

    def lay(self, build: Path) -> Path:
        """Make durable beside `build` what `write_log` will say, before it may be said; where it is."""
        if self._laid is None:
            laid = build.with_name(f"{build.name}.laid")
            with laid.open("wb") as file:
                self._laid = laid
                file.write(self._text)
                file.flush()
                os.fsync(file.fileno())
        return self._laid

    def write_log(self, build: Path) -> str | None:
        """Tell what `build` says; the hash of all, or `None` where the file is to be folded, in place of it or then."""
        if not self._log.exists() and time.monotonic() - self._begun_at <= LINGER_S:
            return None
        self.lay(build).rename(self._log)
        self._laid = None
        # While it has to say again what the file says, folding makes it no shorter: 80 ms with 10,000 views.
        is_long = not self._kept and len(self._text) > max(_LOG_BYTES, self._path.stat().st_size // _LOG_SHARE)
        return None if is_long else content_of_views(self._content, self._text)

    def fold(self, build: Path) -> str:
        """Let the file be a copy of `build`, which says what was taken in; the hash of all."""
        if not self._is_plain:
            return self.replace(build)
        _sync_folder(self._path)
        self._copy(build)
        self._kept = self._text
        return content_of_views(self._content, _read(self._log))

    def replace(self, build: Path) -> str:
        """Let the file be a copy of `build`, and have no log; the hash of it."""
        if self._log.exists():
            self._log.unlink()
            _sync_folder(self._path)
        self._copy(build)
        self._begin(is_plain=True)
        return self._content

    def clear(self) -> None:
        """Take away what was laid ready and not told."""
        if self._laid is not None:
            self._laid.unlink(missing_ok=True)
        self._laid = None

    def _begin(self, *, is_plain: bool) -> None:
        self._kept, self._is_plain = b"", is_plain
        self._placed_at = self._begun_at = time.monotonic()

    def _copy(self, build: Path) -> None:
        self.clear()
        aside = build.with_name(f"{build.name}.copy")
        try:
            shutil.copyfile(build, aside)
            with aside.open("rb") as file:
                self._content = content_of_file(file)
                os.fsync(file.fileno())
            aside.rename(self._path)
        finally:
            aside.unlink(missing_ok=True)
        _sync_folder(self._path)
        self._placed_at = time.monotonic()


def log_of(path: Path) -> Path:
    """Where DuckDB has the log of a file."""
    return path.with_name(f"{path.name}.wal")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _mark(path: Path) -> Mark | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
