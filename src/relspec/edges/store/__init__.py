"""The only SQL for `state/relspec.sqlite`: one connection, one writer, WAL, one transaction a commit.

`database` writes, `glance` reads without any import that costs start-up time.
"""
