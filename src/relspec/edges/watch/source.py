"""What the watch needs of a source of events, and the folders that it gives it to watch."""

import asyncio
import os
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

Identity = tuple[int, int]
#: The folders to watch, and what lay there when they were listed.
Listing = dict[str, Identity]


class Events(msgspec.Struct, frozen=True):
    """What a source told at a time: the paths with events, in each of their folders' names.

    Of those in `whole` the last event was that a writer closed them or moved them to where they are. With `lost` the
    source missed events, or does not watch a folder any more: it wants to `follow` again.
    """

    paths: frozenset[str]
    whole: frozenset[str] = frozenset()
    lost: bool = False


class Source(Protocol):
    """A watch over some folders, none of them recursively. `heard` is done when there is something to `take`.

    Events keep their order. What came before an event that was taken was taken with it or earlier, or `lost` says so.
    """

    heard: "asyncio.Future[Any]"

    def follow(self, listing: Listing) -> None:
        """Watch these folders and no others; only while paused. Blocks.

        Raises FileNotFoundError or NotADirectoryError where one has gone, another OSError or RuntimeError where the
        system refuses.
        """
        ...

    def listen(self) -> None:
        """Have `heard` done by the next event."""
        ...

    def take(self) -> Events:
        """What was heard; then it has to `listen` again. Raises RuntimeError where the watch has ended."""
        ...

    def rest(self) -> None:
        """Take note, now and then, that nobody is in a hurry."""
        ...

    async def pause(self) -> None:
        """Stop listening. What comes meanwhile is kept, where the source can."""
        ...

    def release(self) -> None:
        """Give the system's resources back; only while paused."""
        ...


def identity(path: str) -> Identity | None:
    """What lies at a path."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def by_identity(listing: Listing) -> dict[Identity, list[str]]:
    """All names of each folder: links may give it several."""
    names: dict[Identity, list[str]] = {}
    for path, known in listing.items():
        names.setdefault(known, []).append(path)
    return names


def tops(listing: Listing) -> Listing:
    """The folders above which none is watched: nobody tells when another one takes their place."""
    return {path: known for path, known in listing.items() if os.path.dirname(path) not in listing}


def placed(path: str, names: Iterable[str]) -> list[str]:
    """The paths of what an event calls by its name `path`, in each of its folder's `names`."""
    return [f"{name}/{path}" for name in names] if path else list(names)
