"""DuckDB in processes of its own: a module a verb, the child that answers, and the pool that owns the children."""
