"""Tells that files may have changed: hints from the system's events, and a look at everything whenever in doubt."""

from relspec.edges.watch.watcher import FileWatcher

__all__ = ["FileWatcher"]
