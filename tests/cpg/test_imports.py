"""The tasks lead imports where Python's importer finds them, else it would show.

Caught: private modules of the standard library unknown, a module before what its package imports under that name.
"""

import shutil
from pathlib import Path

import pytest
from tests.cpg.compare import STANDARD_LIBRARY, sources
from tests.cpg.imports import Finder, Led, Place, compare_imports, judged
from tests.cpg.tree import ROOT

#: Packages of the standard library that import in all ways.
SLICE = ("collections", "concurrent", "email", "importlib", "json", "unittest", "xml")

#: A package with a class that hides a module, a folder without `__init__.py`, and what only looks like a module.
HARD = {
    "app/__init__.py": "from .main import main\nfrom . import part\nfrom .. import far\n",
    "app/main.py": "import sys, _thread, os.path, numpy\nfrom .loose import inner\n",
    "app/part.py": "from app import main, part, nothing\nimport app.loose, app.part.deeper\n",
    "app/loose/inner.py": "from ..part import *\nfrom ... import main\n",
    "app/twice.py": "",
    "app/twice/__init__.py": "",
    "sys.py": "import app.twice\nfrom app.__init__ import main\n",
}


def saved(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_own_imports_lead_where_python_finds_them() -> None:
    found = compare_imports(ROOT / "src", sources(ROOT / "src"))
    assert (found.wrong, found.explained) == ([], {})
    assert found.n["internal_module"] > 1000


def test_imports_of_the_standard_library_lead_where_python_finds_them(tmp_path: Path) -> None:
    for name in SLICE:
        shutil.copytree(STANDARD_LIBRARY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "test"))
    found = compare_imports(tmp_path, sources(tmp_path))
    assert (found.wrong, found.explained) == ([], {})
    assert {method for method, n in found.n.items() if n > 10} >= {"internal_module", "internal_submodule", "stdlib"}


def test_hard_imports_lead_where_python_finds_them_or_have_a_reason(tmp_path: Path) -> None:
    found = compare_imports(saved(tmp_path, HARD), sources(tmp_path))
    assert found.wrong == []
    assert found.explained == {
        "two files for one module: Python takes the package": 1,
        "a file that has the name of a module within the interpreter, which hides it": 1,
        "a package by the name of its file, as a module beside itself": 1,
    }
    assert found.n == {"internal_module": 6, "internal_submodule": 3, "stdlib": 3, "unresolved": 5}


@pytest.mark.parametrize(
    "given",
    [
        [],
        [("unresolved", None)],
        [("internal_submodule", "app/main.py")],
        [("internal_module", "app/main.py")],
        [("internal_module", "app/__init__.py"), ("stdlib", None)],
    ],
)
def test_an_import_that_leads_elsewhere_is_seen(tmp_path: Path, given: list[Led]) -> None:
    finder = Finder(saved(tmp_path, HARD))
    place: Place = ("it.py", 1, 16, 1, 20)
    contents = {"it.py": b"from app import main\n"}
    assert judged(finder, contents, {place: [("internal_module", "app/__init__.py")]}).wrong == []
    assert judged(finder, contents, {place: given}).wrong == [(place, ("internal_module", "app/__init__.py"), given)]
