"""What the guide shows works: its tasks run, its settings are read, its editor pattern fits what we print."""

import json
import re
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest
from tests.by_hand import File, extractor_of, tables_of

from relspec.core.dataset import Format
from relspec.core.layout import Layout
from relspec.core.problem import Code, Problem
from relspec.edges.config import read_config, settings_of
from relspec.edges.scaffold import create
from relspec.ui.render.page import Page
from relspec.ui.render.problems import document_of, problem_lines

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks() -> list[str]:
    """The indented blocks of the guide."""
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", (DOCS / "guide.md").read_text(), flags=re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def block_with(text: str) -> str:
    (found,) = [block for block in blocks() if text in block]
    return found


def test_the_tasks_run_over_the_example(tmp_path: Path) -> None:
    create(tmp_path)
    tasks = tmp_path / "tasks"
    (tasks / "busiest_days.sql").write_text(block_with("-- tasks/busiest_days.sql"))
    (tasks / "guide_tasks.py").write_text(block_with("def flights_by_carrier"))
    function = block_with("@ibis.udf.scalar.python")
    reader = "\nfrom relspec import task\n\n@task\ndef letters(ctx):\n    planes = ctx.table('planes')\n"
    reader += "    return planes.select(letters=last_letters(planes.tailnum)).distinct()\n"
    (tasks / "guide_udf.py").write_text(function + reader)
    data = tmp_path / "data"
    sources = {path.stem: f"from '{path}'" for path in data.iterdir() if path.suffix in {".csv", ".jsonl", ".parquet"}}
    tables = tables_of(tmp_path, {"flights": f"from '{data}/flights/*.parquet'", **sources})
    assert tables.execute("select count(*), max(flights) from busiest_days").fetchall() == [(10, 943)]
    assert tables.execute("select flights from flights_by_carrier limit 1").fetchall() == [(1573,)]
    assert ("UW",) in tables.execute("from letters").fetchall()


def test_the_extractor_gives_lines(tmp_path: Path) -> None:
    (tmp_path / "logs.py").write_text(block_with("def log_lines"))
    files, extract = extractor_of(tmp_path / "logs.py")
    assert files == "logs/**/*.log"
    expected = pa.table({"path": ["logs/a.log"] * 2, "line": ["one", "two"]})
    assert extract(File("logs/a.log", b"one\ntwo\n")) == {"log_lines": expected}


def test_the_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "watch.toml").write_text(block_with("[sources.refunds]"))
    flights, refunds = settings_of(Layout(tmp_path), read_config(Layout(tmp_path))).sources
    assert (flights.name, flights.pattern) == ("flights", "data/flights/*.parquet")
    assert (refunds.format, refunds.types) == (Format.CSV, (("amount", "DECIMAL(18,2)"),))


def test_the_editor_finds_place_code_and_sentence() -> None:
    pattern = json.loads(block_with('"problemMatcher"'))["tasks"][0]["problemMatcher"]["pattern"]
    problem = Problem(Code.UNKNOWN_COLUMN, "t", "tasks/a b.sql", 7, 19, "flights has no column 'x'", None)
    head, *_ = problem_lines([document_of(problem)], Page(80, False, lambda *_: None))
    found = re.match(pattern["regexp"], head)
    assert found is not None
    fields = ("file", "line", "column", "code", "message")
    assert [found[pattern[field]] for field in fields] == [
        *("tasks/a b.sql", "7", "19", "unknown-column"),
        "flights has no column 'x'",
    ]


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/glossary.md", "docs/index.md", "docs/edits.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = DOCS.parent / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []
