"""The main job, end to end: the installed command, real files, real processes, readers beside it."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
from tests.app.conftest import COMMAND, Project


def executed(document: dict[str, object]) -> object:
    return document["executed"]


def test_a_save_reaches_status_and_plain_duckdb(project: Project) -> None:
    project.start()
    assert project.table("total") == [("60",)]
    project.save("tasks/total.sql", "select sum(revenue) + 1 as total from daily\n")
    code, document = project.run("build")
    assert (code, document["ok"]) == (0, True)
    assert (document["recompiled"], document["executed"], document["failed"]) == (["total"], ["total"], [])
    assert project.table("total") == [("61",)]
    code, status = project.run("status", "--sync")
    assert code == 0
    assert status["daemon"] == {"running": True, "pid": project.daemon.pid if project.daemon else None}
    assert [(t["name"], t["state"], t["rows"]) for t in status["tasks"]] == [
        ("daily", "fresh", 2),
        ("total", "fresh", 1),
    ]


def test_every_way_to_save_is_seen(project: Project) -> None:
    project.start()
    path = project.root / "tasks" / "total.sql"
    ways = {
        "in place": path.write_text,
        "renamed": lambda text: project.save("tasks/total.sql", text),
        "deleted and made again": lambda text: (path.unlink(), path.write_text(text)),
        "same size": path.write_text,
    }
    for number, (way, save) in enumerate(ways.items(), 1):
        save(f"select sum(revenue) + {number} as total from daily\n")
        assert executed(project.run("build")[1]) == ["total"], way
        assert project.table("total") == [(str(60 + number),)], way


def test_new_and_deleted_files_come_and_go_with_their_tables(project: Project) -> None:
    project.start()
    project.save("tasks/deep/extra.sql", "select count(*) as n from orders\n")
    assert executed(project.run("build")[1]) == ["extra"]
    assert (project.root / "state" / "tables" / "extra.parquet").exists()
    (project.root / "tasks" / "deep" / "extra.sql").unlink()
    assert executed(project.run("build")[1]) == []
    assert not (project.root / "state" / "tables" / "extra.parquet").exists()
    assert [t["name"] for t in project.run("status")[1]["tasks"]] == ["daily", "total"]


def test_a_broken_file_blocks_its_cone_and_heals(project: Project) -> None:
    project.start()
    project.save("tasks/daily.sql", "select day, sum(amont) as revenue, count(*) as n from orders group by day\n")
    code, document = project.run("build")
    assert code == 1
    assert (document["executed"], document["blocked"]) == ([], ["daily", "total"])
    (problem,) = document["problems"]
    assert (problem["code"], problem["path"], problem["line"], problem["column"]) == (
        "unknown-column",
        "tasks/daily.sql",
        1,
        17,
    )
    assert "amount" in problem["hint"]
    assert project.table("total") == [("60",)], "the last good table stays"
    project.save("tasks/daily.sql", "select day, sum(amount) as revenue, count(*) as n from orders group by day\n")
    code, document = project.run("build")
    assert (code, document["executed"], document["problems"]) == (0, [], [])


def test_build_of_a_file_tells_only_of_that_file_and_its_cone(project: Project) -> None:
    project.save("tasks/other.sql", "select nonsense from nowhere\n")
    project.start()
    project.save("tasks/daily.sql", "select day, sum(amount) * 2 as revenue, count(*) as n from orders group by day\n")
    code, document = project.run("build", "--file", str(project.root / "tasks" / "daily.sql"))
    assert (code, document["executed"], document["problems"]) == (0, ["daily", "total"], [])


def test_readers_see_one_whole_revision_while_the_daemon_works(project: Project) -> None:
    project.save("tasks/twice.sql", "select revenue, revenue as again from daily\n")
    project.start()
    views = project.root / "state" / "relspec.duckdb"
    script = """
import duckdb, os, sys
n_left = 40
while n_left > 0 or not os.path.exists(sys.argv[2]):
    n_left -= 1
    with duckdb.connect(sys.argv[1], read_only=True) as c:
        one = c.execute('select sum(revenue) from daily').fetchone()
        other = c.execute('select sum(again) from twice').fetchone()
        third = c.execute('select total from total').fetchone()
        assert one == other == third, (one, other, third)
