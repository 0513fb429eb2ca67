"""A project in which every name and every text is made to drive a terminal, through every command and the daemon."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.life.living import Living, make_project

from relspec.ui.cli import main, path
from relspec.ui.cli.arguments import COMMANDS
from relspec.ui.render.text import escape

#: Clear the screen, set the title, go back a line, turn the text round, hide it, and begin a line of our own.
EVIL = "\x1b[2J\x1b]0;gone\x07\r\x9b1A\u202e\u2066\u200b\u2028\nrelspec-watch: ready: "
#: The same where no line may end.
LINE = EVIL.replace("\n", "\x0b")

FILES = {
    "watch.toml": "[limits]\nworkers = 1\n",
    f"tasks/bad{EVIL.replace('/', '')}.sql": "select 1 as x\n",
    "tasks/columns.sql": f'select day as "c{LINE}", amount as "d{EVIL}" from orders\n',
    "tasks/values.sql": f"select 'v{EVIL}' as v, day from orders\n",
    "tasks/unknown.sql": f'select "no{LINE}" from orders\n',
    "tasks/missing.sql": f'select 1 as a from "gone{LINE}"\n',
    "tasks/syntax.sql": f"select {LINE} from\n",
    "tasks/options.sql": f"-- relspec: kind={LINE}\nselect 1 as a\n",
    "tasks/code.py": f"raise ValueError({EVIL!r})\n",
    "tasks/builder.py": f"from relspec import task\n\n@task\ndef built(ctx):\n    raise KeyError({EVIL!r})\n",
    "tasks/reader.sql": f'select "c{LINE}" as again from columns\n',
    f"data/odd{EVIL.replace('/', '')}.csv": "a,b\n1,2\n",
    "data/head.csv": f'"h{LINE}",b\n1,2\n',
    "data/broken.jsonl": f'{{"a": "{LINE}\n',
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_project(tmp_path / f"p{EVIL.replace('/', '')}")
    for name, text in FILES.items():
        (root / name).write_text(text)
    return root


Show = Callable[..., str]


@pytest.fixture
def show(root: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    """Run a command in this process: what it prints as text."""

    def run(*words: str) -> str:
        main([*words, "--project", str(root)])
        said = capsys.readouterr()
        return said.out + said.err

    return run


def test_no_name_and_no_text_drives_a_terminal(root: Path, tmp_path: Path, show: Show) -> None:
    calls = [
        *(("build",), ("build", "--again", "columns"), ("build", f"t{EVIL}"), ("build", "--file", f"f{EVIL}")),
        *(("build", "--file", "/etc/passwd"), ("build", "--file", str(root / "tasks" / "code.py"))),
        *(("status",), ("status", f"t{EVIL}"), ("plan",), ("check",), ("gc",), ("gc", "--dry-run"), ("doctor",)),
        *((command, task) for command in ("why", "explain") for task in ("columns", "values", "reader", "unknown")),
        *(("why", f"t{EVIL}"), ("explain", f"t{EVIL}"), ("show", f"t{EVIL}"), ("path", f"t{EVIL}")),
        *(("graph", "--format", how) for how in ("json", "mermaid", "dot", f"f{EVIL}")),
        *(("export", "hamilton", file) for file in ("-", str(tmp_path / f"e{EVIL.replace('/', '')}"))),
        *(("show", table) for table in ("columns", "values", "head", "orders")),
        *(("init", str(tmp_path / f"new{EVIL.replace('/', '')}")), ("init", str(root))),
        *(("daemon",), ("daemon", "--detach"), ("daemon", "--systemd-unit"), (f"c{EVIL}",), ("status", f"--o{EVIL}")),
    ]
    said = {}
    with Living(root, tmp_path / "log") as daemon:
        daemon.ready()
        for words in calls:
            said[words] = show(*words)
        (root / "watch.toml").write_text('[limits]\n"k\\u001b[2J\\u202e" = 1\n')
        said["settings"] = show("build")
        said["stop",] = show("stop")
        said["daemon's lines",] = daemon.said()
    said["broken settings",] = show("build")
    (root / "watch.toml").unlink()
    said["status without a daemon",] = show("status")
    for words, text in said.items():
        assert [c for c in text if not c.isprintable() and c != "\n"] == [], (words, text)
        forged = [line for line in text.splitlines() if line.startswith("relspec-watch: ready: ")]
        assert all("revision" in line for line in forged), (words, text)
    assert {words[0] for words in calls} >= COMMANDS.keys() - {"stop"}
    assert "\\x1b[2J" in said["build",]
    assert "\\u202e" in said["explain", "columns"]
    assert os.listdir(root / "state" / "log") == ["daemon.jsonl"]
    assert (root / "state" / "log" / "daemon.jsonl").read_text("ascii").replace("\n", "").isprintable()


def test_a_path_is_as_it_is_for_programs_and_escaped_for_eyes(
    root: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = root / "state" / "tables"
    tables.mkdir(parents=True)
    (tables / "total.parquet").touch()
    assert show("path", "total") == f"{tables / 'total.parquet'}\n"
    monkeypatch.setattr(path, "_is_for_eyes", lambda: True)
    assert show("path", "total") == f"{escape(str(tables / 'total.parquet'))}\n"
