"""The reference lists what there is, all of it and nothing else; its examples have the shape of real answers.

What the reference says is read from its tables: the names in the first cell of each row, section by section. `compare`
tells both what is missing and what is made up. It was seen to fail for each kind of name when that row was taken out of
the text, and the last tests keep it that way.
"""

import argparse
import importlib
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relspec.core import types
from relspec.core.dataset import SUFFIXES, Format
from relspec.core.declaration import OPTIONS, Fault, declare
from relspec.core.errors import RelspecError
from relspec.core.layout import Layout
from relspec.core.problem import Code
from relspec.core.reason import Rule
from relspec.core.settings import GcSettings, Limits, Settings, WarningSettings, WatchSettings
from relspec.core.spec import DEFAULT_CACHE_POLICY, Builder, CachePolicy, Kind, Language
from relspec.core.warning import WarningCode
from relspec.edges import config
from relspec.edges.config import BOUNDS, read_config, settings_of
from relspec.edges.store.database import Store
from relspec.ui.cli.arguments import COMMANDS, UsageError, _first

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference.md").read_text()
PAGES = sorted(DOCS.rglob("*.md"))
#: Keys whose value is a table of its own, and keys whose inner keys are the user's names.
APART = frozenset({"problems", "warnings", "execute", "may_execute", "restore", "cut_off", "blocked"})
#: Keys whose value has the keys of what stands around it.
ALIKE = frozenset({"made"})
NAMED_BY_USERS = frozenset({"inputs", "views", "schema", "lineage", "metadata", "columns"})

Document = dict[str, Any]


# Reading the page


def sections(text: str) -> dict[str, str]:
    """Each section under its heading, with what stands below deeper headings."""
    found: dict[str, str] = {}
    headings = list(re.finditer(r"^(#+) (.*)$", text, flags=re.MULTILINE))
    for at, heading in enumerate(headings):
        end = next((h.start() for h in headings[at + 1 :] if len(h[1]) <= len(heading[1])), len(text))
        found[heading[2]] = text[heading.end() : end]
    return found


def section(text: str, heading: str) -> str:
    assert heading in sections(text), f"the reference has no section {heading!r}"
    return sections(text)[heading]


