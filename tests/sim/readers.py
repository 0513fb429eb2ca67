"""Who still has an earlier file of views open, as links and leases tell it of real ones."""

from tests.sim.effects import Effects
from tests.sim.state import State, Views

from relspec.core.errors import StateError


class Readers:
    """The readers of one project. Open files are those of `state.open`, second links those of `state.held`."""

    seen = True
    believed_s = 0.0

    def __init__(self, state: State, effects: Effects) -> None:
        self._state = state
        self._effects = effects

    def hold(self, revision: int | None) -> None:
        """Keep a link to what is shown."""
        fault = self._effects.begin("hold", "")
        if fault == "error":
            raise StateError("no room for a link")
        self.oldest()
        views = self._state.views
        if views is not None and not any(held is views for _, held in self._state.held):
            self._state.held.append((revision or 0, views))
        self._effects.end(fault)

    def oldest(self) -> int | None:
        """The oldest revision that is open; links that nobody needs go."""
        self._state.held = [(revision, views) for revision, views in self._state.held if self._is_open(views)]
        return min((revision for revision, _ in self._state.held), default=None)

    def may_write(self) -> bool:
        """Readers read."""
        return False

    def forget_revisions(self) -> None:
        """The numbers are of a database that is gone."""
        self._state.held = [(0, views) for _, views in self._state.held]

    def _is_open(self, views: Views) -> bool:
        return any(opened is views for opened in self._state.open)
