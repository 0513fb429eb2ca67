"""The Python task files of the simulation: real ones, of one form that is read without running them.

    from relspec import task
    import helper                              (or not)
    raise ValueError("told")                   (or `while True: pass`, or `import os; os.abort()`, or nothing)

    @task
    def p0(ctx):
        raise ValueError("told")               (or not)
        t = ctx.table("s0")
        return t.select(a=t.a + helper.PLUS)   (or a number)

A helper is `PLUS = 2`. A file without a function declares nothing; whatever else is not of the form does not load.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

HELPER = "tasks/helper.py"
RAISES, HANGS, DIES = 'raise ValueError("told")', "while True: pass", "import os; os.abort()"
TOPS = ("", RAISES, HANGS, DIES)
_FORM = re.compile(
    r"from relspec import task\n(?P<helped>import helper\n)?(?P<top>[^\n@]+\n)?\n"
    r"@task\ndef (?P<name>\w+)\(ctx\):\n(?P<fails>    raise [^\n]+\n)?"
    r'    t = ctx\.table\("(?P<table>\w+)"\)\n'
    r"    return t\.select\(a=t\.(?P<column>\w+) \+ (?P<plus>\d+|helper\.PLUS)\)\n"
)
_PLUS = re.compile(r"PLUS = (\d+)\n")


@dataclass(frozen=True, slots=True)
class PyTask:
    """What one file says. `plus` is `None` where the helper says it."""

    name: str
    helped: bool
    top: str
    fails: bool
    table: str
    column: str
    plus: int | None

    def query(self, helper: bytes | None) -> str | None:
        """The text of its query; `None` where it does not load or gives none."""
        plus = self.plus if self.plus is not None else plus_of(helper)
        if self.top or self.fails or plus is None or (self.helped and plus_of(helper) is None):
            return None
        return f"select {self.column} + {plus} as a from {self.table}\n"


def write(said: PyTask) -> str:
    """Write a file that says this."""
    head = f"from relspec import task\n{'import helper' + chr(10) if said.helped else ''}"
    head += f"{said.top}\n" if said.top else ""
    fails = f"    {RAISES}\n" if said.fails else ""
    plus = "helper.PLUS" if said.plus is None else said.plus
    body = f'    t = ctx.table("{said.table}")\n    return t.select(a=t.{said.column} + {plus})\n'
    return f"{head}\n@task\ndef {said.name}(ctx):\n{fails}{body}"


@lru_cache(maxsize=4_000)
def read(data: bytes) -> PyTask | None:
    """What a file says, `None` where it is not of the form."""
    found = _FORM.fullmatch(data.decode())
    if found is None:
        return None
    plus = None if found["plus"].startswith("helper") else int(found["plus"])
    top = (found["top"] or "").strip()
    helped, fails = found["helped"] is not None, found["fails"] is not None
    return PyTask(found["name"], helped, top, fails, found["table"], found["column"], plus)


def declares_nothing(data: bytes) -> bool:
    """Whether a file loads and has no task in it."""
    return data in {b"", b"\n"} or plus_of(data) is not None


def plus_of(data: bytes | None) -> int | None:
    """What a helper says; `None` where it is not there or does not load."""
    found = None if data is None else _PLUS.fullmatch(data.decode())
    return None if found is None else int(found[1])


def loads(data: bytes, files: Mapping[str, bytes]) -> bool:
    """Whether a file loads, among these."""
    said = read(data)
    if said is None:
        return declares_nothing(data)
    return not said.top and not (said.helped and plus_of(files.get(HELPER)) is None)
