"""Which data files make up which source. Named sources of `watch.toml` come first, the rest is named by its stem.

A file belongs to at most one source. Two conventional files of one stem clash: neither is a source until one is
renamed or named in `watch.toml`, so the outcome does not depend on the order of names.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

import msgspec

from relspec.core.dataset import SUFFIXES, Format
from relspec.core.globs import matches
from relspec.core.problem import Code, Problem
from relspec.core.settings import Settings, SourceSpec
from relspec.core.tree import suffix_of


class SourceFiles(msgspec.Struct, frozen=True):
    """One source and the paths of its files, sorted."""

    spec: SourceSpec
    paths: tuple[str, ...]

    def format(self, path: str) -> Format | None:
        """The format of one file: as set in `watch.toml`, else by its suffix; `None` when neither says."""
        return self.spec.format or SUFFIXES.get(suffix_of(path).lower())


def assign(settings: Settings, paths: Iterable[str]) -> tuple[dict[str, SourceFiles], tuple[Problem, ...]]:
    """Give every data file to its source; sources by name, and what is wrong with the assignment."""
    data = sorted(paths)
    sources: dict[str, SourceFiles] = {}
    problems: list[Problem] = []
    claimed: set[str] = set()
    for spec in settings.sources:
        own = tuple(p for p in data if p not in claimed and matches(spec.pattern, p))
        claimed.update(own)
        sources[spec.name] = SourceFiles(spec, own)
        if not own:
            problems.append(_no_files(spec))
    by_stem: dict[str, list[str]] = {}
    for path in data:
        if path not in claimed and _is_conventional(settings, path):
            by_stem.setdefault(PurePosixPath(path).stem, []).append(path)
    for stem, own_paths in by_stem.items():
        clash = _clash(stem, own_paths, sources)
        if clash is not None:
            problems.append(clash)
        else:
            sources[stem] = SourceFiles(SourceSpec(stem, own_paths[0], None, (), None), tuple(own_paths))
    return sources, tuple(problems)


def _is_conventional(settings: Settings, path: str) -> bool:
    in_data = any(path.startswith(f"{folder.rstrip('/')}/") for folder in settings.data)
    return in_data and suffix_of(path).lower() in SUFFIXES


def _no_files(spec: SourceSpec) -> Problem:
    message = f"source {spec.name!r}: no file matches {spec.pattern!r}"
    return Problem(
        Code.UNREADABLE, None, "watch.toml", spec.line, 1, message, "put a file there, or correct the pattern"
    )


def _clash(stem: str, paths: list[str], sources: dict[str, SourceFiles]) -> Problem | None:
    taken = {name.lower() for name in sources}
    if len(paths) > 1:
        message = f"{len(paths)} data files would be the source {stem!r}: {', '.join(paths)}"
        hint = f'rename one, or name them in watch.toml: [sources.{stem}] files = "..."'
        return Problem(Code.DUPLICATE_OUTPUT, None, paths[0], None, None, message, hint)
    if stem.lower() in taken:
        message = f"{paths[0]} would be the source {stem!r}, which watch.toml already names"
        return Problem(Code.DUPLICATE_OUTPUT, None, paths[0], None, None, message, "rename the file")
    return None
