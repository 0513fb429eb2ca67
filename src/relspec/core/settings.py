"""The project's settings, as one frozen value. `edges/config.py` reads it from `watch.toml`; nothing else does."""

import msgspec

from relspec.core.dataset import Format
from relspec.core.warning import WarningCode


class SourceSpec(msgspec.Struct, frozen=True):
    """A watched input by dataset name: a path or glob, relative to the project unless absolute.

    `types` fixes column types of a text format by name; `line` is the place in `watch.toml`, `None` by convention.
    """

    name: str
    pattern: str
    format: Format | None
    types: tuple[tuple[str, str], ...]
    line: int | None


class ExtractorFiles(msgspec.Struct, frozen=True):
    """Other files for an extractor than those that it declares; `files` and `base` are as in its spec."""

    extractor: str
    files: str
    base: str
    line: int


class Limits(msgspec.Struct, frozen=True):
    """What one piece of work may cost before its process is killed and it becomes a problem."""

    load_s: float = 10.0
    build_s: float = 10.0
    query_s: float = 600.0
    memory_mb: int = 2048
    workers: int = 2
    python_mb: int = 2048
    spill_mb: int = 16384
    processes: int = 64
    output_kb: int = 64


class WatchSettings(msgspec.Struct, frozen=True):
    """How changes are taken in: quiet time before a scan, its upper bound, and the idle audit's period.

    `ignore` are patterns of what is passed by; with `gitignore` folders of code that git passes by are too.
    """

    quiet_ms: int = 10
    settle_max_ms: int = 500
    audit_s: float = 60.0
    ignore: tuple[str, ...] = ()
    gitignore: bool = True


class GcSettings(msgspec.Struct, frozen=True):
    """What stays of earlier executions, and whether old state is dropped without being asked.

    What is current, or may still be read by somebody, stays in any case. `pinned` are outputs all of whose remembered
    executions stay; of the others those of `keep_days`, the newest first, up to `keep_mb`. `keep_runs` bounds history.
    """

    auto: bool = True
    idle_s: float = 60.0
    keep_days: float = 30.0
    keep_mb: int = 4096
    keep_runs: int = 1000
    pinned: tuple[str, ...] = ()


class WarningSettings(msgspec.Struct, frozen=True):
    """Which warnings nobody wants to hear of, by code."""

    ignore: tuple[WarningCode, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """All of `watch.toml`. Folders are relative to the project; `entry_points` turns discovery in packages on."""

    tasks: tuple[str, ...] = ("tasks",)
    data: tuple[str, ...] = ("data",)
    sources: tuple[SourceSpec, ...] = ()
    extractors: tuple[ExtractorFiles, ...] = ()
    entry_points: bool = True
    limits: Limits = Limits()
    watch: WatchSettings = WatchSettings()
    gc: GcSettings = GcSettings()
    warnings: WarningSettings = WarningSettings()
    timezone: str = "UTC"