def rows(text: str, head: str) -> dict[str, tuple[str, ...]]:
    """The rows of the tables whose first column is called `head`: the name in the first cell, and the other cells."""
    found: dict[str, tuple[str, ...]] = {}
    here = False
    for line, after in zip(text.splitlines(), [*text.splitlines()[1:], ""], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if after.startswith("|---"):
            here = cells[0].strip("| ") == head
        elif not line.startswith("|"):
            here = False
        elif here and not line.startswith("|---"):
            found[cells[0].strip("| `")] = tuple(cell.strip("| ") for cell in cells[1:])
    return found


def blocks(text: str) -> list[str]:
    """The indented blocks, without their indentation."""
    found = re.findall(r"(?:^    .*\n)+", text, flags=re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


def examples(text: str) -> list[Document]:
    """The JSON documents among the blocks."""
    return [json.loads(block) for block in blocks(text) if block.startswith("{")]


def compare(documented: set[str], real: set[str]) -> list[str]:
    """What is missing from the page and what is only there; empty when the two agree."""
    missing = [f"{name} is not documented" for name in sorted(real - documented)]
    return missing + [f"{name} is documented and does not exist" for name in sorted(documented - real)]


def paths(document: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """All keys of a document, written as the reference writes them."""
    for key, value in document.items():
        if (key in NAMED_BY_USERS or key in ALIKE) and isinstance(value, dict):
            yield prefix + key
        elif key not in APART and isinstance(value, list) and value and isinstance(value[0], dict):
            for inner in value:
                yield from paths(inner, f"{prefix}{key}[].")
        elif isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}.")
        else:
            yield prefix + key


# What there is


def options_of(command: str) -> set[str]:
    """The options and arguments that a command declares itself."""
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f"relspec.ui.cli.{COMMANDS[command][0]}").arguments(parser)
    return {a.option_strings[-1] if a.option_strings else str(a.metavar) for a in parser._actions}


def setting_names() -> set[str]:
    """All keys that `watch.toml` may have."""
    tables = {"limits": Limits, "watch": WatchSettings, "gc": GcSettings, "warnings": WarningSettings}
    plain = set(Settings.__struct_fields__) - tables.keys() - {"sources", "extractors"}
    inner = {f"{table}.{name}" for table, kind in tables.items() for name in kind.__struct_fields__}
    sources = {f"sources.NAME.{field.name}" for field in msgspec.structs.fields(config._Source)}
    return plain | inner | sources | {"sources.NAME", "extractors.NAME"}


def error_codes() -> dict[str, int]:
    """The codes of all errors that end a command, with their exit codes."""
    pending: list[type[RelspecError]] = [RelspecError]
    found = {UsageError.code: UsageError.exit_code, "interrupted": 130}
    while pending:
        kind = pending.pop()
        found[kind.code] = kind.exit_code
        pending += [inner for inner in kind.__subclasses__() if inner.__module__.startswith("relspec.")]
    return found


def tables_of_state(folder: Path) -> sqlite3.Connection:
    """A state database without rows."""
    Store.open(folder / "relspec.sqlite", "session").close()
    return sqlite3.connect(folder / "relspec.sqlite")


def command(root: Path, *words: str) -> Document:
    """Run the installed command as scripts do: the document."""
    line = [str(Path(sys.executable).with_name("relspec-watch")), *words, "--project", str(root), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    found: Document = json.loads(done.stdout)
    return found


def asked(root: Path) -> dict[str, list[Document]]:
    """What the commands answer before and after a change of data."""
    found = {name: [command(root, name)] for name in ("build", "status", "plan", "check", "graph", "gc", "doctor")}
    (root / "data" / "orders.csv").write_text("day,amount\n2013-01-01,4\n")
    command(root, "build")
    (root / "tasks" / "top.sql").write_text("select max(total) as top from totals -- all of them")
    command(root, "build")
    found["why"] = [command(root, "why", name) for name in ("top", "totals")]
    found["graph"].append(command(root, "graph", "--cone", "top"))
    found["explain"] = [command(root, "explain", name) for name in ("totals", "broken")]
    found["status"].append(command(root, "status"))
    found |= {name: [command(root, name, "totals")] for name in ("show", "path")}
    (root / "tasks" / "broken.sql").unlink()
    found["export"] = [command(root, "export", "hamilton", "-")]
    for path in (root / "state" / "objects").iterdir():
        path.chmod(0o600)
        path.write_bytes(b"rotten")
    found["doctor"].append(command(root, "doctor"))
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Document]]:
    """Real documents of every command, over a small project with a view, a broken task and one above it that moved."""
    root = tmp_path_factory.mktemp("project")
    (root / "tasks").mkdir()
    (root / "data").mkdir()
    (root / "data" / "orders.csv").write_text("day,amount\n2013-01-01,3\n")
    (root / "tasks" / "days.sql").write_text("-- relspec: kind=view\nselect day, amount from orders")
    (root / "tasks" / "totals.sql").write_text("select day, sum(amount) as total from days group by day")
    (root / "tasks" / "top.sql").write_text("select max(total) as top from totals")
    (root / "tasks" / "broken.sql").write_text("select nothing from totals")
    (root / "watch.toml").write_text('[gc]\npinned = ["totl"]\n')
    detached = command(root, "daemon", "--detach")
    try:
        found = asked(root)
    finally:
        stopped = command(root, "stop")
    # Without a daemon the answers come from other code; they look the same.
    found["status"] += [command(root, "status"), command(root, "status", "--sync")]
    found["plan"].append(command(root, "plan"))
    found["init"] = [command(root / "tasks", "init", str(root / "new"))]
    printed = command(root, "daemon", "--systemd-unit")
    found |= {"daemon": [detached, {"ok": True}, printed], "stop": [stopped], "error": [command(root, "stop")]}
    return found


# Commands


def test_every_command_has_a_section_and_no_other() -> None:
    inner = section(REFERENCE, "Commands")
    documented = {heading.strip("`") for heading in sections(inner) if heading.startswith("`")}
    assert compare(documented, set(COMMANDS)) == []


def test_every_mentioned_command_exists() -> None:
    for page in PAGES:
        mentioned = set(re.findall(r"relspec-watch ([a-z]+)", page.read_text()))
        assert mentioned <= set(COMMANDS), page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_row(name: str) -> None:
    documented = set(rows(section(REFERENCE, f"`{name}`"), "option"))
    usage = section(REFERENCE, f"`{name}`").split("\n\n")[1]
    real = options_of(name)
    # Arguments whose meaning the usage line and the first sentence give need no table.
    assert compare(documented | ({"DIR"} & real), real) == []
    assert all(option in usage for option in real), usage


def test_the_options_of_all_commands_have_a_row() -> None:
    real = {action.option_strings[-1] for action in _first()._actions if action.option_strings}
    general = section(REFERENCE, "Commands").split("\n### ")[0]
    assert compare(set(rows(general, "option")), real) == []


def test_every_error_code_has_a_row_with_its_exit_code() -> None:
    documented = rows(section(REFERENCE, "Errors"), "code")
    real = error_codes()
    assert compare(set(documented), {*real, "no-start"}) == []
    assert {code: documented[code][0] for code in real} == {code: str(exit_) for code, exit_ in real.items()}


def test_every_exit_code_has_a_row() -> None:
    real = {"0", *(str(exit_) for exit_ in error_codes().values())}
    assert compare(set(rows(section(REFERENCE, "Exit codes"), "code")), real) == []


