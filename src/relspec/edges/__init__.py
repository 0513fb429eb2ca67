"""One outside thing a module: files, SQLite, DuckDB, user code, the socket. Edges know the core and not each other."""
