"""What the application needs of the outside, as protocols over core values. Fakes pass the same contract tests."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from relspec.core.digest import BagDigest
from relspec.core.problem import Problem
from relspec.core.schema import Schema
from relspec.core.settings import WatchSettings
from relspec.core.spec import TaskSpec
from relspec.core.state import Delta, MemoRow
from relspec.core.sweep import Stock, StoredObject, Sweep
from relspec.core.work import (
    Analyse,
    Analysed,
    BuildFailed,
    Built,
    Execute,
    Executed,
    Extract,
    Extracted,
    Intake,
    Intaken,
    Loaded,
    LoadFailed,
    Measure,
    Measured,
    Needs,
    Published,
    PublishViews,
)


class Engines(Protocol):
    """A few warm DuckDB processes. Cancelling a call kills the process that works on it; a spare takes over.

    Every call raises WorkerError when the process dies, hangs past its limit or runs out of memory, and
    InputMovedError when a user's file moved while it was read.
    """

    async def intake(self, request: Intake) -> Intaken | Problem: ...
    async def analyse(self, request: Analyse) -> Analysed | Needs | Problem: ...
    async def measure(self, request: Measure) -> Measured: ...
    async def execute(self, request: Execute) -> Executed | Problem: ...
    async def publish(self, request: PublishViews) -> Published: ...


class LoaderSession(Protocol):
    """One forked child that runs user code for one build; gone when the session ends."""

    async def load(self, path: str) -> Loaded | LoadFailed: ...
    async def build(self, spec: TaskSpec, schemas: Mapping[str, Schema]) -> Built | Needs | BuildFailed: ...
    async def extract(self, request: Extract) -> Extracted | Problem: ...
    async def execute(self, request: Execute) -> Executed | Problem: ...


class Loader(Protocol):
    """The warm parent of loader sessions."""

    def session(self) -> AbstractAsyncContextManager[LoaderSession]: ...


class Watcher(Protocol):
    """Hints that something changed. Events are hints, a scan decides."""

    def hints(self) -> AsyncIterator[frozenset[str] | None]:
        """Yield sets of absolute paths to look at; `None` says "look at everything"."""
        ...

    async def barrier(self) -> None:
        """Return when every event of a write made before this call has been yielded, or a whole look was asked for."""
        ...

    def refresh(self, settings: WatchSettings | None = None) -> None:
        """Watch anew: what is to be watched has changed."""
        ...


class CodeReader(Protocol):
    """Reads a code file once: the hash of its bytes, and these bytes."""

    def read_code(self, path: str) -> tuple[str, bytes] | Problem: ...


class CodeFiles(CodeReader, Protocol):
    """The scanned files, whose scope grows with what tasks turn out to need."""

    async def extend(self, globs: Iterable[str], files: Iterable[str], modules: Iterable[str] = ()) -> bool: ...


class Memory(Protocol):
    """What earlier builds left in the store, by key, and what makes a build's result durable."""

    def commit(self, delta: Delta) -> None: ...
    def set_published(self, revision: int, place: str) -> None: ...
    def published(self) -> tuple[int, str] | None: ...

    def remembered(self, key: str) -> MemoRow | None: ...
    def bags(self, contents: Iterable[str]) -> dict[tuple[str, str], BagDigest]: ...
    def extraction(self, extractor: str, path: str, version: str) -> Extracted | None: ...
    def stock(self) -> Stock: ...
    def drop(self, swept: Sweep, run: int) -> None: ...
    def collected(self) -> tuple[int, float] | None: ...


class ObjectStore(Protocol):
    """The immutable files, and the tables that users open."""

    def has(self, content: str) -> bool: ...
    def discard(self, contents: Iterable[str]) -> None: ...
    def sync(self, contents: Iterable[str]) -> None: ...
    def show(self, name: str, content: str) -> None: ...
    def shows(self, name: str, content: str) -> bool: ...
    def hide(self, name: str) -> None: ...
    def shown(self) -> frozenset[str]: ...
    def stored(self) -> dict[str, StoredObject]: ...


class ViewReaders(Protocol):
    """Who has an earlier file of views open. `seen` is false where the system does not tell; then it is believed."""

    seen: bool
    believed_s: float

    def hold(self, revision: int | None) -> None: ...
    def oldest(self) -> int | None: ...
