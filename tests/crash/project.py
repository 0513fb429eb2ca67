"""The project that is struck: its versions, what readers of it see, and what of it is not whole."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from tests.life.living import DEADLINE_S
from tests.scenarios.harness import write

from relspec.core.layout import Layout

Files = dict[str, str | None]
Tables = dict[str, list[tuple[object, ...]]]

_MOST = "from relspec import task\n\n@task\ndef most(ctx):\n    return ctx.table('big').order_by('id').limit({n})\n"
#: The first version of the files, and what each later one changes: SQL, Python and data, a task added, another deleted.
VERSIONS: tuple[Files, ...] = (
    {
        "data/orders.csv": "id,amount\n1,10\n2,20\n3,5\n",
        "tasks/total.sql": "select sum(amount) as total from orders\n",
        "tasks/big.sql": "-- relspec: kind=view\nselect id, amount from orders where amount > 7\n",
        "tasks/most.py": _MOST.format(n=1),
        "tasks/old.sql": "select count(*) as n from orders\n",
    },
    {
        "data/orders.csv": "id,amount\n1,10\n2,20\n4,50\n",
        "tasks/total.sql": "select sum(amount) as total, max(amount) as most from orders\n",
        "tasks/new.sql": "select total * 2 as twice from total\n",
        "tasks/old.sql": None,
    },
    {"data/orders.csv": "id,amount\n1,10\n2,20\n4,50\n5,60\n", "tasks/most.py": _MOST.format(n=2)},
    {
        "data/orders.csv": "id,amount\n1,10\n4,50\n5,60\n6,1\n",
        "tasks/last.sql": "select max(id) as last from big\n",
        "tasks/new.sql": None,
    },
)


class Project:
    """One project on disk, its versions and what a clean build of each gives; `tables[0]` is that of version 1.

    It is kept as it is after a build of version 1.
    """

    def __init__(self, folder: Path, n_versions: int = len(VERSIONS)) -> None:
        self.folder = folder
        self.layout = Layout(folder / "project")
        self.versions = range(1, n_versions + 1)
        self._kept = folder / "kept"
        self.tables = tuple(self._clean(version) for version in reversed(self.versions))[::-1]
        if n_versions:
            self.keep()

    def save(self, version: int) -> None:
        """Bring the files from the version before to this one."""
        write(self.layout.root, VERSIONS[version - 1])

    def keep(self) -> None:
        """Keep all as it is now, for `reset`."""
        shutil.rmtree(self._kept, ignore_errors=True)
        copy(self.layout.root, self._kept)

    def reset(self) -> None:
        """Bring everything back to how it was kept."""
        shutil.rmtree(self.layout.root, ignore_errors=True)
        copy(self._kept, self.layout.root)

    def run(self, *words: str, under: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
        """Run a command in this project."""
        command = [*under, sys.executable, "-m", "relspec.ui.cli", *words, "--json", "--project", self.layout.root]
        return subprocess.run(command, capture_output=True, text=True, timeout=2 * DEADLINE_S, check=False)

    def built(self) -> Tables:
        """Build, which has to go well; what readers see then."""
        done = self.run("build")
        assert done.returncode == 0, f"a build ends with {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}"
        assert json.loads(done.stdout)["ok"]
        return self.seen()

    def seen(self) -> Tables:
        """What the file of views shows."""
        with duckdb.connect(str(self.layout.views), read_only=True) as connection:
            names = connection.execute("select view_name from duckdb_views() where not internal").fetchall()
            return {
                name: sorted(connection.execute(f'select * from "{name}"').fetchall(), key=repr)
                for (name,) in names
                if not name.startswith("relspec_")
            }

    def opened(self) -> Tables:
        """What lies under `tables/`, opened as users do it: without asking anybody."""
        found: Tables = {}
        with duckdb.connect() as connection:
            for path in self.layout.tables.glob("*.parquet"):
                found[path.stem] = sorted(connection.execute(f"from '{path}'").fetchall(), key=repr)
        return found

    def torn(self, allowed: Collection[int], between: int | None = None) -> str | None:
        """What readers see that is no whole version among those `allowed`; `None` where all is well.

        With `between` it may also be half of that version over the one before: a daemon may build between two files,
        and looks at data later than at code where a clock is too coarse to tell that they are written.
        """
        known = [self.tables[version - 1] for version in allowed]
        seen = self.seen()
        if seen not in known and between is not None:
            known += self._halves(between)
        if seen not in known:
            return f"readers see {seen}, and not version {' or '.join(map(str, sorted(allowed)))}"
        torn = [name for name, rows in self.opened().items() if all(rows != tables.get(name) for tables in known)]
        return f"{torn} under tables/ are of none of the versions {sorted(allowed)}" if torn else None

    def differs(self, version: int) -> str | None:
        """In what the project is not as a clean build of this version, left over files included."""
        stored = {name: rows for name, rows in self.tables[version - 1].items() if name not in {"orders", "big"}}
        if (opened := self.opened()) != stored:
            return self.torn({version}) or f"under tables/ lies {opened}, and not {stored}"
        left = sorted(path.name for path in self.layout.temporary.iterdir())
        return self.torn({version}) or (f"temporary files are left: {left}" if left else None)

    def _halves(self, version: int) -> Iterator[Tables]:
        """What a clean build gives of the code of a version over the data of the one before, and the other way."""
        for is_data in (False, True):
            with tempfile.TemporaryDirectory(prefix="relspec-crash-half-") as folder:
                other = Project(Path(folder), 0)
                for number in range(1, version):
                    other.save(number)
                files = VERSIONS[version - 1].items()
                write(other.layout.root, {p: text for p, text in files if p.startswith("data/") is is_data})
                yield other.built()

    def _clean(self, version: int) -> Tables:
        shutil.rmtree(self.layout.root, ignore_errors=True)
        for number in range(1, version + 1):
            self.save(number)
        return self.built()


def copy(source: Path, target: Path) -> None:
    """Copy a tree with its times, its links and which files are one: a table is its object under another name."""
    subprocess.run(["cp", "-a", source, target], check=True)


def traceback_in(*texts: str) -> str | None:
    """The end of the first of these texts that tells of a defect of ours; `None` where none does."""
    found = next((text for text in texts if "Traceback" in text or "a defect of our own" in text), None)
    return None if found is None else f"a traceback: {found[-300:]}"


def parsed(text: str) -> Mapping[str, Any]:
    """The document that a command printed."""
    found: Mapping[str, Any] = json.loads(text)
    return found
