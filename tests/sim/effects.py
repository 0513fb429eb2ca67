"""Every effect of the simulated process has a number and a name; a fault is what happens at one.

The name is what is done to what, and the how manyth time: `analyse t1#2`. It outlives changes of the code that move the
numbers, so it is what kept scripts use.

| fault | what happens |
|---|---|
| `crash` | the process is gone before the effect, `crash-after` after it |
| `power-after` | so is the machine, and what it had not made durable |
| `error` | the effect fails, as it may fail in reality |
| `delay` | it takes `DELAY_S` longer |
| `twice` | it is done twice, where that can be |
| `meanwhile` | the user's next edit comes right now, between two calls of the system |
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

FAULTS = ("crash", "crash-after", "power-after", "error", "delay", "twice", "meanwhile")
DELAY_S = 1.5


@dataclass
class Effects:
    """Counts effects and hands out faults. The digest of all effects is the trace of a run.

    `failing` is how much of the work under way will fail.
    """

    faults: Mapping[str, str]
    die: Callable[[], None] = lambda: None
    lose_power: Callable[[], None] = lambda: None
    meanwhile: Callable[[], None] = lambda: None
    fail: Callable[[str], BaseException] = lambda _: OSError(24, "Too many open files")
    count: int = 0
    failing: int = 0
    dead: bool = False
    met: list[str] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    trace: "hashlib._Hash" = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def begin(self, name: str, about: str) -> str:
        """Number an effect of the process, which may die of it; what is to happen, "" for nothing."""
        if self.dead:
            self.die()
        self.count += 1
        what = f"{name} {about}".strip()
        self.times[what] += 1
        key = f"{what}#{self.times[what]}"
        self.trace.update(f"{key}\n".encode())
        fault = self.faults.get(str(self.count)) or self.faults.get(key, "")
        if fault:
            self.met.append(f"{key}: {fault}")
            self.names[str(self.count)] = key
        if fault == "crash":
            self.die()
        if fault == "meanwhile":
            self.meanwhile()
        return fault

    def end(self, fault: str) -> None:
        """The effect is done."""
        if fault == "power-after":
            self.lose_power()
        if fault in {"crash-after", "power-after"}:
            self.die()

    def call(self, name: str, about: str) -> None:
        """A call of the system: number it, and let it fail where that is due."""
        fault = self.begin(name, about)
        if fault == "error":
            raise OSError(24, "Too many open files", about)
        self.end(fault)
