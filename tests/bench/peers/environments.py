"""The environments of the peers: one each, made when it is first asked for, with exactly the pinned versions."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
#: Where environments are kept unless the command says otherwise.
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relspec-watch-peers"
#: None of the peers may report to its makers: it costs time, and it is nobody's business.
SILENT = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "HAMILTON_TELEMETRY_ENABLED": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1",
}


def variables() -> dict[str, str]:
    """The environment variables of a peer's process: ours, with a wide terminal and every report turned off."""
    return {**os.environ, **SILENT, "COLUMNS": "200"}


def pins(tool: str) -> dict[str, str]:
    """The pinned version of each distribution that a tool's environment holds."""
    lines = _pinned(tool).read_text().splitlines()
    return dict(line.split("==") for line in lines)


def environment(tool: str, folder: Path) -> Path:
    """Give the folder of a tool's environment; make it if it is not there or holds other versions than are pinned."""
    root, pinned = folder / tool, _pinned(tool)
    made = root / "made-of.txt"
    if made.exists() and made.read_text() == pinned.read_text():
        return root
    print(f"making the environment of {tool} in {root}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(root)], check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(pinned)]
    subprocess.run([str(root / "bin" / "python"), *install], check=True)
    # Written last: an environment that was made by half is made again.
    shutil.copyfile(pinned, made)
    return root


def _pinned(tool: str) -> Path:
    return HERE / "pins" / f"{tool}.txt"
