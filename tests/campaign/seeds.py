"""Seeds of the campaign: their scripts are played, and made small where they differ."""

import asyncio
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.owners import in_daemon, in_process
from tests.campaign.play import DifferenceError, Owning, Played, play
from tests.campaign.script import Script, new_script
from tests.campaign.shrink import scenario, shrunk
from tests.scenarios.harness import open_children


@dataclass(frozen=True, slots=True)
class Failure:
    """What differed in one script, with its builds up to there."""

    message: str
    played: tuple[Played, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One seed: what was played, what differed, and the same as a scenario file."""

    seed: int
    tally: Counter[str]
    failure: str | None
    scenario: str


@dataclass(frozen=True, slots=True)
class Course:
    """How seeds are played: steps a script, plays spent on making a failure small, and what else was asked for."""

    steps: int
    attempts: int
    daemon: bool
    stop: bool


def run_seeds(seeds: Sequence[int], course: Course) -> list[Outcome]:
    """Play the scripts of some seeds one after the other, with the same engines and loader."""
    return asyncio.run(_run_seeds(seeds, course))


async def _run_seeds(seeds: Sequence[int], course: Course) -> list[Outcome]:
    if course.daemon:
        return await _in_turn(seeds, course, in_daemon)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="relspec-campaign-") as temporary:
        async with open_children(Path(temporary)) as children:
            with children.lent():
                return await _in_turn(seeds, course, in_process)


async def _in_turn(seeds: Sequence[int], course: Course, owning: Owning) -> list[Outcome]:
    found: list[Outcome] = []
    for seed in seeds:
        found.append(await _run_seed(seed, course, owning))
        if course.stop and found[-1].failure is not None:
            break
    return found


async def _run_seed(seed: int, course: Course, owning: Owning) -> Outcome:
    """Play the script of a seed, and make it small where it differs."""
    tally: Counter[str] = Counter()
    script = new_script(seed, course.steps)
    failure = await _attempt(script, tally, owning)
    if failure is None:
        return Outcome(seed, tally, None, "")

    async def differs(smaller: Script) -> bool:
        return await _attempt(smaller, Counter(), owning) is not None

    if course.attempts:
        small = await shrunk(script, differs, course.attempts)
        failure = await _attempt(small, Counter(), owning) or failure
    return Outcome(seed, tally, failure.message, scenario(f"Seed {seed} of the campaign.", failure.played))


async def _attempt(script: Script, tally: Counter[str], owning: Owning) -> Failure | None:
    """Play a script in a folder of its own; what differed, or `None`."""
    root = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="relspec-campaign-"))
    try:
        await play(script, root / "project", tally, owning)
    except DifferenceError as error:
        return Failure(str(error), error.played)
    except Exception:  # noqa: BLE001 - a crash of the product is a finding like any other, and other seeds go on
        return Failure(traceback.format_exc(limit=-8), ())
    finally:
        shutil.rmtree(root)
    return None
