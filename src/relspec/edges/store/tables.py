"""Imports sqlite-utils without the pandas and numpy that it takes in where they are: half a second for nothing.

An entry of None makes an import fail, which sqlite-utils provides for. Both are taken out again at once.
"""

import sys

_absent = [name for name in ("pandas", "numpy") if name not in sys.modules]
for _name in _absent:
    sys.modules[_name] = None  # type: ignore[assignment]
try:
    from sqlite_utils import Database, Migrations
finally:
    for _name in _absent:
        del sys.modules[_name]

__all__ = ["Database", "Migrations"]
