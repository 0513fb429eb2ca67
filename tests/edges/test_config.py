"""`watch.toml`: defaults, the full example of the documentation, and a message with line, value and next step."""

import re
from pathlib import Path

import pytest

from relspec.core.dataset import Format
from relspec.core.errors import ConfigError
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
from relspec.core.warning import WarningCode
from relspec.edges import config
from relspec.edges.config import read_config, settings_of


def read(root: Path, text: str) -> Settings:
    (root / "watch.toml").write_text(text, "utf-8")
    return settings_of(Layout(root), read_config(Layout(root)))


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert settings_of(Layout(tmp_path), read_config(Layout(tmp_path))) == Settings()
    assert read(tmp_path, "") == Settings()


def test_the_documented_example_reads_as_documented(tmp_path: Path) -> None:
    text = config.__doc__ or ""
    example = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    types = (("amount", "DECIMAL(18,2)"),)
    line = example.splitlines().index("[sources.refunds]") + 1
    orders_line = next(i for i, t in enumerate(example.splitlines(), 1) if t.startswith("orders ="))
    assert read(tmp_path, example) == Settings(
        sources=(
            SourceSpec("orders", "data/in/orders-*.parquet", None, (), orders_line),
            SourceSpec("refunds", "data/in/refunds.txt", Format.CSV, types, line),
        ),
        extractors=(ExtractorFiles("log_lines", "/var/log/app/**/*.log", "/var/log", line + 5),),
        limits=Limits(),
        watch=WatchSettings(ignore=("*.log",)),
        gc=GcSettings(pinned=("prices",)),
        warnings=WarningSettings((WarningCode.FLOAT_SUM,)),
    )


def test_paths_in_the_project_become_relative_and_others_absolute(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    text = f'tasks = ["./a/../b/"]\ndata = ["../shared"]\n[sources]\nx = "{root}/in/x.csv"\ny = "/srv/y-*.csv"\n'
    settings = read(root, text)
    assert settings.tasks == ("b",)
    assert settings.data == (str(tmp_path / "shared"),)
    assert [s.pattern for s in settings.sources] == ["in/x.csv", "/srv/y-*.csv"]


MISTAKES = {
    '[extractors]\na = ""': (2, "extractors.a: '' is no path; name one"),
    "[extractors]\nb = 3": (2, "extractor 'b' is 3; write a pattern of files"),
    '[extractors]\nc = "/*/x/*.py"': (2, "extractor 'c': '/*/x/*.py' needs the whole file system watched"),
    '[extractors]\nd = "/a/*/./x.py"': (2, "extractor 'd': '/a/*/./x.py' has a wildcard before `/./`"),
    '[extractors]\ne = "state/**/*.py"': (2, "extractors.e: 'state/**/*.py' lies in state/"),
    '[warnings]\nignore = ["flot-sum"]': (2, "there is no warning 'flot-sum'; did you mean 'float-sum'?"),
    "[warnings]\nallow = []": (2, "[warnings] has no key 'allow'; there are: ignore"),
    "task = []": (1, "there is no setting 'task'; did you mean 'tasks'?"),
    'tasks = "tasks"': (1, "tasks: expected `array`, got `str`; write a value of that type"),
    '\ntasks = [\n  "a",\n  1,\n]': (2, "tasks: expected `str`, got `int`; write a value of that type"),
    "[project]\nname = 1": (1, "there is no setting 'project'; there are: data"),
    "\n[limits]\nquery = 1": (3, "[limits] has no key 'query'; did you mean 'query_s'?"),
    "[limits]\nload_s = 1\nquery_s = 0": (3, "limits.query_s = 0.0 is out of range; choose from 0.1 to 86400"),
    "[limits]\nworkers = 1.5": (2, "limits.workers: expected `int`, got `float`"),
    "\n[gc]\nkeep_days = -1": (3, "gc.keep_days = -1.0 is out of range; choose from 0 to 36500"),
    "[gc]\nkeep = 1": (2, "[gc] has no key 'keep'; did you mean 'keep_mb'?"),
    '[gc]\npinned = ["a b"]': (2, "gc.pinned: 'a b' cannot be the output of a task"),
    "[gc]\nauto = 1": (2, "gc.auto: expected `bool`, got `int`"),
    "[limits]\nquery_s = nan": (2, "limits.query_s = nan is out of range"),
    "limits.memory_mb = 1": (1, "limits.memory_mb = 1 is out of range; choose from 64"),
    "limits = 3": (1, "limits = 3 is not a table; write [limits]"),
    "[watch]\nsettle_max_ms = 5\nquiet_ms = 9": (3, "watch.quiet_ms = 9 is above settle_max_ms = 5"),
    'timezone = "Europe/Berlim"': (1, "timezone 'Europe/Berlim' is unknown; did you mean 'Europe/Berlin'?"),
    'timezone = "../etc/passwd"': (1, "timezone '../etc/passwd' is unknown"),
    '[sources."a/b"]\nfiles = "x"': (1, "'a/b' cannot name a source"),
    "[sources]\nx = 1": (2, "source 'x' is 1; write a pattern"),
    '[sources.x]\nfile = "x"': (2, "[sources.x] has no key 'file'; did you mean 'files'?"),
    '[sources.x]\nformat = "csv"': (1, "sources.x: object missing required field `files`"),
    '[sources.x]\nfiles = "x"\nformat = "cvs"': (3, "format 'cvs' is unknown; did you mean csv?"),
    '[sources.x]\nfiles = "x"\n[sources.x.types]\na = 1': (3, "sources.x.types: expected `str`, got `int`"),
    '[sources.x]\nfiles = "state/objects/*.parquet"': (2, "lies in state/"),
    'tasks = ["state"]': (1, "'state' lies in state/"),
    'tasks = ["."]': (1, "tasks: '.' is the project itself; name a folder in it"),
    'tasks = ["/srv/tasks"]': (1, "tasks: '/srv/tasks' lies outside of the project; name a folder in it"),
    'data = ["/"]': (1, "data: the whole file system is too much to watch; name a folder"),
    '[sources]\nx = "/**/*.csv"': (2, "needs the whole file system watched; name its first folder"),
    'data = ["data/*"]': (1, "data: 'data/*' is a pattern; name a folder"),
    'data = [""]': (1, "data: '' is no path; name one"),
    "a = \n": (1, "Invalid value"),
    'tasks = ["a"]\ntasks = ["b"]': (2, "Cannot overwrite a value"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_named_with_its_line_and_a_next_step(tmp_path: Path, text: str) -> None:
    line, sentence = MISTAKES[text]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"watch.toml:{line}: ")
    assert sentence in message
    assert re.search(r"; \w+|\?$", message), "there is no next step"


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "watch.toml").write_bytes(b'tasks = ["a"]\n# \xff\n')
    with pytest.raises(ConfigError, match=r"watch\.toml:2: byte 0xff is not UTF-8"):
        settings_of(Layout(tmp_path), read_config(Layout(tmp_path)))


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "watch.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        settings_of(Layout(tmp_path), read_config(Layout(tmp_path)))
