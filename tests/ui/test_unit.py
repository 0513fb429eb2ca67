"""The unit that is printed: every path is one word in it, as systemd reads words."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relspec.ui.unit import unit, unit_name

ROOTS = [
    "/home/ann/demo",
    "/home/ann/two words",
    "/p/a \"b\" 'c'\n$d ${HOME} %e %% \\x \\ [f]* ; # \x1b[2J \u202e é",
    "/p/" + "x" * 250,
]


def words(line: str) -> list[str]:
    """Read a command line as systemd does: quotes, C escapes of bytes, and specifiers."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    raw = [re.sub(rb"\\x(..)|\\(.)", _byte, word.encode()) for word in found]
    return [word.decode().replace("%%", "%") for word in raw]


def _byte(escaped: "re.Match[bytes]") -> bytes:
    return bytes([int(escaped[1], 16)]) if escaped[1] else escaped[2]


@pytest.mark.parametrize("root", ROOTS)
def test_the_command_survives_the_quoting(root: str) -> None:
    command = ["/bin/true", "-P", "daemon", "--project", root]
    text = unit(Path(root), command)
    assert "\x1b" not in text
    assert "\u202e" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert line.startswith('ExecStart=:"'), "the colon keeps $ from being a variable"
    assert words(line) == command
    assert not re.search(r"(?<!%)(?:%%)*%(?!%)", line)


@pytest.mark.parametrize("root", ROOTS)
def test_systemd_itself_finds_nothing_wrong(root: str, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    file = tmp_path / unit_name(Path(root))
    file.write_text(unit(Path(root), ["/bin/true", "--project", root]))
    done = subprocess.run([program, "verify", "--user", file], capture_output=True, text=True, check=False, timeout=60)
    assert file.name not in done.stderr


def test_projects_of_one_name_have_units_of_their_own() -> None:
    names = [unit_name(Path(root)) for root in (*ROOTS, "/srv/demo")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"relspec-[A-Za-z0-9_-]{1,70}\.service", name) for name in names)
