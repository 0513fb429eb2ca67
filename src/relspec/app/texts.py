"""The texts of Python files as they were loaded, and what of another version of them is still as it was.

A version that does the same as the one that was loaded need not be loaded; a task whose builder does the same as
before need not be built. Both are only believed where sketches prove it, for the file and for all that it is made of.
What was loaded in an earlier life of the daemon has no text here: the first edit of it loads and builds as ever.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from relspec.app.ports import CodeReader
from relspec.app.publish import rests
from relspec.app.world import World
from relspec.core.errors import InputMovedError
from relspec.core.plan import FileUse
from relspec.core.problem import Problem
from relspec.core.settle import ChangeSet
from relspec.core.sketch import Sketch, sketch_of
from relspec.core.tree import CONFIG_NAME, module_names
from relspec.core.work import Loaded, LoadFailed

#: A longer text is not kept: sketching it would hold up others for longer than loading it takes.
TEXT_BYTES_MAX = 64 * 1024


class _Text(msgspec.Struct):
    content: str
    data: bytes
    _sketch: Sketch | None = None
    _is_sketched: bool = False

    def sketch(self) -> Sketch | None:
        if not self._is_sketched:
            self._sketch, self._is_sketched = sketch_of(self.data), True
        return self._sketch


@dataclass
class Texts:
    """Texts by path; reads files by `code`."""

    code: CodeReader
    #: The last two of each: a file that several others use moves while some of them still are of the one before.
    _kept: dict[str, tuple[_Text, ...]] = field(default_factory=dict)
    #: What was read last, with what was found in it.
    _last: _Text | None = None

    def unmoved(self, world: World, path: str, changes: ChangeSet) -> Loaded | None:
        """Say what loading a file again would give, where that is certain: all as it was, in other rows.

        Its tasks need not be compiled again. Call it, as `take`, before the world gets to know the module.
        """
        before = world.modules.get(path)
        if not isinstance(before, Loaded) or before.problems or not _holds_still(world, changes):
            return None
        pairs = [self._pair(world, use) for use in before.files]
        sure = [pair for pair in pairs if pair is not None]
        if len(sure) < len(pairs) or not _are_known([was for was, _ in sure], before.files):
            return None
        after = _in_other_rows(before, sure)
        if after is not None:
            for use, (_, text) in zip(after.files, sure, strict=True):
                self._put(use.path, text)
            for spec in after.tasks:
                _spare(world, spec.name, before, after)
        return after

    def take(self, world: World, path: str, module: Loaded | LoadFailed) -> None:
        """Keep the texts of a file that was loaded, and spare the tasks whose builders do what they did before."""
        before = world.modules.get(path)
        if isinstance(before, Loaded) and isinstance(module, Loaded):
            for task in self._unmoved_builders(before, module):
                _spare(world, task, before, module)
        for use in module.files:
            text = self._find(use)
            if text is not None:
                self._put(use.path, text)

    def forget(self, path: str) -> None:
        """A file is no longer a task file."""
        self._kept.pop(path, None)

    def _pair(self, world: World, use: FileUse) -> tuple[Sketch, _Text] | None:
        """Sketch a file as it was used, and give its text as it is, where that says the same."""
        known, found = self._known(use), world.content(use.path)
        was = None if known is None else known.sketch()
        if known is None or was is None or found is None:
            return None
        text = known if found == use.content else self._find(FileUse(use.path, found))
        now = None if text is None else text.sketch()
        return (was, text) if text is not None and now is not None and was.whole == now.whole else None

    def _unmoved_builders(self, before: Loaded, after: Loaded) -> Iterator[str]:
        """Name the tasks of a file whose builders do what they did: its text may differ in the bodies of others."""
        own = after.files[0]
        if before.problems or after.problems or before.files[1:] != after.files[1:]:
            return
        was, now = self._sketch(before.files[0]), self._sketch(own)
        others = [sketch for use in after.files[1:] if (sketch := self._sketch(use)) is not None]
        if was is None or now is None or now.rest is None or was.rest != now.rest:
            return
        if len(others) + 1 == len(after.files) and _are_apart(now, others, after.files):
            for spec in after.tasks:
                body = now.bodies.get(spec.builder.function or "")
                if body is not None and body == was.bodies.get(spec.builder.function or ""):
                    yield spec.name

    def _sketch(self, use: FileUse) -> Sketch | None:
        text = self._find(use)
        return None if text is None else text.sketch()

    def _known(self, use: FileUse) -> _Text | None:
        return next((text for text in self._kept.get(use.path, ()) if text.content == use.content), None)

    def _find(self, use: FileUse) -> _Text | None:
        """Give the text that was used, from the file where it still is what it was."""
        text = self._known(use) or (self._read(use.path) if use.path.endswith(".py") else None)
        return text if text is not None and text.content == use.content else None

    def _put(self, path: str, text: _Text) -> None:
        others = (other for other in self._kept.get(path, ()) if other.content != text.content)
        self._kept[path] = (text, *others)[:2]

    def _read(self, path: str) -> _Text | None:
        try:
            found = self.code.read_code(path)
        except InputMovedError:
            return None
        if isinstance(found, Problem) or len(found[1]) > TEXT_BYTES_MAX:
            return None
        if self._last is None or self._last.content != found[0]:
            self._last = _Text(*found)
        return self._last


def _holds_still(world: World, changes: ChangeSet) -> bool:
    """Whether names still lead to the same modules, and these mean the same."""
    added = any(path.endswith(".py") for path in changes.added)
    return not (added or world.retooled or CONFIG_NAME in changes.paths)


def _are_known(sketches: Sequence[Sketch], files: Iterable[FileUse]) -> bool:
    """Whether all that files import are these files, or modules that see nothing."""
    named = {name for sketch in sketches for name in sketch.imports}
    return named <= {"", *_names(files)}


def _are_apart(own: Sketch, others: Sequence[Sketch], files: Sequence[FileUse]) -> bool:
    """Whether what one body does stays unseen by others: all that is shared is fixed, and nobody calls bodies."""
    named = {name for sketch in (own, *others) for name in sketch.imports}
    return all(other.rest is not None for other in others) and named <= _names(files[1:]) - _names(files[:1])


def _names(files: Iterable[FileUse]) -> set[str]:
    return {name for use in files for name in module_names(use.path)}


def _in_other_rows(before: Loaded, sure: Sequence[tuple[Sketch, _Text]]) -> Loaded | None:
    """Give a module as it is now: its files as they are, what it declares where that stands now."""
    old, new = sure[0][0], sure[0][1].sketch()
    rows = {} if new is None else dict(zip(old.rows, new.rows, strict=True))
    lines = {*(spec.line for spec in before.tasks), *(spec.line for spec in before.extractors)}
    if not lines <= rows.keys():
        return None
    return replace(
        before,
        tasks=tuple(replace(spec, line=rows[spec.line]) for spec in before.tasks),
        extractors=tuple(replace(spec, line=rows[spec.line]) for spec in before.extractors),
        files=tuple(FileUse(use.path, now.content) for use, (_, now) in zip(before.files, sure, strict=True)),
    )


def _spare(world: World, task: str, before: Loaded, after: Loaded) -> None:
    """Let the record of a task say that it was compiled from the texts of now. One that is not at rest is compiled."""
    record = world.records.get(task)
    if record is None or record.problem is not None or task in world.unsettled or not rests(world, task):
        return
    now = {use.path: use for use in after.files}
    if set(before.files) <= set(record.files):
        files = tuple(now.get(use.path, use) for use in record.files)
        world.put_record(task, replace(record, files=files))
