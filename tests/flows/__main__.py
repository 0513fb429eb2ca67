"""Exports random projects and runs them by Hamilton: `python -m tests.flows --projects N --seed S`.

Exit code 1 when any graph or table differed.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.flows.trial import Trial, trial
from tests.scenarios.harness import open_children


async def trials(seeds: range, folder: Path) -> list[Trial]:
    """Try each seed in a folder of its own, with children that they share."""
    (folder / "children").mkdir()
    done = []
    async with open_children(folder / "children") as children:
        with children.lent():
            for seed in seeds:
                found = await trial(seed, folder / str(seed))
                if found.differing or not found.same_graph:
                    print(f"seed {seed}: same graph: {found.same_graph}; differing: {', '.join(found.differing)}")
                done.append(found)
    return done


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.flows", description=__doc__)
    parser.add_argument("--projects", type=int, default=20, metavar="N", help="how many (20)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first seed (1)")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        done = asyncio.run(trials(range(arguments.seed, arguments.seed + arguments.projects), Path(folder)))
    wrong = sum(1 for found in done if found.differing or not found.same_graph)
    tables, functions = sum(f.n_tables for f in done), sum(f.n_functions for f in done)
    print(f"{len(done)} projects, {tables} tables, {functions} Python functions, {wrong} projects that differ")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