print('whole')
"""
    enough = project.root / "enough"
    arguments = [sys.executable, "-c", script, str(views), str(enough)]
    reader = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    number = 0
    while reader.poll() is None:
        number += 1
        project.save(
            "tasks/daily.sql",
            f"select day, sum(amount) + {number} as revenue, count(*) as n from orders group by day\n",
        )
        project.run("build")
        if number == 3:
            enough.touch()
    assert reader.stdout is not None
    with reader.stdout as output:
        assert output.read() == "whole\n"
    assert number > 2


def test_ctrl_c_and_sigterm_end_the_daemon_and_all_its_children_within_a_second(project: Project) -> None:
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        project.start()
        # On two cores one engine starts after the other.
        project.wait(lambda: len(project.children()) > 3, "engines, and who publishes")
        family = project.children()
        started = time.monotonic()
        assert project.stop(number) == code
        _, alive = psutil.wait_procs(family, timeout=1.0)
        assert alive == []
        assert time.monotonic() - started < 1.0 + 1.0
        assert not (project.root / "state" / "daemon.sock").exists()


def test_no_child_outlives_a_daemon_that_was_killed(project: Project) -> None:
    project.start()
    family = project.children()
    project.stop(signal.SIGKILL)
    project.wait(lambda: not any(p.is_running() and p.status() != "zombie" for p in family), "the children to end")
    project.start()
    assert project.table("total") == [("60",)]


def test_a_second_daemon_is_refused_and_names_the_first(project: Project) -> None:
    project.start()
    assert project.daemon is not None
    command = [*COMMAND, "daemon", "--project", str(project.root)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert str(project.daemon.pid) in second.stderr


def test_an_endless_query_is_superseded_by_the_next_save(project: Project) -> None:
    project.start()
    endless = "select count(*) as total from range(100000000) a, range(100000000) b where a.range + b.range = -1\n"
    project.save("tasks/total.sql", endless)
    project.wait(lambda: running(project) == ["total"], "the endless query to run")
    project.save("tasks/total.sql", "select sum(revenue) + 5 as total from daily\n")
    code, document = project.run("build")
    assert (code, document["failed"]) == (0, [])
    assert project.table("total") == [("65",)]


def running(project: Project) -> list[str]:
    return [t["name"] for t in project.run("status")[1]["tasks"] if t["state"] == "running"]


def test_an_edit_elsewhere_does_not_restart_a_long_query(project: Project) -> None:
    project.start()
    slow = "select count(*) as n from range(30000) a, range(30000) b where a.range + b.range = -1\n"
    project.save("tasks/slow.sql", slow)
    project.wait(lambda: running(project) == ["slow"], "the long query to run")
    busy = max(project.children(), key=lambda p: p.cpu_percent(0.2))
    project.save("tasks/total.sql", "select sum(revenue) + 7 as total from daily\n")
    code, document = project.run("build")
    assert (code, document["executed"]) == (0, ["slow", "total"])
    assert busy.is_running(), "the process that ran it was not killed"


def test_status_imports_nothing_heavy_and_works_without_a_daemon(project: Project) -> None:
    assert project.run("build")[0] == 0
    project.save("tasks/daily.sql", "select day, 1 as revenue, count(*) as n from orders group by day\n")
    script = "import sys; from relspec.ui.cli import main; main(sys.argv[1:]); "
    script += (
        "print([m for m in ('ibis', 'duckdb', 'pyarrow', 'sqlite_utils', 'sqlglot', 'asyncio') if m in sys.modules])"
    )
    command = [sys.executable, "-c", script, "status", "--project", str(project.root)]
    shown = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "NO_COLOR": "1"}, check=False
    )
    assert shown.stdout.splitlines()[-1] == "[]"
    status = project.run("status")[1]
    assert status["daemon"] == {"running": False, "pid": None}
    assert {t["name"]: t["state"] for t in status["tasks"]} == {"daily": "stale", "total": "stale"}


def test_deleting_the_state_costs_only_time(project: Project) -> None:
    assert executed(project.run("build")[1]) == ["daily", "total"]
    shutil.rmtree(project.root / "state")
    assert executed(project.run("build")[1]) == ["daily", "total"]
    assert project.table("total") == [("60",)]


def test_a_state_that_is_deleted_under_the_daemon_is_made_anew(project: Project) -> None:
    project.start()
    # Not by `shutil`, which takes it for an error that the daemon takes its socket away meanwhile.
    subprocess.run(["rm", "-rf", str(project.root / "state")], check=True)
    project.wait(lambda: project.log.read_text().count("ready: ") > 1, "the daemon to begin anew")
    assert project.table("total") == [("60",)]
    project.save("tasks/total.sql", "select sum(revenue) + 2 as total from daily\n")
    assert executed(project.run("build")[1]) == ["total"]
    assert project.stop() == 0


def test_what_a_build_of_one_file_leaves_out_is_told_to_the_next(project: Project) -> None:
    project.save("tasks/other.sql", "select count(*) as n from orders\n")
    project.start()
    project.save("tasks/other.sql", "select count(*) + 1 as n from orders\n")
    project.save("tasks/total.sql", "select sum(revenue) + 2 as total from daily\n")
    assert executed(project.run("build", "--file", str(project.root / "tasks" / "total.sql"))[1]) == ["total"]
    assert executed(project.run("build")[1]) == ["other"]


def test_a_file_that_comes_and_goes_during_a_build_leaves_nothing(project: Project) -> None:
    project.start()
    for number in range(6):
        project.save(f"tasks/q{number}.sql", f"select {number} as a, (select count(*) from range(3000000)) as b\n")
        if number % 2:
            project.wait(lambda: "change detected" in project.log.read_text(), "the change to be seen")
        (project.root / "tasks" / f"q{number}.sql").unlink()
    project.run("build")
    assert [t["name"] for t in project.run("status")[1]["tasks"]] == ["daily", "total"]
    assert {p.stem for p in (project.root / "state" / "tables").iterdir()} == {"daily", "total"}


def test_a_touch_of_data_shows_nothing(project: Project) -> None:
    project.start()
    before = project.run("build")[1]
    os.utime(project.root / "data" / "orders.parquet")
    after = project.run("build")[1]
    assert (after["revision"], after["executed"], after["cut_off"]) == (before["revision"], [], [])


def test_a_save_hook_for_a_file_that_is_not_there_says_so(project: Project) -> None:
    project.run("build")
    code, document = project.run("build", "--file", str(project.root / "tasks" / "totl.sql"))
    assert (code, document["error"]["hint"]) == (2, "did you mean 'tasks/total.sql'?")


def test_broken_settings_are_a_problem_with_a_line_until_they_are_repaired(project: Project) -> None:
    project.save("watch.toml", "[watch]\nquiet_ms = 10\n")
    project.start()
    project.save("watch.toml", "[watch]\nquiet = 10\n")
    code, document = project.run("build")
    assert code == 1
    assert [(p["code"], p["path"], p["line"]) for p in document["problems"]] == [("config", "watch.toml", 2)]
    project.save("watch.toml", "[watch]\nquiet_ms = 10\n")
    assert project.run("build")[1]["problems"] == []
