"""Replays a git history under the code property graph: `python -m tests.cpg.replay --commits 200`.

The Python files of each commit are saved one after the other into a project with the repository's own tasks, and built.
After each the integrity report is all zeros; now and then, and at the end, every table is what a clean build gives.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from tests.cpg.history import Commit, commits
from tests.promises.page import record
from tests.scenarios.harness import build, compare_with_clean

from relspec.app.workspace import open_workspace
from relspec.core.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
#: The workload beside the files that it reads.
PROJECT = ("src/cpg", "data")
SETTINGS = 'tasks = ["src/cpg"]\n\n[extractors]\npython_source = "tree/**/*.py"\n'


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the build after one commit did."""

    commit: Commit
    executed: list[str]
    restored: list[str]
    cut_off: list[str]
    n_tasks: int
    seconds: float

    @property
    def share(self) -> float:
        """Which part of the tasks was executed."""
        return len(self.executed) / self.n_tasks


def lay_out(root: Path) -> None:
    """Make a project of the repository's tasks that watches `tree/`."""
    for folder in PROJECT:
        for source in sorted((ROOT / folder).rglob("*")):
            if source.is_file() and source.suffix != ".pyc":
                target = root / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
    (root / "watch.toml").write_text(SETTINGS)
    (root / "tree").mkdir()


def save(root: Path, commit: Commit) -> None:
    """Bring the tree to a commit; what lies in `src` is imported from there."""
    for path, content in commit.files.items():
        place = root / "tree" / path.removeprefix("src/")
        if content is None:
            place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            aside = place.with_name(f".{place.name}.new")
            aside.write_bytes(content)
            aside.replace(place)


async def replay(root: Path, history: Iterable[Commit], every: int, tell: Callable[[Replayed], None]) -> list[Replayed]:
    """Save and build each commit; compare with a clean build after so many, and after the last one."""
    lay_out(root)
    done: list[Replayed] = []
    async with open_workspace(Layout(root), lambda _: None) as workspace:
        for number, commit in enumerate(history, 1):
            save(root, commit)
            started = time.perf_counter()
            document = await build(workspace)
            seconds = time.perf_counter() - started
            assert document["problems"] == [], f"{commit.title}: {document['problems']}"
            lists = (document["executed"], document["restored"], document["cut_off"])
            done.append(Replayed(commit, *lists, len(workspace.world.catalog.by_name), seconds))
            assert violations(root) == [], f"{commit.title}: {violations(root)}"
            tell(done[-1])
            if number % every == 0:
                await compare(root, number)
    await compare(root, len(done))
    return done


async def compare(root: Path, number: int) -> None:
    """Raise AssertionError where a table is not what a clean build gives."""
    with tempfile.TemporaryDirectory(prefix="relspec-clean-") as folder:
        await compare_with_clean(root, Path(folder) / f"clean{number}", set())


def violations(root: Path) -> list[tuple[str, int]]:
    """The checks of the graph that something violates."""
    table = root / "state" / "tables" / "cpg_integrity.parquet"
    with duckdb.connect() as connection:
        return connection.execute(f"from '{table}' where violations > 0").fetchall()


def told(done: list[Replayed]) -> str:
    """The figures in one line; shares are of commits that change files, without the first, which is a cold build."""
    rest = [replayed for replayed in done[1:] if replayed.commit.files]
    shares = sorted(replayed.share for replayed in rest)
    idle = sum(1 for replayed in rest if not replayed.executed)
    files = statistics.median(len(replayed.commit.files) for replayed in rest)
    ms = sorted(replayed.seconds * 1000 for replayed in rest)
    at = (statistics.median(shares), shares[int(0.9 * len(shares))], max(shares), statistics.fmean(shares))
    slow = (statistics.median(ms), ms[int(0.9 * len(ms))])
    return (
        f"{len(done)} commits, {len(rest)} of them with {files:g} files each (median); there of {rest[-1].n_tasks} "
        f"tasks executed: median {at[0]:.0%}, mean {at[3]:.0%}, 90th percentile {at[1]:.0%}, most {at[2]:.0%}; "
        f"{idle} executed nothing; build median {slow[0]:.0f} ms, 90th percentile {slow[1]:.0f} ms; "
        f"cold {done[0].seconds:.1f} s; 0 violations, 0 differences from a clean build"
    )


def main() -> int:
    """Replay; ends with a traceback where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.cpg.replay", description=__doc__)
    parser.add_argument("--commits", type=int, default=200, metavar="N", help="the last so many (200)")
    parser.add_argument("--repository", type=Path, default=ROOT, metavar="DIR", help="this one by default")
    parser.add_argument("--folders", nargs="+", default=["src"], metavar="NAME", help="src")
    parser.add_argument("--every", type=int, default=50, metavar="N", help="commits between comparisons (50)")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/reliability.md")
    options = parser.parse_args()

    def tell(replayed: Replayed) -> None:
        counts = f"{len(replayed.executed):2d} executed {len(replayed.cut_off):2d} cut off"
        print(f"{replayed.commit.name[:8]} {len(replayed.commit.files):3d} files {counts} {replayed.seconds:6.2f} s")
        sys.stdout.flush()

    history = commits(options.repository, tuple(options.folders), options.commits)
    with tempfile.TemporaryDirectory(prefix="relspec-replay-") as folder:
        root = Path(folder) / "project"
        root.mkdir()
        done = asyncio.run(replay(root, history, options.every, tell))
    print(told(done))
    if options.record:
        record("cpg.replay", f"cpg.replay --commits {options.commits}", told(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
