"""Python code that comes to no end costs its limit once, and again only for a change of what it had read."""

from pathlib import Path
from unittest.mock import patch

from tests.app.conftest import opened
from tests.scenarios.harness import build, write

from relspec.app.answers import Answers
from relspec.app.gc import Collected
from relspec.core.problem import Code
from relspec.core.spec import TaskSpec
from relspec.core.state import RunRecord
from relspec.edges.loader.client import Session

HANGS = "def wait():\n    while True:\n        pass\n"
GOES_ON = "def wait():\n    pass\n"
TASK = "from relspec import task\n\n@task\ndef {name}(ctx):\n    {body}\n    return ctx.table('things').limit({n})\n"
FILES: dict[str, str | None] = {
    "watch.toml": "[limits]\nload_s = 1.0\nbuild_s = 1.0\n",
    "data/things.csv": "a\n1\n2\n",
    "at_import.py": HANGS,
    "in_builder.py": HANGS,
    "tasks/one.py": "from at_import import wait\n" + TASK.format(name="one", body="pass", n=1) + "\nwait()\n",
    "tasks/two.py": TASK.format(name="two", body="from in_builder import wait; ctx.table('things'); wait()", n=1),
    "tasks/other.py": TASK.format(name="other", body="pass", n=1),
}


class Asked:
    """Whoever builds, asked whether to try again what the machine made fail."""

    def __init__(self) -> None:
        self.retried: list[bool] = []

    async def sync(self, *, retry: bool, **_: object) -> tuple[RunRecord, ...]:
        self.retried.append(retry)
        return ()

    async def collect(self, *, dry: bool) -> Collected:
        raise AssertionError(dry)

    def keep(self, records: tuple[RunRecord, ...]) -> None:
        assert records == ()

    def stop(self) -> None:
        raise AssertionError("nobody asked for that")


async def test_what_comes_to_no_end_is_tried_again_only_when_what_it_had_read_moves(tmp_path: Path) -> None:
    # Each save of any Python file took ten seconds, for as long as one of them did not load.
    asked: list[str] = []
    load, run_builder = Session.load, Session.build

    async def loaded(session: Session, path: str) -> object:
        asked.append(path)
        return await load(session, path)

    async def built(session: Session, spec: TaskSpec, *rest: object) -> object:
        asked.append(spec.name)
        return await run_builder(session, spec, *rest)  # type: ignore[arg-type]

    write(tmp_path, FILES)
    with patch.object(Session, "load", loaded), patch.object(Session, "build", built):
        async with opened(tmp_path) as workspace:
            document = await build(workspace)
            assert {p["path"]: p["code"] for p in document["problems"]} == dict.fromkeys(
                ("tasks/one.py", "tasks/two.py"), Code.TIMEOUT
            )
            owner = Asked()
            for arguments in ({"file": "tasks/other.py"}, {"file": "tasks/one.py"}, {}):
                await Answers(workspace, None, owner).answer("build", dict(arguments))
            assert owner.retried == [False, True, True]
            asked.clear()
            write(tmp_path, {"tasks/other.py": TASK.format(name="other", body="pass", n=2)})
            assert len((await build(workspace))["problems"]) == 2
            assert set(asked) == {"tasks/other.py", "other"}
            write(tmp_path, {"at_import.py": GOES_ON, "in_builder.py": GOES_ON})
            document = await build(workspace)
            assert (document["problems"], document["executed"]) == ([], ["one", "two"])
