"""What readers see of a world: whose published form the next commit changes, and who waits to be published."""

from collections.abc import Callable, Iterable

from relspec.app.notes import Notes
from relspec.core.schema import Column
from relspec.core.spec import Kind

#: What of a task decides how its output is published: the output's name, its kind, and the query of a view.
Form = tuple[str, Kind, str]
#: What the view of a source says: the paths of its files, and the columns that they had.
ShownFiles = tuple[tuple[str, ...], tuple[Column, ...]]


class Shown:
    """The forms as last committed, and the names that readers do not see in that form yet.

    `revision` is the one that readers see, `None` when what they see is not known. `files` are those that the views of
    sources name, as far as they were published since the start: a file that changes where it lies changes no view.
    """

    def __init__(self, form: Callable[[str], Form | None]) -> None:
        self.revision: int | None = None
        self.files: dict[str, ShownFiles] = {}
        self._form = form
        self._forms: dict[str, Form] = {}
        self._waiting: set[str] = set()
        self._left_out: frozenset[str] = frozenset()

    def remember(self, tasks: Iterable[str]) -> None:
        """Take the forms of `tasks` as committed."""
        for task in tasks:
            form = self._form(task)
            if form is None:
                self._forms.pop(task, None)
            else:
                self._forms[task] = form

    def touched(self, notes: Notes) -> set[str]:
        """Datasets whose published form `notes` touch: outputs, sources, views, and outputs that changed kind."""
        names = {*notes.outputs, *notes.sources}
        for task in notes.plans.keys() | notes.records:
            form, before = self._form(task), self._forms.get(task)
            if form != before:
                names |= {f[0] for f in (form, before) if f is not None}
        return names

    def commit(self, notes: Notes) -> None:
        """Take `notes` as committed: what they touch waits to be published."""
        self._waiting |= self.touched(notes)
        self.remember(notes.plans.keys() | notes.records)

    def waiting(self) -> frozenset[str]:
        """The names of committed datasets that wait to be published, as they were spelled.

        Views that were left out are tried again with whatever else there is: what they read may be well by now.
        """
        return self._with_left_out(self._waiting)

    def upcoming(self, notes: Notes) -> frozenset[str]:
        """What will be waiting once `notes` are committed."""
        return self._with_left_out(self._waiting | self.touched(notes))

    def _with_left_out(self, waiting: set[str]) -> frozenset[str]:
        return frozenset(waiting | self._left_out if waiting else ())

    def publish(self, revision: int) -> None:
        """Take it that readers see all that waited; not before they do, for a build can be cancelled until then."""
        self._waiting.clear()
        self.revision = revision

    def leave_out(self, names: Iterable[str]) -> None:
        """Note the views that could not be published."""
        self._left_out = frozenset(names)
