"""Hamilton from the command line: `build` all tables, `list` their names, or `show` tables out of the cache alone.

python hamilton_run.py show m_00001 m_00002
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

import tables
from hamilton.caching.adapter import CachingEventType
from session import cached


def names() -> list[str]:
    """Name every table of the project."""
    return [name for name in dir(tables) if name.startswith("m_")]


def show(wanted: list[str]) -> dict[str, list[list[object]]]:
    """Read tables that an earlier process has built; one that it did not build ends the program."""
    driver = cached(tables)
    found = driver.execute(wanted)
    for name, events in driver.cache.logs(driver.cache.last_run_id, level="debug").items():
        if any(event.event_type is CachingEventType.EXECUTE_NODE for event in events):
            sys.exit(f"{name} was not built before")
    return {name: [list(row.values()) for row in found[name].to_pylist()] for name in wanted}


def main(do: str, wanted: list[str]) -> None:
    """Do what is asked for."""
    if do == "build":
        cached(tables).execute(names())
    elif do == "list":
        print("\n".join(variable.name for variable in cached(tables).list_available_variables()))
    else:
        print(json.dumps({"tables": show(wanted)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
