"""Environments hold pinned versions, and an environment that holds others is made again."""

import subprocess
from pathlib import Path

import pytest
from tests.bench.peers.environments import HERE, SILENT, environment, pins, variables
from tests.bench.peers.tools import TOOLS, Tool

CONSTRAINTS = HERE.parents[2] / "constraints.txt"


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_a_tool_is_pinned_and_runs_the_same_duckdb_as_we_do(tool: Tool) -> None:
    ours = dict(line.split("==") for line in CONSTRAINTS.read_text().splitlines() if line.startswith("duckdb=="))
    assert pins(tool.name)[tool.distribution]
    assert pins(tool.name)["duckdb"] == ours["duckdb"]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_has_a_driver(tool: str) -> None:
    command = TOOLS[tool].driver(Path("/environment"))
    assert command[0] == "/environment/bin/python"
    assert Path(command[1]).is_file()


def test_peers_report_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail when our own variables came last."""
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    assert variables().items() >= SILENT.items()


def test_an_environment_is_made_once_and_again_for_other_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail without the comparison, and when the mark was written before the installation."""
    ran: list[list[str]] = []

    def start(command: list[str], *, check: bool) -> None:
        ran.append(command)
        Path(tmp_path / "dbt").mkdir(exist_ok=True)
        if "pip" in command and len(ran) == 2:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", start)
    with pytest.raises(subprocess.CalledProcessError):
        environment("dbt", tmp_path)
    for expected in (4, 4):
        assert environment("dbt", tmp_path) == tmp_path / "dbt"
        assert len(ran) == expected
    (tmp_path / "dbt" / "made-of.txt").write_text("dbt-core==1.0\n")
    environment("dbt", tmp_path)
    assert len(ran) == 6
