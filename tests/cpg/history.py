"""The versions of the Python files of a git repository, commit by commit along the first parents."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit changes: each file's bytes by its path, `None` where it goes."""

    name: str
    title: str
    files: dict[str, bytes | None]


def commits(repository: Path, folders: tuple[str, ...], n: int) -> Iterator[Commit]:
    """Yield the last `n` commits with what they change in `folders`, the oldest first, which has every file there."""
    listed = _git(repository, "log", "--first-parent", "--format=%H %s", f"--max-count={n}")
    lines = [line.partition(" ") for line in reversed(listed.decode().splitlines())]
    before: str | None = None
    for name, _, title in lines:
        yield Commit(name, title, dict(_changes(repository, before, name, folders)))
        before = name


def _changes(
    repository: Path, before: str | None, after: str, folders: tuple[str, ...]
) -> Iterator[tuple[str, bytes | None]]:
    if before is None:
        listed = _git(repository, "ls-tree", "-r", "-z", "--name-only", after, "--", *folders)
        pairs = [("A", path) for path in listed.decode().split("\0") if path]
    else:
        raw = ("diff-tree", "-r", "-z", "--no-renames", "--name-status", before, after, "--", *folders)
        words = _git(repository, *raw).decode().split("\0")
        pairs = list(zip(words[::2], words[1::2], strict=False))
    for status, path in pairs:
        if path.endswith(".py"):
            yield path, None if status == "D" else _git(repository, "cat-file", "blob", f"{after}:{path}")


def _git(repository: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *words], capture_output=True, check=True).stdout
