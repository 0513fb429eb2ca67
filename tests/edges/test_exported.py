"""An exported module is written whole or not at all. Breaks that were caught: a file left behind, a link replaced."""

import errno
import os
from pathlib import Path

import pytest

from relspec.core.errors import ConfigError
from relspec.edges.exported import write


def test_a_failure_changes_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "flow.py"
    write(path, "# marked, first\n", "marked")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigError, match=f"cannot write {path}: No space left on device; name a file in a folder"):
        write(path, "# marked, second\n", "marked")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("flow.py", "# marked, first\n")]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to(tmp_path / "flow.py")
    for text in ("# marked, first\n", "# marked, second\n"):
        write(tmp_path / "link.py", text, "marked")
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "flow.py").read_text() == "# marked, second\n"