# Documents


@pytest.mark.parametrize("name", COMMANDS)
def test_every_key_has_a_row(name: str, answers: dict[str, list[Document]]) -> None:
    documented = set(rows(section(REFERENCE, f"`{name}`"), "key"))
    assert compare(documented, {path for document in answers[name] for path in paths(document)}) == []


def test_every_key_of_entries_problems_and_errors_has_a_row(answers: dict[str, list[Document]]) -> None:
    problem = answers["build"][0]["problems"][0]
    assert compare(set(rows(section(REFERENCE, "Problems"), "key")), set(problem)) == []
    entry = answers["plan"][0]["blocked"][0]
    assert compare(set(rows(section(REFERENCE, "`plan`"), "key of an entry")), set(entry)) == []
    error = answers["error"][0]
    assert compare(set(rows(section(REFERENCE, "Errors"), "key")), set(paths(error))) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_has_the_keys_of_a_real_answer(name: str, answers: dict[str, list[Document]]) -> None:
    shown = examples(section(REFERENCE, f"`{name}`"))
    assert shown, f"{name} has no example"
    for example in shown:
        assert any(set(example) == set(real) for real in answers[name])
        assert set(paths(example)) <= {path for real in answers[name] for path in paths(real)}


def test_the_examples_of_a_problem_and_an_error_have_real_keys(answers: dict[str, list[Document]]) -> None:
    (problem,) = examples(section(REFERENCE, "Problems"))
    assert set(problem) == set(answers["build"][0]["problems"][0])
    assert Code(problem["code"])
    (error,) = examples(section(REFERENCE, "Errors"))
    assert set(paths(error)) == set(paths(answers["error"][0]))
    assert error["error"]["code"] in error_codes()


# Codes, rules, settings, tasks, state


def test_every_code_and_every_rule_has_a_row() -> None:
    assert compare(set(rows(section(REFERENCE, "Problems"), "code")), {str(code) for code in Code}) == []
    assert compare(set(rows(section(REFERENCE, "Warnings"), "warning")), {str(code) for code in WarningCode}) == []
    assert compare(set(rows(section(REFERENCE, "Reasons"), "rule")), {str(rule) for rule in Rule}) == []


def test_every_setting_has_a_row() -> None:
    assert compare(set(rows(section(REFERENCE, "Settings"), "setting")), setting_names()) == []


def test_the_defaults_of_the_settings_are_right(tmp_path: Path) -> None:
    documented = rows(section(REFERENCE, "Settings"), "setting")
    tables: dict[str, list[str]] = {"": [], "limits": [], "watch": [], "gc": []}
    for name, (default, _) in documented.items():
        table, _, key = name.rpartition(".")
        if table in tables:
            tables[table].append(f"{key} = {default.strip('`')}")
    text = "\n".join([*tables[""], "[limits]", *tables["limits"], "[watch]", *tables["watch"], "[gc]", *tables["gc"]])
    (tmp_path / "watch.toml").write_text(text)
    assert settings_of(Layout(tmp_path), read_config(Layout(tmp_path))) == Settings()


def test_the_bounds_of_the_settings_are_right() -> None:
    documented = rows(section(REFERENCE, "Settings"), "setting")
    for (table, key), (low, high) in BOUNDS.items():
        assert f"; {low:g} to {high:.0f}" in documented[f"{table}.{key}"][1], key


def test_formats_and_endings_are_named() -> None:
    text = section(REFERENCE, "Settings")
    assert [name for name in [*Format, *SUFFIXES] if name not in text] == []


def test_every_option_of_a_task_has_a_row() -> None:
    documented = rows(section(REFERENCE, "Options of a task"), "option")
    assert compare(set(documented), set(OPTIONS)) == []
    found = declare({}, "a", Builder(Language.SQL, "a.sql", None), 1)
    assert not isinstance(found, Fault)
    assert (documented["kind"][0], documented["priority"][0]) == (f"`{found.kind}`", f"`{found.priority}`")


def test_every_pair_of_kind_and_policy_has_a_row() -> None:
    text = section(REFERENCE, "Kinds and cache policies")
    documented = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text, flags=re.MULTILINE))
    builder = Builder(Language.SQL, "a.sql", None)
    pairs = {(kind, policy) for kind in Kind for policy in CachePolicy}
    allowed = {
        (k, p) for k, p in pairs if not isinstance(declare({"kind": k, "cache_policy": p}, "a", builder, 1), Fault)
    }
    assert documented == {(k.value, p.value) for k, p in allowed}
    for kind, policy in DEFAULT_CACHE_POLICY.items():
        assert re.search(rf"^\| `{kind}` \| `{policy}` \| the default of ", text, flags=re.MULTILINE)


