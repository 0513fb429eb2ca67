"""One seed of the campaign: its script is played, and made small where it differs."""

import asyncio
import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.play import DifferenceError, Played, play
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


def run_seed(seed: int, *, steps: int, attempts: int) -> Outcome:
    """Play the script of a seed, and make it small where it differs."""
    tally: Counter[str] = Counter()
    script = new_script(seed, steps)
    failure = asyncio.run(attempt(script, tally))
    if failure is None:
        return Outcome(seed, tally, None, "")
    if attempts:
        small = asyncio.run(shrunk(script, _differs, attempts))
        failure = asyncio.run(attempt(small, Counter())) or failure
    return Outcome(seed, tally, failure.message, scenario(f"Seed {seed} of the campaign.", failure.played))


async def attempt(script: Script, tally: Counter[str]) -> Failure | None:
    """Play a script in a folder of its own; what differed, or `None`."""
    root = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="relspec-campaign-"))
    try:
        await play(script, root / "project", tally)
    except DifferenceError as error:
        return Failure(str(error), error.played)
    except Exception:  # noqa: BLE001 - a crash of the product is a finding like any other, and other seeds go on
        return Failure(traceback.format_exc(limit=-8), ())
    finally:
        shutil.rmtree(root)
    return None


async def _differs(script: Script) -> bool:
    return await attempt(script, Counter()) is not None
