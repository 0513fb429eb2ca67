"""The project's files: one scan of the disk as a tree, the folders to watch, and the bytes of code."""

from relspec.edges.files.reading import being_written
from relspec.edges.files.scan import Files

__all__ = ["Files", "being_written"]
