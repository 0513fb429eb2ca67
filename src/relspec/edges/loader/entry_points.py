"""Task files that installed packages offer, found without importing anything of theirs.

A package offers modules by the entry-point group `relspec.tasks`; its record of installed files says where they lie.
"""

import importlib.metadata
from importlib.metadata import Distribution
from pathlib import Path

GROUP = "relspec.tasks"


def entry_point_files() -> tuple[tuple[str, str], ...]:
    """List the names and absolute paths of offered task files, sorted; modules that are not found are left out."""
    found = set()
    for distribution in importlib.metadata.distributions():
        for entry in distribution.entry_points:
            path = _file_of(entry.module, distribution) if entry.group == GROUP else None
            if path is not None:
                found.add((entry.name, path))
    return tuple(sorted(found))


def _file_of(module: str, distribution: Distribution) -> str | None:
    stem = module.replace(".", "/")
    wanted = {f"{stem}.py", f"{stem}/__init__.py"}
    for file in distribution.files or ():
        if file.as_posix() in wanted:
            return str(Path(str(file.locate())).resolve())
    return _editable_file(wanted, distribution)


def _editable_file(wanted: set[str], distribution: Distribution) -> str | None:
    """Look into the folders that an editable install puts on the path by a `.pth` file."""
    for file in distribution.files or ():
        if file.suffix != ".pth":
            continue
        for line in file.read_text().splitlines():
            for relative in wanted:
                path = Path(line.strip(), relative)
                if line.strip() and not line.startswith("import ") and path.is_file():
                    return str(path.resolve())
    return None
