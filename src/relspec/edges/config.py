"""Reads `watch.toml` into `Settings`. A missing file means the defaults; the smallest mistake is a ConfigError.

    tasks = ["tasks"]            # folders with .py and .sql tasks
    data = ["data"]              # each data file below is a source named by its stem
    timezone = "UTC"             # of the engine
    entry_points = true          # whether installed packages may contribute tasks

    [sources]
    orders = "data/in/orders-*.parquet"

    [sources.refunds]
    files = "data/in/refunds.txt"
    format = "csv"               # parquet, csv, jsonl, arrow; by default the file's ending says it
    types = { amount = "DECIMAL(18,2)" }

    [extractors]
    log_lines = "/var/log/./app/**/*.log"    # in place of the files that it declares

    [limits]
    load_s = 10.0
    build_s = 10.0
    query_s = 600.0
    memory_mb = 2048
    workers = 2
    python_mb = 2048             # of task code, besides what a query uses
    spill_mb = 16384             # of a query on disk
    processes = 64               # of task code at once
    output_kb = 64               # of what one build prints into the log

    [watch]
    quiet_ms = 10                # a look starts after so much quiet ...
    settle_max_ms = 500          # ... or so long after the first event
    audit_s = 60.0               # everything is looked at so often even when nothing seems to happen
    ignore = ["*.log"]           # globs: against the name when without `/`, else against the path from the project
    gitignore = true             # folders in `tasks` that a `.gitignore` excludes are passed by

    [gc]
    auto = true                  # whether old state is dropped without being asked
    idle_s = 60.0                # a daemon does it after so long without a change
    keep_days = 30.0             # how long earlier executions are remembered ...
    keep_mb = 4096               # ... and up to which size, the newest first
    keep_runs = 1000             # so many runs stay for `why`
    pinned = ["prices"]          # outputs of which everything is remembered

    [warnings]
    ignore = ["float-sum"]       # codes of warnings that nobody wants to hear of

Folders and patterns are relative to the project or absolute; what lies in the project is always shown relative. Each
message names the line, the value and what to do. Nothing is guessed: an unknown key is an error, never ignored.
"""

import os
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import msgspec

from relspec.core.dataset import Format
from relspec.core.declaration import wrong_output
from relspec.core.errors import ConfigError
from relspec.core.globs import is_glob, split_base
from relspec.core.layout import Layout
from relspec.core.settings import (
    ExtractorFiles,
    GcSettings,
    Limits,
    Settings,
    SourceSpec,
    WarningSettings,
    WatchSettings,
)
from relspec.core.suggest import closest
from relspec.core.warning import WarningCode

