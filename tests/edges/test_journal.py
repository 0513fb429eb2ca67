"""The daemon's log: whole lines, bounded files, and nothing that a full disk, a hostile name or a user can do to it."""

import json
import logging
import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relspec.core.layout import Layout
from relspec.edges import journal
from relspec.edges.journal import Journal, Level


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.log.mkdir(parents=True)
    return layout


def lines(layout: Layout) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (layout.log / "daemon.jsonl").read_text("ascii").splitlines()]


def test_a_line_says_when_who_and_what(layout: Layout) -> None:
    Journal(layout).write(Level.INFO, "ready", revision=7, tasks=("a", "b"))
    (line,) = lines(layout)
    assert line.pop("at")[10::13] == "TZ"
    assert line == {"pid": os.getpid(), "level": "info", "event": "ready", "revision": 7, "tasks": ["a", "b"]}
    assert stat.S_IMODE((layout.log / "daemon.jsonl").stat().st_mode) == 0o600


def test_no_name_can_drive_a_terminal_or_make_a_line_of_its_own(layout: Layout) -> None:
    name = 'a\x1b[2J\n{"event": "stop"}\u202e\x9b\x00' + os.fsdecode(b"\xff")
    Journal(layout).write(Level.INFO, "changed", paths=[name])
    text = (layout.log / "daemon.jsonl").read_text("ascii")
    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()
    assert lines(layout)[0]["paths"] == [name]


def test_long_texts_and_lists_are_cut(layout: Layout) -> None:
    Journal(layout).write(Level.INFO, "x", text="a" * 3000, texts=["b" * 3000] * 100)
    (line,) = lines(layout)
    assert line["text"] == "a" * 2000 + "…"
    assert line["texts"] == ["b" * 2000 + "…"] * 50


def test_files_are_bounded_in_size_and_number(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FILE_BYTES_MAX", 1000)
    log = Journal(layout)
    for number in range(200):
        log.write(Level.INFO, "x", number=number)
    names = sorted(path.name for path in layout.log.iterdir())
    assert names == ["daemon.jsonl", *(f"daemon.jsonl.{n}" for n in range(1, 5))]
    assert max(path.stat().st_size for path in layout.log.iterdir()) <= 1000
    kept = [json.loads(s)["number"] for name in reversed(names) for s in (layout.log / name).read_text().splitlines()]
    assert kept == list(range(kept[0], 200))


def test_a_file_that_is_taken_away_is_made_again_and_a_folder_is_not(layout: Layout) -> None:
    log = Journal(layout)
    log.write(Level.INFO, "one")
    (layout.log / "daemon.jsonl").unlink()
    log.write(Level.INFO, "two")
    assert [line["event"] for line in lines(layout)] == ["two"]
    shutil.rmtree(layout.log)
    log.write(Level.INFO, "three")
    assert not layout.log.exists()


def test_a_link_in_its_place_is_not_followed(layout: Layout) -> None:
    (layout.root / "victim").write_text("precious")
    (layout.log / "daemon.jsonl").symlink_to(layout.root / "victim")
    Journal(layout).write(Level.INFO, "x")
    assert (layout.root / "victim").read_text() == "precious"


FULL = """
import resource, signal, sys
from pathlib import Path
from relspec.core.layout import Layout
from relspec.edges.journal import Journal, Level
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = Journal(Layout(Path(sys.argv[1])))
log.write(Level.INFO, "before")
size = (Path(sys.argv[1]) / "state" / "log" / "daemon.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
for _ in range(3):
    log.write(Level.INFO, "no room")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.write(Level.INFO, "after")
"""


def test_where_there_is_no_room_whole_lines_are_missing_and_counted(layout: Layout) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    subprocess.run([sys.executable, "-c", FULL, str(layout.root)], check=True, timeout=30)
    assert [(line["event"], line.get("lost_lines")) for line in lines(layout)] == [("before", None), ("after", 3)]


def test_what_edges_say_of_their_processes_and_our_defects_are_written_down(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(layout):
        logging.getLogger("relspec.worker").warning("engine process %d is lost", 7)
        try:
            raise ZeroDivisionError("x")
        except ZeroDivisionError:
            logging.getLogger("asyncio").exception("a task\x1b[2J failed")
    logging.getLogger("relspec.worker").warning("of nobody's concern")
    worker, defect = lines(layout)
    assert (worker["level"], worker["event"], worker["message"]) == ("warning", "worker", "engine process 7 is lost")
    assert (defect["level"], defect["event"], defect["message"]) == ("error", "defect", "a task\x1b[2J failed")
    assert defect["trace"].endswith("ZeroDivisionError: x")
    said = "relspec-watch: a defect of our own, told of in state/log: 'a task\\x1b[2J failed'\n"
    assert capsys.readouterr().err == said
