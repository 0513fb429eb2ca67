"""Imports the engine of sessions into their warm parent, which opens no database of its own and forks from one thread.

DuckDB's package opens one when it is imported, with a thread for each further core (1.5.6). It is closed here, before
there is any code of the user's; whoever asks for it later gets another. A session that imports the engine itself leaves
it alone: task code may have put tables into it.
"""

import duckdb

from relspec.app import loader_engine  # noqa: F401 - for the children.

duckdb.default_connection().close()