def test_the_stored_types_are_right() -> None:
    documented = rows(section(REFERENCE, "Stored types"), "type")
    assert {types.parse(name).head for name in documented} >= types._STORED_AS.keys()
    for name, (stored,) in documented.items():
        assert types.stored_type(name) == (None if stored.startswith("not at all") else stored.strip("`")), name


def test_every_table_of_the_state_has_a_row_and_the_query_runs(tmp_path: Path) -> None:
    text = section(REFERENCE, "The state")
    database = tables_of_state(tmp_path)
    try:
        found = database.execute(
            "select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\'"
        )
        real = {name for (name,) in found if not name.startswith("sqlite_")}
        assert compare(set(rows(text, "table")), real) == []
        (query,) = [block for block in blocks(text) if block.startswith("select")]
        assert database.execute(query).fetchall() == []
    finally:
        database.close()


def test_every_path_of_the_layout_is_named() -> None:
    layout = Layout(Path("/p"))
    named = set(rows(section(REFERENCE, "The state"), "file"))
    folders = {layout.objects, layout.temporary, layout.tables, layout.held, layout.log}
    files = {layout.database, layout.views, layout.lock, layout.socket, layout.card}
    assert {path.name for path in files} | {f"{path.name}/" for path in folders} <= named


# Links


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    dead = []
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        is_there = target.exists() and (not anchor or anchor in anchors(text if not name else target.read_text()))
        dead += [] if is_there else [link]
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert dead_links(page, page.read_text()) == []


def test_every_page_is_reached_from_the_index() -> None:
    linked = {DOCS / link for link in re.findall(r"\]\(([^)#]+)\)", (DOCS / "index.md").read_text())}
    assert [page for page in PAGES if page.name != "index.md" and linked.isdisjoint({page, page.parent})] == []


ARCHITECTURE = (DOCS / "architecture.md").read_text()
SOURCE = DOCS.parent / "src" / "relspec"


def test_the_code_map_names_every_part_and_only_what_is_there() -> None:
    documented = set(rows(section(ARCHITECTURE, "Code map"), "where"))
    names = {part for where in documented for part in where.replace("`", "").split(", ")}
    assert [name for name in names if not (SOURCE / name).exists()] == []
    parts = {path.relative_to(SOURCE).as_posix() for layer in ("edges", "ui") for path in (SOURCE / layer).iterdir()}
    assert sorted(part for part in parts - names if not part.endswith(("__init__.py", "__pycache__"))) == []


def test_the_daemon_imports_what_the_architecture_says() -> None:
    heavy = ("ibis", "duckdb", "pyarrow", "sqlglot")
    code = f"import sys, relspec.app.serving; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


# The checks bite


@pytest.mark.parametrize(
    ("heading", "head", "name"),
    [
        ("`build`", "option", "--file"),
        ("`build`", "key", "executed"),
        ("`why`", "key", "chain[].columns"),
        ("Problems", "code", "edge"),
        ("Problems", "key", "hint"),
        ("Reasons", "rule", "same-key"),
        ("Settings", "setting", "limits.query_s"),
        ("Errors", "code", "state-busy"),
        ("Exit codes", "code", "130"),
        ("Options of a task", "option", "priority"),
        ("Stored types", "type", "BIT"),
        ("The state", "table", "run_task"),
    ],
)
def test_a_row_that_is_taken_out_is_missed(heading: str, head: str, name: str) -> None:
    real = set(rows(section(REFERENCE, heading), head))
    without = "\n".join(line for line in REFERENCE.splitlines() if not line.startswith(f"| `{name}` |"))
    assert compare(set(rows(section(without, heading), head)), real) == [f"{name} is not documented"]


def test_a_row_that_is_made_up_is_found() -> None:
    text = "| key | value |\n|---|---|\n| `ok` | x |\n| `fine` | y |\n"
    assert compare(set(rows(text, "key")), {"ok"}) == ["fine is documented and does not exist"]


def test_a_section_that_is_taken_out_is_missed() -> None:
    with pytest.raises(AssertionError, match="no section '`plan`'"):
        section(REFERENCE.replace("### `plan`\n", ""), "`plan`")


def test_a_dead_link_is_found() -> None:
    page = DOCS / "reference.md"
    text = "# Here\n[a](nowhere.md) [b](#here) [c](#there) [d](guide.md#sources) [e](guide.md#springs)"
    assert dead_links(page, text) == ["nowhere.md", "#there", "guide.md#springs"]


def test_keys_are_written_as_in_the_reference() -> None:
    document = {"a": 1, "b": {"c": 2}, "d": [{"e": 3, "inputs": {"x": {}}}], "f": [], "problems": [{"code": "x"}]}
    assert list(paths(document)) == ["a", "b.c", "d[].e", "d[].inputs", "f", "problems"]
