"""Where task files come from: discovery hooks, each naming paths. What they declare is found by loading them."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from relspec.core.settings import Settings
from relspec.core.tree import Tree

#: A hook names task files: relative to the project where they lie in it, else absolute.
Hook = Callable[[Tree], Iterable[str]]


class TaskRegistry(msgspec.Struct, frozen=True):
    """The task files of a project: those below the folders of `watch.toml`, and those of further hooks.

    `installed` maps the absolute paths that installed packages offer to the hash of their bytes.
    """

    folders: tuple[str, ...]
    installed: Mapping[str, str]

    def holds(self, path: str) -> bool:
        """Whether `path` is a task file."""
        return path in self.installed or (path.endswith((".py", ".sql")) and path.startswith(self.folders))

    def hooks(self) -> tuple[Hook, ...]:
        """The hooks in their order: folders, then installed packages."""
        return (
            lambda tree: (path for path in tree if path.startswith(self.folders) and self.holds(path)),
            self._offered,
        )

    def discover(self, tree: Tree) -> frozenset[str]:
        """All task files there are. Cost: linear in the files; a build asks `holds` of what changed instead."""
        return frozenset(path for hook in self.hooks() for path in hook(tree))

    def _offered(self, _: Tree) -> Iterable[str]:
        return self.installed


def registry_of(settings: Settings, installed: Mapping[str, str]) -> TaskRegistry:
    """Make the registry of a project."""
    return TaskRegistry(tuple(folder.strip("/") + "/" for folder in settings.tasks), installed)
