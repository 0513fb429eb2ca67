"""What a text of `watch.toml` sets in the simulation: task folders and workers. Its times stay as they are."""

from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from relspec.core.errors import ConfigError
from relspec.core.layout import Layout
from relspec.core.settings import Settings
from relspec.edges.config import settings_of

CONFIG = "watch.toml"
_LAYOUT = Layout(Path("/project"))


@lru_cache(maxsize=1_000)
def read(data: bytes) -> Settings | None:
    """The settings of a text, `None` where it is wrong."""
    try:
        return settings_of(_LAYOUT, data)
    except ConfigError:
        return None


def folders(data: bytes) -> tuple[str, ...]:
    """Where the tasks lie; none where the text is wrong."""
    found = read(data)
    return () if found is None else tuple(f"{folder}/" for folder in found.tasks)


def configured(data: bytes, usual: Settings) -> Settings:
    """The usual settings with what a text sets; raises ConfigError."""
    found = settings_of(_LAYOUT, data)
    return replace(usual, tasks=found.tasks, limits=found.limits)
