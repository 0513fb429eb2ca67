"""Where things lie in a project. Computes paths only, touches nothing."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from relspec.core.errors import ConfigError

#: `sun_path` holds 108 bytes on Linux; the rest is room for what is renamed into place. A longer socket lies elsewhere.
SOCKET_PATH_BYTES_MAX = 100


# With a dictionary: a save asks for its paths a hundred times, and joining one takes as long as a stat.
@dataclass(frozen=True)
class Layout:
    """Paths of one project; `root` is absolute and resolved. Raises ConfigError where it cannot be used.

    DuckDB and the system's watch take paths as text only, and every one of ours begins with this one. What follows a
    question mark is no part of a path to DuckDB: it would write the log of a database into another folder.
    """

    root: Path

    def __post_init__(self) -> None:
        """Refuse what could be opened by nobody but us."""
        try:
            str(self.root).encode()
        except UnicodeEncodeError as error:
            name = bytes(self.root)
            raise ConfigError(f"the path of the project, {name!r}, is not UTF-8; rename the folder") from error
        if "?" in str(self.root):
            raise ConfigError(f"the path of the project, {str(self.root)!r}, has a question mark; rename the folder")

    @cached_property
    def config(self) -> Path:
        """The settings file; it may be missing."""
        return self.root / "watch.toml"

    @cached_property
    def state(self) -> Path:
        """Everything that we keep; may be deleted at any time and costs only time."""
        return self.root / "state"

    @cached_property
    def database(self) -> Path:
        """The SQLite file: the only truth about what is current."""
        return self.state / "relspec.sqlite"

    @cached_property
    def objects(self) -> Path:
        """Immutable Parquet files, named by what they hold."""
        return self.state / "objects"

    @cached_property
    def temporary(self) -> Path:
        """Files that are being written; on the same file system as the objects, emptied at start."""
        return self.state / "tmp"

    @cached_property
    def tables(self) -> Path:
        """What users open: one Parquet file an output."""
        return self.state / "tables"

    @cached_property
    def views(self) -> Path:
        """The DuckDB file of views over one revision."""
        return self.state / "relspec.duckdb"

    @cached_property
    def views_log(self) -> Path:
        """What changed since that file was written, where DuckDB looks for it: its write-ahead log."""
        return self.state / "relspec.duckdb.wal"

    @cached_property
    def held(self) -> Path:
        """Views of earlier revisions that somebody may still have open, as further links to these files."""
        return self.state / "held"

    @cached_property
    def lock(self) -> Path:
        """Held by the process that owns the state."""
        return self.state / "daemon.lock"

    @cached_property
    def socket(self) -> Path:
        """The daemon's socket, or a link to it where this path is too long for one."""
        return self.state / "daemon.sock"

    @cached_property
    def card(self) -> Path:
        """The daemon's pid and socket, for those who ask it."""
        return self.state / "daemon.json"

    @cached_property
    def log(self) -> Path:
        """What the daemon did, in lines of JSON."""
        return self.state / "log"

    def object(self, content: str) -> str:
        """The file of one object: as text, since a `Path` for each takes three times as long as its stat."""
        return object_path(self._objects, content)

    @cached_property
    def _objects(self) -> str:
        return str(self.objects)


def object_path(objects: str, content: str) -> str:
    """The file of one object in the folder `objects`."""
    return f"{objects}/{content}.parquet"
