"""Work that does not want to end, superseded by the next save: when it is dead, and when the next result is there.

The victim is the process that works: it writes its number down where it can, else it is the engine that is missed.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from tests.rogues.rogues import Rogue, at_import, in_builder, in_sql, in_udf
from tests.rogues.yard import Yard

#: Nobody runs into a limit here: work dies because it is superseded.
PATIENT = {"load_s": 120.0, "build_s": 120.0, "query_s": 120.0, "memory_mb": 256, "workers": 2}

_NOTE = "import os\nopen('victim', 'w').write(str(os.getpid()))\n"
_DEAF = (
    "import signal\nfor number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:\n"
    "    signal.signal(number, signal.SIG_IGN)\n"
)
#: An engine that becomes warm takes less.
_BUSY_S = 1.5
_LOOP = "while True:\n    pass"
STUBBORN: tuple[Rogue, ...] = (
    at_import("import_loop", None, "", _NOTE + _LOOP),
    at_import("deaf_import", None, "", _NOTE + _DEAF + _LOOP),
    in_builder("builder_loop", None, "", _NOTE + _LOOP),
    in_builder("builder_in_c", None, "", _NOTE + "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')"),
    in_udf("udf_loop", None, "", _NOTE + _LOOP),
    in_udf("deaf_udf", None, "", _NOTE + _DEAF + _LOOP),
    in_udf("udf_in_c", None, "", _NOTE + "import re\nreturn bool(re.match(r'(a+)+$', 'a' * 64 + 'b'))"),
    in_sql("long_query", None, "", "select count(*) as n from range(1000000000) a, range(1000000000) b\n"
           "where a.range + b.range = -1"),
    in_sql("long_binding", None, "", " union all ".join(["select id from orders"] * 20_000)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Death:
    """Milliseconds from the save that superseded it, and how it was with everything afterwards."""

    dead_ms: float
    fresh_ms: float
    n_processes: tuple[int, int]
    rows: int | None


def supersede(yard: Yard, rogue: Rogue) -> Death:
    """Let a rogue begin, and save its repair; the file is gone again afterwards."""
    note = yard.root / "victim"
    note.unlink(missing_ok=True)
    yard.until(lambda: yard.at_rest() and yard.n_loaders() == 2, "the daemon to be at rest, with a spare")
    before = len(yard.children())
    idle = {process.pid: _cpu_s(process) for process in yard.children()}
    yard.let_in([rogue])
    victims: list[psutil.Process] = []

    def begun() -> bool:
        victims[:] = _noted(yard) if rogue.path.endswith(".py") else _busy(yard, idle)
        return bool(victims)

    yard.until(begun, f"{rogue.name} to begin")
    started = time.perf_counter()
    yard.repair([rogue])
    yard.until(lambda: not any(map(_alive, victims)), f"{rogue.name} to be dead")
    dead_ms = (time.perf_counter() - started) * 1000
    document = yard.build()
    fresh_ms = (time.perf_counter() - started) * 1000
    assert document["problems"] == [], document["problems"]
    rows = next(task["rows"] for task in yard.status()["tasks"] if task["name"] == rogue.name)
    yard.until(lambda: yard.at_rest() and len(yard.children()) == before, "a new spare to be there")
    after = len(yard.children())
    (yard.root / rogue.path).unlink()
    yard.build()
    return Death(dead_ms, fresh_ms, (before, after), rows)


def usual_ms(yard: Yard, kind: Rogue, rounds: int) -> Iterator[float]:
    """How long the same save takes to be fresh where nothing has to die."""
    for number in range(rounds):
        started = time.perf_counter()
        yard.save(kind.path, kind.repaired + ("#" if kind.path.endswith(".py") else "--") + f" {number}\n")
        yard.build()
        if number:
            yield (time.perf_counter() - started) * 1000
        (yard.root / kind.path).unlink()
        yard.build()


def _noted(yard: Yard) -> list[psutil.Process]:
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        return [psutil.Process(int((yard.root / "victim").read_text()))]
    return []


def _busy(yard: Yard, idle: dict[int, float]) -> list[psutil.Process]:
    return [p for p in yard.children() if _cpu_s(p) - idle.get(p.pid, float("inf")) > _BUSY_S]


def _cpu_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:2]))
    return 0.0


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
