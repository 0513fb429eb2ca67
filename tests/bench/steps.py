"""The steps that are measured, as data: what each does, and in which manner it is measured."""

from dataclasses import dataclass
from enum import Enum


class Manner(Enum):
    """How a step is measured."""

    START = "from the start of a process until all is ready"
    EDIT = "from the end of a save until all is published"
    COMMAND = "a whole process, from its start to its end"
    CALM = "over a time in which nothing happens"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it is called in tables, how it is measured, and what is done."""

    name: str
    manner: Manner
    about: str


COLD_COMPILE = "cold compile"
COLD_BUILD = "cold build"
WARM_START = "warm start"
STATUS = "status"
BUILD_FILE = "build --file"
CHECK_TASK = "check TASK"
IDLE = "idle"

STEPS = (
    Step(COLD_COMPILE, Manner.COMMAND, "`check` without a state: every task is compiled, none executes"),
    Step(COLD_BUILD, Manner.START, "a daemon starts without a state"),
    Step(WARM_START, Manner.START, "a daemon starts again, and nothing has changed"),
    Step("touch", Manner.EDIT, "a file gets another time, until `build` is answered"),
    Step("comment", Manner.EDIT, "a comment in the file of a leaf"),
    Step("leaf", Manner.EDIT, "another constant in a task that nobody reads"),
    Step("cone 10", Manner.EDIT, "another constant in a task with a cone of about 10"),
    Step("cone 100", Manner.EDIT, "another constant in a task with a cone of about 100"),
    Step("root", Manner.EDIT, "another constant in the task at the top with the largest cone"),
    Step("cut off", Manner.EDIT, "another condition in that task, which keeps the same rows"),
    Step("helper", Manner.EDIT, "another constant in a Python module that five tasks import and three use"),
    Step("data file", Manner.EDIT, "a source is replaced, in which a column changed that no task reads"),
    Step("part added", Manner.EDIT, "a part file more, whose rows no task keeps"),
    Step("undo", Manner.EDIT, "an earlier text of the task with a cone of about 10 comes back"),
    Step("branch switch", Manner.EDIT, "many files get other constants, until `build` is answered"),
    Step("branch back", Manner.EDIT, "they get their earlier ones again, until `build` is answered"),
    Step("digit in a body", Manner.EDIT, "another digit in a function of a Python file"),
    Step("comment at the end", Manner.EDIT, "comments at the end of that file"),
    Step("comment at the top", Manner.EDIT, "comments at its top, which moves every line"),
    Step("call added to a body", Manner.EDIT, "a call more in a function"),
    Step(
        "used function renamed", Manner.EDIT, "a function that is called gets another name, and so do its calls there"
    ),
    Step(STATUS, Manner.COMMAND, "`status`; its floor is `python -c pass`"),
    Step(BUILD_FILE, Manner.COMMAND, "`build --file` after another constant was saved in a leaf"),
    Step(CHECK_TASK, Manner.COMMAND, "`check` of one task after a comment was saved in it"),
    Step(IDLE, Manner.CALM, "nothing, after a calm time; wall is how long, CPU what it took"),
)
BY_NAME = {step.name: step for step in STEPS}
