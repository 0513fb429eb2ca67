"""A daemon on a file system without room says so, shows what it had, and goes on by itself once there is some."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount")


def may_mount(folder: Path) -> bool:
    """Whether this user may mount a file system where nobody else sees it."""
    words = [*_OWN_MOUNTS, "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def test_a_full_disk_loses_nothing_and_heals_by_itself(tmp_path: Path) -> None:
    if not may_mount(tmp_path):
        pytest.skip("this user may not mount")
    words = [*_OWN_MOUNTS, sys.executable, "-m", "tests.crash.full_disk", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    steps = {step.pop("step"): step for step in map(json.loads, done.stdout.splitlines())}
    versions = {name: step["rows"][0][1] for name, step in steps.items() if "rows" in step}
    assert versions == {"whole": 1, "shown while full": 1, "healed": 2}
    assert steps["full"]["code"] == 1
    said = json.dumps(steps["full"])
    assert "full" in said
    assert "free space" in said
    assert (steps["lives"]["code"], steps["ended"]) == (1, {"code": 0, "traceback": False})