#: Lowest and highest allowed value by table and key.
BOUNDS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("limits", "load_s"): (0.1, 3_600),
    ("limits", "build_s"): (0.1, 3_600),
    ("limits", "query_s"): (0.1, 86_400),
    ("limits", "memory_mb"): (64, 1_048_576),
    ("limits", "workers"): (1, 64),
    ("limits", "python_mb"): (64, 1_048_576),
    ("limits", "spill_mb"): (0, 1_073_741_824),
    ("limits", "processes"): (1, 32_768),
    ("limits", "output_kb"): (0, 1_048_576),
    ("watch", "quiet_ms"): (0, 10_000),
    ("watch", "settle_max_ms"): (1, 60_000),
    ("watch", "audit_s"): (1, 86_400),
    ("gc", "idle_s"): (1, 86_400),
    ("gc", "keep_days"): (0, 36_500),
    ("gc", "keep_mb"): (0, 1_073_741_824),
    ("gc", "keep_runs"): (1, 1_000_000),
}
FILE_BYTES_MAX = 1 << 20
_SOURCE_NAME = re.compile(r"[^\W\d][\w.\-]{0,127}")
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<place>.*)`)?", re.DOTALL)
_KEYS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        {"tasks", "data", "timezone", "entry_points", "sources", "extractors", "limits", "watch", "gc", "warnings"}
    ),
    "source": frozenset({"files", "format", "types"}),
    "limits": frozenset(Limits.__struct_fields__),
    "watch": frozenset(WatchSettings.__struct_fields__),
    "gc": frozenset(GcSettings.__struct_fields__),
    "warnings": frozenset(WarningSettings.__struct_fields__),
}


class _Source(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    files: str
    format: str | None = None
    types: dict[str, str] = {}


class _Warnings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    ignore: tuple[str, ...] = ()


class _Project(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    tasks: tuple[str, ...] = Settings().tasks
    data: tuple[str, ...] = Settings().data
    timezone: str = Settings().timezone
    entry_points: bool = Settings().entry_points
    limits: Limits = Limits()
    watch: WatchSettings = WatchSettings()
    gc: GcSettings = GcSettings()
    warnings: _Warnings = _Warnings()
    sources: dict[str, Any] = {}
    extractors: dict[str, Any] = {}


def read_config(layout: Layout) -> bytes | None:
    """The bytes of `watch.toml`, `None` where there is none; raises ConfigError where they cannot be read."""
    try:
        with layout.config.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise ConfigError(f"{layout.root} is not a folder; name the project's folder") from error
    except OSError as error:
        raise ConfigError(f"watch.toml: cannot be read ({error.strerror}); correct its permissions") from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"watch.toml: larger than {FILE_BYTES_MAX} bytes; it is meant for settings")
    return data


def settings_of(layout: Layout, data: bytes | None) -> Settings:
    """The settings of one text of `watch.toml`; raises ConfigError with the line, the value and what to do next."""
    return Settings() if data is None else _Document(layout, data).settings()


class _Document:
    """One text of `watch.toml`, and where its keys stand."""

    def __init__(self, layout: Layout, data: bytes) -> None:
        self._layout = layout
        self._lines, self._tables = _parsed(data)

    def settings(self) -> Settings:
        self._check_keys("", (), self._tables)
        for table in ("limits", "watch", "gc", "warnings"):
            self._check_keys(table, (table,), self._table(table))
        project: _Project = self._convert(self._tables, _Project, ())
        self._check_bounds(project)
        self._check_pinned(project.gc.pinned)
        self._check_timezone(project.timezone)
        return Settings(
            tasks=tuple(self._folder("tasks", folder) for folder in project.tasks),
            data=tuple(self._folder("data", folder) for folder in project.data),
            sources=tuple(self._source(name, value) for name, value in project.sources.items()),
            extractors=tuple(self._extractor(name, files) for name, files in project.extractors.items()),
            entry_points=project.entry_points,
            limits=project.limits,
            watch=project.watch,
            gc=project.gc,
            warnings=WarningSettings(tuple(self._code(code) for code in project.warnings.ignore)),
            timezone=project.timezone,
        )

    def _table(self, name: str) -> Mapping[str, Any]:
        found = self._tables.get(name, {})
        if not isinstance(found, dict):
            self._refuse((name,), f"{name} = {found!r} is not a table; write [{name}] and its keys below it")
        return found

    def _check_keys(self, kind: str, place: tuple[str, ...], table: Iterable[str]) -> None:
        for key in table:
            if key in _KEYS[kind]:
                continue
            near = closest(key, _KEYS[kind])
            known = ", ".join(sorted(_KEYS[kind]))
            where = f"[{'.'.join(place)}] has no key" if place else "there is no setting"
            guess = f"did you mean {near!r}?" if near else f"there are: {known}"
            self._refuse((*place, key), f"{where} {key!r}; {guess}")

    def _convert(self, value: Any, wanted: Any, place: tuple[str, ...]) -> Any:
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            found = _PLACE.fullmatch(str(error))
            assert found is not None
            inner = tuple(re.findall(r"[A-Za-z_]\w*", found["place"] or ""))
            name = ".".join((*place, *inner))
            sentence = f"{name}: {found['what'][:1].lower()}{found['what'][1:]}" if name else found["what"]
            self._refuse((*place, *inner), f"{sentence}; write a value of that type")

    def _check_bounds(self, project: _Project) -> None:
        for (table, key), (low, high) in BOUNDS.items():
            value = getattr(getattr(project, table), key)
            if not low <= value <= high:
                self._refuse((table, key), f"{table}.{key} = {value} is out of range; choose from {low:g} to {high:g}")
        watch = project.watch
        if watch.quiet_ms > watch.settle_max_ms:
            message = f"watch.quiet_ms = {watch.quiet_ms} is above settle_max_ms = {watch.settle_max_ms}; lower it"
            self._refuse(("watch", "quiet_ms"), message)

    def _check_pinned(self, outputs: Iterable[str]) -> None:
        for output in outputs:
            fault = wrong_output(output)
            if fault is not None:
                hint = fault.hint or "name a table"
                self._refuse(("gc", "pinned"), f"gc.pinned: {fault.message}; {hint}")

    def _check_timezone(self, name: str) -> None:
        if name == "UTC":
            return
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            near = closest(name, zoneinfo.available_timezones())
            guess = f"did you mean {near!r}?" if near else 'write a name like "Europe/Berlin"'
            self._refuse(("timezone",), f"timezone {name!r} is unknown; {guess}")

    def _code(self, code: str) -> WarningCode:
        try:
            return WarningCode(code)
        except ValueError:
            near = closest(code, [known.value for known in WarningCode])
            guess = f"did you mean {near!r}?" if near else f"there are: {', '.join(WarningCode)}"
            self._refuse(("warnings", "ignore"), f"warnings.ignore: there is no warning {code!r}; {guess}")

    def _folder(self, key: str, folder: str) -> str:
        path = self._path((key,), folder)
        if any(mark in folder for mark in "*?["):
            self._refuse((key,), f"{key}: {folder!r} is a pattern; name a folder")
        if not path:
            self._refuse((key,), f"{key}: {folder!r} is the project itself; name a folder in it")
        if key == "tasks" and path.startswith("/"):
            self._refuse((key,), f"tasks: {folder!r} lies outside of the project; name a folder in it")
        if path == "/":
            self._refuse((key,), f"{key}: the whole file system is too much to watch; name a folder")
        return path

    def _source(self, name: str, value: Any) -> SourceSpec:
        place = ("sources", name)
        if _SOURCE_NAME.fullmatch(name) is None:
            self._refuse(place, f"{name!r} cannot name a source; use letters, digits, `_`, `-` and `.`, a letter first")
        if isinstance(value, str):
            value = {"files": value}
        if not isinstance(value, dict):
            self._refuse(place, f"source {name!r} is {value!r}; write a pattern of files, or a table with `files`")
        self._check_keys("source", place, value)
        found: _Source = self._convert(value, _Source, place)
        pattern = self._pattern((*place, "files"), f"source {name!r}", found.files)
        return SourceSpec(name, pattern, self._format(place, found), tuple(found.types.items()), self._line(place))

    def _extractor(self, name: str, text: Any) -> ExtractorFiles:
        place, what = ("extractors", name), f"extractor {name!r}"
        if not isinstance(text, str):
            self._refuse(place, f"{what} is {text!r}; write a pattern of files")
        pattern = self._pattern(place, what, text)
        base = self._path(place, split_base(text)[0] or ".")
        if is_glob(base):
            self._refuse(place, f"{what}: {text!r} has a wildcard before `/./`; put the mark behind a plain folder")
        return ExtractorFiles(name, pattern, base, self._line(place))

    def _pattern(self, place: tuple[str, ...], what: str, text: str) -> str:
        """Write a pattern of files as the tree has their paths."""
        pattern = self._path(place, text)
        if not pattern:
            self._refuse(place, f"{what}: {text!r} names no file; name a file or a glob")
        if re.match(r"/[^/]*[*?\[][^/]*/", pattern):
            message = f"{what}: {text!r} needs the whole file system watched; name its first folder"
            self._refuse(place, message)
        return pattern

    def _format(self, place: tuple[str, ...], source: _Source) -> Format | None:
        if source.format is None:
            return None
        try:
            return Format(source.format)
        except ValueError:
            near = closest(source.format, list(Format)) or ", ".join(Format)
            self._refuse((*place, "format"), f"format {source.format!r} is unknown; did you mean {near}?")

    def _path(self, place: tuple[str, ...], text: str) -> str:
        """Write a path relative to the project where it lies in it, else absolute."""
        if not text.strip() or any(ord(char) < 32 for char in text):
            self._refuse(place, f"{'.'.join(place)}: {text!r} is no path; name one")
        root = str(self._layout.root)
        path = os.path.relpath(os.path.normpath(os.path.join(root, text)), root)
        if path == ".":
            return ""
        if path == "state" or path.startswith("state/"):
            self._refuse(place, f"{'.'.join(place)}: {text!r} lies in state/, which is the tool's own; choose another")
        return os.path.normpath(os.path.join(root, text)) if path.startswith("../") else path

    def _refuse(self, place: tuple[str, ...], sentence: str) -> NoReturn:
        raise ConfigError(f"watch.toml:{self._line(place)}: {sentence}")

    def _line(self, place: tuple[str, ...]) -> int:
        """Find the line of a key, or of the nearest table around it; tomllib tells no places."""
        best, depth = 1, 0
        table: tuple[str, ...] = ()
        for number, line in enumerate(self._lines, 1):
            if (header := re.match(r"\s*\[\[?([^\[\]]+)\]", line)) is not None:
                table = _dotted(header[1])
                here = table
            elif (key := re.match(r"\s*([^=#\[\]{}]+?)\s*=", line)) is not None:
                here = (*table, *_dotted(key[1]))
            else:
                continue
            common = min(len(here), len(place))
            if here[:common] == place[:common] and common > depth:
                best, depth = number, common
        return best


def _parsed(data: bytes) -> tuple[list[str], dict[str, Any]]:
    try:
        text = data.decode("utf-8-sig")
        return text.splitlines(), tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"watch.toml:{line}: byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        raise ConfigError(message) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        what, line = (found[1], int(found[2])) if found else (str(error), data.count(b"\n") + 1)
        raise ConfigError(f"watch.toml:{line}: {what}; correct the TOML there") from error


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", text))
