"""How a driver answers: an order a line on its input, an answer a line on its output, both JSON.

Drivers run inside of a peer's own environment, so they know nothing of this project. What a peer prints goes to the
error output. The time of an order is taken here, around the peer's own work alone.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import TextIO

#: The rows of a table, as JSON can carry them.
Rows = list[list[object]]


def answer(build: Callable[[], object], show: Callable[[str], Rows]) -> None:
    """Answer orders until there are no more: `build` all, or `show` tables by their names."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        _say(answers, {"ready": os.getpid()})
        for line in sys.stdin:
            order = json.loads(line)
            if order["do"] == "build":
                _say(answers, _timed(build))
            else:
                _say(answers, {"tables": {name: show(name) for name in order["names"]}})


def _say(answers: TextIO, value: dict[str, object]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _timed(build: Callable[[], object]) -> dict[str, object]:
    cpu, started = _cpu_s(), time.perf_counter()
    build()
    return {"wall_ms": (time.perf_counter() - started) * 1000, "cpu_ms": (_cpu_s() - cpu) * 1000}


def _cpu_s() -> float:
    """CPU of this process and of its children that ended; no peer keeps a child from one build to the next."""
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in of)
