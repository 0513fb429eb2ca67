"""Makes a script that differs small: fewer faults, steps and files, and less left to chance, while it still differs."""

import re
from collections.abc import Iterator
from dataclasses import replace

from tests.sim.play import play
from tests.sim.script import Script


def shrunk(script: Script, plays_max: int = 400) -> Script:
    """The smallest script found that still differs, within so many plays."""
    first = play(script)
    plays, kind = 1, kind_of(first.difference)
    if kind is None:
        return script
    named = replace(script, faults=first.named)
    script = named if kind_of(play(named).difference) == kind else script
    while True:
        for smaller in _smaller(script):
            plays += 1
            if plays > plays_max:
                return script
            if kind_of(play(smaller).difference) == kind:
                script = smaller
                break
        else:
            return script


def kind_of(difference: str | None) -> str | None:
    """What a difference is about, whichever tables it names."""
    return None if difference is None else " ".join(re.findall(r"\b[a-z]{3,}\b", difference)[:5])


def _smaller(script: Script) -> Iterator[Script]:
    """The scripts that are one cut away, the largest cuts first."""
    size = len(script.steps)
    while size:
        for start in range(0, len(script.steps), size):
            yield replace(script, steps=script.steps[:start] + script.steps[start + size :], calm=False)
        size //= 2
    for number in script.faults:
        yield replace(script, faults={n: fault for n, fault in script.faults.items() if n != number})
    for path in script.files:
        yield replace(script, files={p: text for p, text in script.files.items() if p != path}, calm=False)
    plain = Script(script.seed, script.files, script.steps, script.faults, calm=script.calm)
    for name in ("vices", "shuffle", "tick_ns", "leases", "slow_s", "workers", "inotify"):
        if getattr(script, name) != getattr(plain, name):
            yield replace(script, **{name: getattr(plain, name)})
    for i, step in enumerate(script.steps):
        if step.after_ms:
            steps = (*script.steps[:i], replace(step, after_ms=0), *script.steps[i + 1 :])
            yield replace(script, steps=steps)
