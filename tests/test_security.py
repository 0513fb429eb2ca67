"""What the sources must not have: ways by which data becomes code, and databases open to more than they need."""

import ast
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from relspec.app import reading
from relspec.core.layout import Layout
from relspec.core.work import PublishViews
from relspec.edges.engine.connection import open_connection
from relspec.edges.engine.publish import Publisher
from relspec.edges.loader import tables

SOURCE = Path(__file__).parents[1] / "src" / "relspec"
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "template" not in path.parts]
#: Reading any of these runs what whoever wrote it wants.
PICKLING = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "yaml"}
#: These pickle what they send.
SENDING = {"multiprocessing", "concurrent.futures.process"}
#: Executing a user's file is what the loader is for, and it is done there alone.
EXECUTING = {"edges/loader/importing.py"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def called(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_nothing_that_is_read_becomes_code(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = set(imported(tree))
    assert not {name.split(".")[0] for name in names} & PICKLING
    assert not names & SENDING
    for name, call in called(tree):
        assert name.rpartition(".")[2] not in {"read_pickle", "to_pickle", "deserialize_pandas", "__reduce__"}, name
        assert path.relative_to(SOURCE).as_posix() in EXECUTING or name not in {"eval", "exec"}, name
        assert not any(word.arg in {"shell", "allow_pickle"} for word in call.keywords), name
        assert name not in {"os.system", "os.popen", "subprocess.getoutput"}, name


def test_every_database_is_opened_with_settings_of_ours() -> None:
    bare = [
        (path.name, call.lineno)
        for path in FILES
        for name, call in called(ast.parse(path.read_text()))
        if name == "duckdb.connect" and "config" not in {word.arg for word in call.keywords}
    ]
    assert bare == []


def of_the_publisher(layout: Layout) -> duckdb.DuckDBPyConnection:
    publisher = Publisher()
    publisher.publish(PublishViews(str(layout.views), str(layout.state), 1, (), (), None, logged=True))
    connection = publisher._connection
    assert connection is not None
    return connection


def of_a_reader(layout: Layout) -> duckdb.DuckDBPyConnection:
    duckdb.connect(str(layout.views)).close()
    return reading.connect(layout)


OPENED = {
    "executes": lambda layout: open_connection(512, "UTC", ""),
    "binds": lambda layout: open_connection(512, "UTC", "", files=False),
    "publishes": of_the_publisher,
    "reads": of_a_reader,
    "extracts": lambda layout: duckdb.connect(":memory:", config=tables._CONFIG),
}


@pytest.mark.parametrize("what", OPENED)
def test_no_database_takes_python_names_for_tables_or_fetches_extensions(what: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.state.mkdir()
    with OPENED[what](layout) as connection:
        secrets = [1, 2, 3]
        names = "('python_enable_replacements', 'autoinstall_known_extensions', 'autoload_known_extensions')"
        settings = connection.execute(f"select name, value from duckdb_settings() where name in {names}").fetchall()
        assert dict(settings) == dict.fromkeys(
            ("python_enable_replacements", "autoinstall_known_extensions", "autoload_known_extensions"), "false"
        )
        with pytest.raises(duckdb.Error, match="secrets"):
            connection.execute("select * from secrets")
        assert secrets
        if what != "executes":
            with pytest.raises(duckdb.Error, match="configuration has been locked"):
                connection.execute("set python_enable_replacements = true")
        if what == "binds":
            with pytest.raises(duckdb.Error, match="disabled by configuration"):
                connection.execute("select * from read_text('/etc/hostname')")
