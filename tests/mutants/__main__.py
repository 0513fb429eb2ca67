"""Plants each break in a copy of the sources and runs its tests: they have to fail.

    python -m tests.mutants [--record] [WORD ...]

Without words all of them, else those whose name has all words; `--record` keeps the figures in docs/reliability.md.
Prints one line each and ends with 1 if one survived.
The tests of a break are first run without it once: only what passes on the code as it is can bite.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.breaks import BREAKS
from tests.mutants.planted import Break
from tests.promises.page import record

ROOT = Path(__file__).parents[2]
_ENDS = {0: "SURVIVED", 1: "killed"}


def plant(sources: Path, planted: Break) -> None:
    """Change the copy of the sources; the old text has to be there exactly once."""
    path = sources / "relspec" / planted.file
    text = path.read_text()
    assert text.count(planted.old) == 1, f"{planted.name}: the old text stands {text.count(planted.old)} times"
    path.write_text(text.replace(planted.old, planted.new))


def run(sources: Path, tests: tuple[str, ...]) -> int:
    """Run tests against a copy of the sources; pytest's exit code."""
    environment = os.environ | {"PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode


def killed(planted: Break) -> bool:
    """Plant one break and say whether its tests noticed."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relspec-break-") as folder:
        sources = Path(folder) / "src"
        shutil.copytree(ROOT / "src", sources, ignore=shutil.ignore_patterns("__pycache__"))
        plant(sources, planted)
        code = run(sources, planted.tests)
    print(f"{_ENDS.get(code, f'BROKEN ({code})')}  {planted.name}  ({time.monotonic() - started:.0f} s)", flush=True)
    return code == 1


def main(words: list[str]) -> int:
    """Plant what is asked for; the exit code."""
    wanted = [word for word in words if word != "--record"]
    chosen = [b for b in BREAKS if all(word in b.name for word in wanted)]
    tests = tuple(sorted({t for b in chosen for t in b.tests}))
    if not chosen:
        print(f"no break has {' and '.join(wanted)} in its name")
        return 2
    if run(ROOT / "src", tests) != 0:
        print("the tests do not pass on the code as it is")
        return 1
    survivors = [b for b in chosen if not killed(b)]
    told = f"{len(chosen) - len(survivors)} of {len(chosen)} breaks killed"
    print(told)
    if "--record" in words:
        record("mutants", " ".join(("mutants", *wanted)), told)
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
