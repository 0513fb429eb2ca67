"""One seed of the campaign: its script is played, and made small where it differs."""

import asyncio
import functools
import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.owners import in_daemon, in_process
from tests.campaign.play import DifferenceError, Owning, Played, play
from tests.campaign.script import Script, new_script
from tests.campaign.shrink import scenario, shrunk


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


def run_seed(seed: int, *, steps: int, attempts: int, daemon: bool) -> Outcome:
    """Play the script of a seed, and make it small where it differs."""
    tally: Counter[str] = Counter()
    attempt = functools.partial(_attempt, owning=in_daemon if daemon else in_process)

    async def differs(smaller: Script) -> bool:
        return await attempt(smaller, Counter()) is not None

    script = new_script(seed, steps)
    failure = asyncio.run(attempt(script, tally))
    if failure is None:
        return Outcome(seed, tally, None, "")
    if attempts:
        small = asyncio.run(shrunk(script, differs, attempts))
        failure = asyncio.run(attempt(small, Counter())) or failure
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
