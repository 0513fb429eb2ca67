"""What happens in one simulation: files, the user's steps one by one, faults at effects, and chances.

A script is plain data, drawn from a seed, so that it can be cut down and kept. Steps are small: a slow save is several,
between which anything may happen. A calm script has neither faults nor haste, so that it is known what has to execute.
"""

import json
import random
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.sim.effects import FAULTS
from tests.sim.pyfiles import HELPER, TOPS, PyTask, write

SOURCES = ("s0", "s1", "s2")
TASKS = ("t0", "t1", "t2", "t3", "t4", "t5")
#: Tasks may lie in both. In the second there is one, which is above some of the first and below others.
FOLDERS = ("tasks", "more")
APART = "u0"
#: In which order tasks read each other where there is no circle.
ORDER = ("t0", "t1", APART, "p0", "t2", "p1", "t3", "t4", "t5")
#: Tasks in Python.
PYTHON = ("p0", "p1")
CONFIGS = (
    "",
    'tasks = ["tasks"]\n',
    'tasks = ["tasks", "more"]\n',
    'tasks = ["tasks", "more"]\n[limits]\nworkers = 3\n',
    'tasks = ["more"]\n',
    "[limits]\nworkers = 1\n",
)
WRONG_CONFIGS = ("tasks = [\n", 'task = ["tasks"]\n', "[limits]\nworkers = 0\n", 'tasks = ["state"]\n')
#: Numbers of effects at which faults are drawn.
EFFECTS = 220
#: Clocks of file systems: from fine over a kernel's tick to whole seconds, and the two of FAT.
TICKS_NS = (1_000, 4_000_000, 10_000_000, 1_000_000_000, 2_000_000_000)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the user or the machine does, `after_ms` after the one before.

    | verb | what |
    |---|---|
    | `put` | a new file, renamed into place |
    | `over` | bytes written in place at once, `silent` without any event |
    | `open`, `add`, `close` | a slow writer: cut to nothing, then bytes, then done |
    | `touch`, `forge` | another time, the present one or one that is set |
    | `delete`, `swap` | a file or folder goes; a folder is replaced by a copy |
    | `lock`, `unlock` | git begins and ends |
    | `sync`, `ask` | wait for an answer; ask and go on |
    | `restart`, `kill`, `power` | the process ends well, by a signal, with the machine; it is down for `number` steps |
    | `skew` | the calendar is set |
    | `deaf` | the watch breaks |
    | `show`, `leave` | a user opens the file of views and goes on reading it; the first of them closes it |
    | `gc` | old state is dropped |
    """

    after_ms: int
    verb: str
    path: str = ""
    text: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """One simulation. `seed` draws what is left to chance: durations, order, lateness.

    `inotify`: whether the watch reads the kernel's own queue, or watchfiles does.
    """

    seed: int
    files: dict[str, str]
    steps: tuple[Step, ...]
    faults: dict[str, str] = field(default_factory=dict)
    tick_ns: int = 4_000_000
    leases: bool = True
    vices: float = 0.0
    shuffle: float = 0.0
    slow_s: float = 0.05
    workers: int = 2
    calm: bool = False
    inotify: bool = False

    def text(self) -> str:
        """As a file."""
        return json.dumps(asdict(self), indent=1) + "\n"


def read(text: str) -> Script:
    """Read what `Script.text` wrote."""
    found: dict[str, Any] = json.loads(text)
    steps = tuple(Step(**step) for step in found.pop("steps"))
    return Script(steps=steps, **found)


def kept(folder: Path) -> dict[str, Script]:
    """The scripts of a folder."""
    return {path.stem: read(path.read_text()) for path in sorted(folder.glob("*.json"))}


def draw(seed: int) -> Script:
    """Draw a script."""
    author = _Author(random.Random(seed))
    return replace(author.script(seed), inotify=random.Random(f"{seed}, inotify").random() < 0.6)


class _Author:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.files: dict[str, str] = {}
        self.past: list[tuple[str, str]] = []
        self.steps: list[Step] = []
        self.calm = False
        #: What Python says takes long to be found out: not every script has any.
        self.python = chance.random() < 0.3

    def script(self, seed: int) -> Script:
        chance = self.chance
        calm = self.calm = chance.random() < 0.25
        for name in SOURCES[: chance.randint(1, 3)]:
            self.files[f"data/{name}.csv"] = self.data()
        for name in TASKS[: chance.randint(1, 5)]:
            self.files[f"tasks/{name}.sql"] = self.query(name)
        if chance.random() < 0.2:
            self.files[f"more/{APART}.sql"] = self.query(APART)
            self.files["watch.toml"] = chance.choice(CONFIGS)
        for name in PYTHON if self.python else ():
            self.files[f"tasks/{name}.py"] = self.python_file(name)
        first = dict(self.files)
        for _ in range(chance.randint(2, 10)):
            if calm:
                self.edit(chance.choice(("put", "put", "over", "touch", "delete")), 0)
                self.steps.append(Step(chance.choice((0, 30, 3_000)), "sync"))
            else:
                self.anything()
        script = Script(
            seed=seed,
            files=first,
            steps=tuple(self.steps),
            tick_ns=chance.choice(TICKS_NS),
            leases=chance.random() < 0.9,
            slow_s=chance.choice((0.002, 0.05, 0.5)),
            workers=chance.randint(1, 3),
            calm=calm,
        )
        if calm:
            return script
        faults = {self.effect(): chance.choice(FAULTS) for _ in range(chance.choice((0, 1, 2, 3, 5)))}
        vices, shuffle = chance.choice((0.0, 0.1, 0.5)), chance.choice((0.0, 0.0, 0.2))
        return replace(script, faults=faults, vices=vices, shuffle=shuffle)

    def effect(self) -> str:
        """Any effect by its number, or one of those that do the work by its name."""
        chance = self.chance
        if chance.random() < 0.4:
            return str(chance.randint(1, EFFECTS))
        task, source = chance.choice(TASKS[:3]), chance.choice(SOURCES[:2])
        if self.python and chance.random() < 0.3:
            about = chance.choice(("load tasks/p0.py", "load tasks/p1.py", "build p0", "build p1"))
            return f"{about}#{chance.randint(1, 4)}"
        works = ("execute", "execute", "analyse", f"intake data/{source}.csv", "commit", "set_published", "publish")
        work, time = chance.choice(works), chance.randint(1, 4)
        if work in {"execute", "analyse"}:
            return f"{work} {task}#{time}"
        return f"publish {time}#1" if work == "publish" else f"{work}#{time}"

    def anything(self) -> None:
        chance = self.chance
        kind = chance.random()
        if kind < 0.05:
            self.reading()
        elif kind < 0.62:
            self.edit(chance.choice(("put", "put", "over", "over", "slow", "touch", "forge", "delete")), self.pause())
        elif kind < 0.64:
            self.twitch()
        elif kind < 0.68:
            for _ in range(chance.randint(2, 20)):
                self.edit(chance.choice(("put", "over", "delete")), 0)
        elif kind < 0.84:
            self.steps.append(Step(self.pause(), chance.choice(("sync", "sync", "ask"))))
        elif kind < 0.92:
            verb = chance.choice(("restart", "kill", "kill", "power"))
            self.steps.append(Step(self.pause(), verb, number=chance.choice((0, 0, 1, 3))))
        else:
            self.oddity()

    def twitch(self) -> None:
        """Write bytes of one size over each other in one place."""
        path = self.chance.choice(sorted(self.files) or ["data/s0.csv"])
        for _ in range(3):
            text = _same_size(self.files.get(path, "a,b\n1,2\n"), self.chance)
            self.files[path] = text
            self.steps.append(Step(self.chance.choice((0, 15, 50, 120)), "over", path, text))

    def reading(self) -> None:
        """Open the file of views, read on, close it, or drop what nobody reads, soon or when it is old."""
        chance = self.chance
        verb = chance.choice(("show", "show", "show", "leave", "gc", "gc"))
        pause = chance.choice((0, 40, 100_000)) if verb == "gc" else self.pause()
        self.steps.append(Step(pause, verb))

    def oddity(self) -> None:
        chance = self.chance
        verb = chance.choice(("swap", "deaf", "skew", "lock", "silent"))
        if verb == "swap":
            self.steps.append(Step(self.pause(), "swap", chance.choice(("data", "tasks"))))
        elif verb == "lock":
            self.steps.append(Step(self.pause(), "lock"))
            self.edit("put", 5)
            self.steps.append(Step(self.pause(), "unlock"))
        elif verb == "skew":
            self.steps.append(Step(self.pause(), "skew", number=chance.choice((-3_600, -100, 2, 86_400))))
        elif verb == "silent":
            self.edit("silent", self.pause())
        else:
            self.steps.append(Step(self.pause(), "deaf"))

    def pause(self) -> int:
        return self.chance.choice((0, 0, 3, 10, 40, 120, 600, 2_500))

    def edit(self, verb: str, pause: int) -> None:
        """Change one file."""
        chance = self.chance
        there = sorted(self.files)
        if verb in {"touch", "forge", "delete", "silent"} and there:
            path = chance.choice(there)
        elif chance.random() < 0.45:
            path = f"data/{chance.choice(SOURCES)}.csv"
        elif chance.random() < 0.12:
            path = chance.choice(("watch.toml", "watch.toml", f"more/{APART}.sql"))
        elif self.python and chance.random() < 0.4:
            path = chance.choice((HELPER, *(f"tasks/{name}.py" for name in PYTHON)))
        else:
            path = f"tasks/{chance.choice(TASKS)}.sql"
        if verb in {"over", "silent"} and path not in self.files:
            verb = "put"
        if verb in {"touch", "forge"} and path in self.files:
            self.steps.append(Step(pause, verb, path, number=chance.choice((0, -5_000, 5_000, -86_400_000))))
            if verb == "forge" and chance.random() < 0.5:
                self.write("over", 0, path)
                self.steps.append(Step(0, "forge", path, number=self.steps[-2].number))
        elif verb == "delete":
            if self.files.pop(path, None) is not None:
                self.steps.append(Step(pause, "delete", path))
        else:
            self.write("put" if verb in {"touch", "forge"} else verb, pause, path)

    def write(self, verb: str, pause: int, path: str) -> None:
        chance = self.chance
        text = self.text_for(path)
        self.files[path] = text
        self.past.append((path, text))
        if verb != "slow":
            self.steps.append(Step(pause, verb, path, text))
            return
        self.steps.append(Step(pause, "open", path))
        cut = chance.randint(0, len(text))
        self.steps.append(Step(chance.choice((0, 5, 60, 400)), "add", path, text[:cut]))
        self.steps.append(Step(chance.choice((0, 5, 60, 400)), "add", path, text[cut:]))
        self.steps.append(Step(chance.choice((0, 5, 60)), "close", path))

    def text_for(self, path: str) -> str:
        """Another text for a file: a new one, one that it had, one of the same size, or the same with a comment."""
        chance, before = self.chance, self.files.get(path)
        kind = chance.random()
        earlier = [text for known, text in self.past if known == path]
        if kind < 0.15 and earlier:
            return chance.choice(earlier)
        if kind < 0.4 and before and not (self.calm and path == "watch.toml") and not path.endswith(".py"):
            return _same_size(before, chance)
        if kind < 0.5 and before and path.endswith(".sql"):
            return f"{before}-- {chance.randint(1, 99)}\n"
        return self.fresh_text(path)

    def fresh_text(self, path: str) -> str:
        """A new text for a file."""
        chance = self.chance
        if path == "watch.toml":
            return chance.choice(CONFIGS if self.calm or chance.random() < 0.7 else WRONG_CONFIGS)
        if path == HELPER:
            return f"PLUS = {chance.choice(('1', '2', '3', ''))}\n"
        name = path.rpartition("/")[2].rpartition(".")[0]
        if path.endswith(".py"):
            return self.python_file(name)
        return self.data() if path.endswith(".csv") else self.query(name)

    def python_file(self, name: str) -> str:
        """A task in Python, which may not load, or give nothing."""
        chance = self.chance
        helped = chance.random() < 0.5
        said = PyTask(
            name=name,
            helped=helped,
            top=chance.choice(TOPS) if chance.random() < 0.2 else "",
            fails=chance.random() < 0.08,
            table=chance.choice((*SOURCES, *ORDER[: ORDER.index(name)])),
            column=chance.choice("aab"),
            plus=None if helped else chance.randint(0, 2),
        )
        return write(said)

    def data(self) -> str:
        chance = self.chance
        header = chance.choice(("a,b", "a,b", "a,b", "a,b,c", "a"))
        if chance.random() < 0.05:
            return f"{header}\n1,x\n"
        width = header.count(",") + 1
        rows = (",".join(str(chance.randint(0, 9)) for _ in range(width)) for _ in range(chance.randint(0, 4)))
        return "\n".join((header, *rows)) + "\n"

    def query(self, name: str) -> str:
        chance = self.chance
        before = ORDER[: ORDER.index(name)]
        below = [*SOURCES[:2], *SOURCES, *before, *before]
        inputs = below if chance.random() < 0.95 else [*TASKS, "nowhere"]
        if chance.random() < 0.04:
            return "select a as from s0\n"
        selects = [self.select(chance.choice(inputs))]
        if chance.random() < 0.3:
            selects.append(selects[0].split(" from ")[0] + f" from {chance.choice(inputs)}")
        head = chance.choice(("", "", "", "-- relspec: kind=view\n", "-- relspec: kind=compute\n"))
        return head + " union all ".join(selects) + "\n"

    def select(self, source: str) -> str:
        chance = self.chance
        column = chance.choice(("a", "a", "a", "b"))
        if chance.random() < 0.35:
            items = f"{chance.choice(('max', 'min', 'sum'))}({column}) as a, count(*) as b"
        else:
            plus = chance.choice(("", " + 1", " + 2"))
            items = f"{column}{plus} as a" + chance.choice(("", f", {chance.choice('ab')} as b"))
            # Two columns of one name are no table, which shows only when what is read is known.
            items += chance.choice(("",) * 40 + (", a as a",))
        where = chance.choice(("", "", f" where {column} > {chance.randint(0, 6)}"))
        return f"select {items} from {source}{where}"


def _same_size(text: str, chance: random.Random) -> str:
    digits = [i for i, letter in enumerate(text) if letter.isdecimal() and not text[i - 1].isalpha()]
    if not digits:
        return text
    at = chance.choice(digits)
    return text[:at] + str(chance.randint(0, 9)) + text[at + 1 :]
