"""Entry points: task files of installed packages are found by the record of their files, without an import."""

import sys
from pathlib import Path

from relspec.edges.loader.entry_points import entry_point_files

EXPLODES = "raise RuntimeError('imported')\n"


def _install(site: Path, name: str, entry: str, files: dict[str, str]) -> None:
    info = site / f"{name}-1.0.dist-info"
    files = {f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", **files}
    files[f"{info.name}/entry_points.txt"] = f"[relspec.tasks]\n{entry}\n[console_scripts]\nx = other:main\n"
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in files))


def test_offered_files_are_found_without_importing_them(tmp_path, monkeypatch) -> None:
    site = (tmp_path / "site").resolve()
    packaged = {"offered/__init__.py": EXPLODES, "offered/tasks.py": EXPLODES}
    _install(site, "offered", "days = offered.tasks", packaged)
    _install(site, "whole", "all = whole", {"whole/__init__.py": EXPLODES})
    _install(site, "gone", "none = gone.tasks", {})
    source = (tmp_path / "checkout").resolve()
    source.mkdir()
    (source / "edited.py").write_text(EXPLODES)
    _install(site, "edited", "mine = edited", {"edited.pth": f"import os\n{source}\n"})
    monkeypatch.syspath_prepend(str(site))
    assert entry_point_files() == (
        ("all", str(site / "whole/__init__.py")),
        ("days", str(site / "offered/tasks.py")),
        ("mine", str(source / "edited.py")),
    )
    assert not {"offered", "whole", "edited"} & sys.modules.keys()
