"""What tells one state of the file of views from another. It is a file and, as DuckDB has it, a log of what came since.

Who publishes and who looks whether all is shown are other processes; both say it in these words.
"""

from relspec.core.digest import digest_of

#: Inode, size and time of the last write. Not when an inode changed: a link that keeps a file for its readers changes
#: that too.
Mark = tuple[int, int, int]


def stamp_of_views(views: Mark, log: Mark | None) -> str:
    """Say what tells this file of views, with the log beside it, from any other."""
    return "+".join(":".join(map(str, mark)) for mark in (views, log) if mark is not None)


def content_of_views(views: str, log: bytes) -> str:
    """Hash a file of views, whose own hash is given, with its log; an empty one counts for none."""
    return digest_of(views, log) if log else views
