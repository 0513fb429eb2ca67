"""Imports sqlite-utils without the pandas that it takes in where pandas is installed: 0.4 s and 107 MB for nothing."""

import sys

_absent = "pandas" not in sys.modules
if _absent:
    # An entry of None makes an import fail, which sqlite-utils provides for; it is taken out again at once.
    sys.modules["pandas"] = None  # type: ignore[assignment]
try:
    from sqlite_utils import Database, Migrations
finally:
    if _absent:
        del sys.modules["pandas"]

__all__ = ["Database", "Migrations"]
