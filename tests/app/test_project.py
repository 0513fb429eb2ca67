"""The Python API: the same project as the command line's, with and without a daemon, never locking it."""

import duckdb
import pytest
from tests.app.conftest import Project

from relspec import Project as Opened
from relspec.core.errors import ConfigError, UnknownNameError


def test_a_project_is_built_and_read_without_a_daemon(project: Project) -> None:
    opened = Opened.open(project.root)
    assert opened.build()["executed"] == ["daily", "total"]
    assert [t["state"] for t in opened.status()["tasks"]] == ["fresh", "fresh"]
    assert opened.status(sync=True) == opened.status()
    assert opened.arrow("total").to_pylist() == [{"total": 60}]
    daily = opened.table("daily")
    assert daily.filter(daily.day == 1).revenue.to_pyarrow().to_pylist() == [40]


def test_an_open_project_goes_through_the_daemon_and_sees_its_saves(project: Project) -> None:
    project.start()
    opened = Opened.open(project.root)
    held = opened.table("total")
    project.save("tasks/total.sql", "select sum(revenue) + 9 as total from daily\n")
    assert opened.build()["executed"] == ["total"]
    assert opened.status(sync=True)["daemon"]["running"]
    assert opened.arrow("total").to_pylist() == [{"total": 69}]
    assert held.total.to_pyarrow().to_pylist() == [60], "a table keeps the revision of which it was made"


def test_what_is_not_there_is_an_error_with_the_nearest_name(project: Project) -> None:
    with pytest.raises(ConfigError, match="is not a directory"):
        Opened.open(project.root / "nowhere")
    opened = Opened.open(project.root)
    with pytest.raises(ConfigError, match="nothing is built"):
        opened.arrow("total")
    opened.build()
    with pytest.raises(UnknownNameError) as caught:
        opened.arrow("totl")
    assert caught.value.hint == "did you mean 'total'?"


def test_metadata_that_a_builder_reads_is_required_of_its_input(project: Project) -> None:
    def write(metadata: str) -> None:
        aside = project.root / "data" / ".prices.new"
        with duckdb.connect() as connection:
            connection.execute(f"copy (select 1 as id, 250 as price) to '{aside}' (format parquet{metadata})")
        aside.replace(project.root / "data" / "prices.parquet")

    write(", kv_metadata {unit: 'cents'}")
    lines = [
        "from relspec import task",
        "@task",
        "def euros(ctx):",
        "    prices = ctx.table('prices')",
        "    factor = {'cents': 100, 'euros': 1}[ctx.metadata('prices')['unit']]",
        "    return prices.select('id', euros=prices.price / factor)",
    ]
    project.save("tasks/euros.py", "\n".join(lines) + "\n")
    opened = Opened.open(project.root)
    opened.build(["euros"])
    assert opened.arrow("euros").to_pylist() == [{"id": 1, "euros": 2.5}]
    (edge,) = [e for e in project.run("graph")[1]["edges"] if e["target"] == "task:euros"]
    assert edge["metadata"] == {"unit": "cents"}
    write(", kv_metadata {unit: 'euros'}")
    assert opened.build(["euros"])["executed"] == ["euros"]
    assert opened.arrow("euros").to_pylist() == [{"id": 1, "euros": 250.0}]
    write("")
    document = opened.build(["euros"])
    assert (document["executed"], document["blocked"]) == ([], ["euros"])
    assert "unit" in document["problems"][0]["message"]
