"""One poisoned file of the state heals; `python -m tests.crash --poison N` poisons more of them."""

import random
from pathlib import Path

from tests.crash.poison import PoisonTrial, poisoned
from tests.crash.project import Project

from relspec.core.layout import Layout


def test_a_file_of_the_state_that_was_poisoned_is_found_and_made_again(tmp_path: Path) -> None:
    outcome = PoisonTrial(Project(tmp_path, 1)).strike(random.Random(3))
    assert (outcome.wrong, outcome.came) == (None, "found by the check-up")


def test_a_seed_poisons_the_same_file_in_the_same_way(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        layout = Layout(tmp_path / name)
        for folder in (layout.objects, layout.tables, layout.log):
            folder.mkdir(parents=True)
        for path in (layout.database, layout.views, layout.lock, layout.card, layout.socket):
            path.write_bytes(bytes(range(1, 200)))
        for path in (layout.objects / "a.parquet", layout.tables / "a.parquet", layout.tables / "b.parquet"):
            path.write_bytes(b"x" * 50)
        (layout.log / "daemon.jsonl").write_bytes(b"{}")
        (layout.state / "relspec.sqlite-wal").write_bytes(b"w" * 50)
        rng = random.Random(4)
        found.append([str(poisoned(layout, rng)) for _ in range(1)])
    assert found[0] == found[1]
