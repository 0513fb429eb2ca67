"""Sees every table that is executed or published, and says which of them no versions of the files can have given."""

from typing import Any

from tests.sim.engines import published_table
from tests.sim.language import Table, WrongError
from tests.sim.state import State
from tests.sim.versions import Versions


class Witness:
    """What was seen in one play; `found` are the tables that there could not be."""

    def __init__(self, state: State) -> None:
        self.versions = Versions()
        self.shown: dict[str, Table] = {}
        self.found: list[str] = []
        self._read: dict[int, dict[str, Table | None]] = {}
        self._state = state

    def executed(self, name: str, table: Table) -> None:
        """Note what a task came to: others may read it, also if users never see it."""
        if self.versions.gave(name, table):
            self.versions.see(name, table)
        else:
            self.found.append(f"{name} came out as {table}, which no versions of the files give")

    def open(self) -> None:
        """Have a user open what is shown now, and read it all."""
        views = self._state.views
        if views is not None and not any(opened is views for opened in self._state.open):
            self._state.open.append(views)
            self._read[id(views)] = {name: table_of(self._state, dict(views.names), name) for name in views.names}

    def leave(self) -> None:
        """Have the one who opened first close it."""
        if self._state.open:
            del self._read[id(self._state.open.pop(0))]

    def read(self) -> None:
        """Have all who have something open read it again: it is as it was, whatever was built and dropped since."""
        for views in self._state.open:
            for name, table in self._read[id(views)].items():
                found = table_of(self._state, dict(views.names), name)
                if table is not None and found != table:
                    self.found.append(f"who opened revision {views.revision} reads {found} as {name}, not {table}")

    def published(self) -> None:
        """Look at every stored table that is shown otherwise than before: a version of a file, or what a task gave."""
        self.read()
        assert self._state.views is not None
        names = dict(self._state.views.names)
        for name, view in names.items():
            table = table_of(self._state, names, name) if view.sql is None else None
            if table is None or self.shown.get(name) == table:
                continue
            self.shown[name] = table
            if not self.versions.had(name, table):
                self.found.append(f"{name} was published as {table}, which no versions of the files gave")


def table_of(state: State, names: dict[str, Any], name: str) -> Table | None:
    """What users read under a name, `None` where they cannot."""
    try:
        return published_table(state, names, name)
    except (KeyError, WrongError):
        return None
