"""Whose the names are that task code imports."""

import subprocess
import sys


def test_all_that_the_parent_imports_later_is_known_from_the_start() -> None:
    code = """
import importlib, sys
from relspec.edges.loader.client import _FOR_EXTRACTORS, _FOR_FUNCTIONS
from relspec.edges.loader.importing import _OURS_LATER
from relspec.edges.loader.warming import warm_up

warm_up()
known = {name.partition(".")[0] for name in sys.modules} | sys.stdlib_module_names | _OURS_LATER
for module in (*_FOR_EXTRACTORS, *_FOR_FUNCTIONS):
    importlib.import_module(module)
loaded = {name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}
print("duckdb" in loaded, sorted(loaded - known))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"
