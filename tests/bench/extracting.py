"""Measures what a save costs where an extractor reads many files.

    python -m tests.bench.extracting --files 100 1000 10000 --rounds 5

Each file gives one row to one table and some to another; one task reads the first, one the second. A comment that moves
only the first table is saved in one file. Figures: files, seconds of a cold build, milliseconds and CPU of a save (wall
until all is published), tasks that executed, and memory of all processes.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.daemon import Daemon
from tests.bench.project import save

EXTRACTOR = """
import pyarrow
from relspec import extract

TABLES = {
    "sizes": pyarrow.schema([("path", pyarrow.string()), ("size", pyarrow.int64())]),
    "names": pyarrow.schema([("path", pyarrow.string()), ("name", pyarrow.string())]),
}


@extract(files="notes/**/*.md", tables=TABLES)
def notes(file):
    names = [line[2:] for line in file.text().splitlines() if line.startswith("# ")]
    return {
        "sizes": pyarrow.table({"path": [file.relative], "size": [len(file.content)]}, schema=TABLES["sizes"]),
        "names": pyarrow.table({"path": [file.relative] * len(names), "name": names}, schema=TABLES["names"]),
    }
"""
FOLDER_FILES = 500


def bench(n_files: int, rounds: int, root: Path) -> None:
    """Measure one size and print its line."""
    (root / "tasks").mkdir()
    save(root / "tasks/notes.py", EXTRACTOR)
    save(root / "tasks/total.sql", "select sum(size)::bigint as total from sizes\n")
    save(root / "tasks/n_names.sql", "select count(distinct name) as n from names\n")
    for number in range(n_files):
        (root / _path(number)).parent.mkdir(parents=True, exist_ok=True)
        save(root / _path(number), f"# note {number}\n# of {number % 7}\ntext\n")
    started = time.perf_counter()
    with Daemon(root) as daemon:
        cold_s = time.perf_counter() - started
        walls, cpus, executed = [], [], 0
        for number in range(rounds):
            text = f"# note {n_files // 2}\n# of 1\n" + "text\n" * (number + 2)
            cpu = daemon.cpu_ms()
            wall, outcome = daemon.answered(lambda text=text: save(root / _path(n_files // 2), text))
            executed = len(outcome["executed"])
            walls.append(wall)
            cpus.append(daemon.cpu_ms() - cpu)
        figures = (cold_s, statistics.median(walls), statistics.median(cpus), executed, daemon.peak_mb)
    print(
        f"{n_files:7d}{figures[0]:10.1f}{figures[1]:10.1f}{figures[2]:10.1f}{figures[3]:10d}{figures[4]:10.0f}",
        flush=True,
    )


def _path(number: int) -> str:
    return f"notes/{number // FOLDER_FILES}/{number}.md"


def main() -> None:
    """Measure each size that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.extracting", description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1000], metavar="N", help="100 and 1000")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="saves (5)")
    options = parser.parse_args()
    print(f"{'files':>7}{'cold s':>10}{'save ms':>10}{'CPU ms':>10}{'executed':>10}{'MB':>10}")
    for n_files in options.files:
        with tempfile.TemporaryDirectory(prefix="relspec-files-", dir="/var/tmp") as folder:
            root = Path(folder) / "project"
            root.mkdir()
            bench(n_files, options.rounds, root)


if __name__ == "__main__":
    main()
