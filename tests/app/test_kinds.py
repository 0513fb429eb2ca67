"""Each pair of kind and cache policy does what the reference says of it; the pairs that are refused say where.

Breaks that were caught: a view that is stored; a compute table under `tables/`; a policy `session` that outlives its
session, or forgets what is current; a policy `none` that remembers.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from tests.app.conftest import in_one_loop, opened
from tests.scenarios.harness import build, compare_with_clean, write

from relspec.app.workspace import Workspace
from relspec.core.layout import Layout

ORDERS = "select i as id, i * 10 as amount from range(4) t(i)"


@dataclass(frozen=True, slots=True)
class Promise:
    """What a pair promises: an object, a file for users, and which returns to an earlier version are free."""

    stored: bool
    published: bool
    in_session: bool
    after_restart: bool
    to_what_was_current: bool


NOTHING_STORED = Promise(False, False, True, True, True)
PROMISES = {
    ("view", "none"): NOTHING_STORED,
    ("compute", "none"): Promise(True, False, False, False, False),
    ("compute", "session"): Promise(True, False, True, False, True),
    ("compute", "persistent"): Promise(True, False, True, True, True),
    ("materialization", "none"): Promise(True, True, False, False, False),
    ("materialization", "session"): Promise(True, True, True, False, True),
    ("materialization", "persistent"): Promise(True, True, True, True, True),
}


pytestmark = pytest.mark.usefixtures("lent")


def version(pair: tuple[str, str], number: int) -> dict[str, str | None]:
    kind, policy = pair
    return {
        "tasks/t.sql": f"-- relspec: kind={kind} cache_policy={policy}\nselect amount + {number} as x from orders\n"
    }


async def was_free(workspace: Workspace, files: dict[str, str | None]) -> bool:
    """Save, build, check the table, and say whether no query ran."""
    root = workspace.world.layout.root
    write(root, files)
    document = await build(workspace)
    assert document["ok"], document
    text = next(text for text in files.values() if text is not None)
    number = int(text.split(" + ")[1].split(" ")[0])
    with duckdb.connect(str(Layout(root).views), read_only=True) as connection:
        assert connection.execute("select x from t order by x").fetchall() == [(i * 10 + number,) for i in range(4)]
    return document["executed"] == []


@in_one_loop
@pytest.mark.parametrize(("pair", "promise"), PROMISES.items(), ids=["-".join(pair) for pair in PROMISES])
async def test_a_pair_keeps_its_promise(pair: tuple[str, str], promise: Promise, tmp_path: Path) -> None:
    root = tmp_path / "project"
    layout = Layout(root)
    write(root, {"data/orders.parquet": ORDERS})
    async with opened(root) as workspace:
        assert await was_free(workspace, version(pair, 1)) is not promise.stored
        assert len(list(layout.objects.iterdir())) == promise.stored
        assert (layout.tables / "t.parquet").exists() is promise.published
        assert await was_free(workspace, version(pair, 2)) is not promise.stored
        assert await was_free(workspace, version(pair, 1)) is promise.in_session
        assert await was_free(workspace, version(pair, 2)) is promise.in_session
        assert (await build(workspace))["executed"] == []
    async with opened(root) as workspace:
        assert (await build(workspace))["executed"] == [], "what is current stays, whatever the policy"
        assert await was_free(workspace, version(pair, 1)) is promise.after_restart
        assert await was_free(workspace, version(pair, 2)) is promise.to_what_was_current
        await workspace.collect(dry=False)
        assert (await build(workspace))["executed"] == []
        assert (layout.tables / "t.parquet").exists() is promise.published
        assert await was_free(workspace, version(pair, 1)) is promise.in_session, "gc keeps what is recent"
        write(root, {"watch.toml": "[gc]\nkeep_days = 0\nkeep_mb = 0\n"})
        await build(workspace)
        await workspace.collect(dry=False)
        assert len(list(layout.objects.iterdir())) == promise.stored
        assert (await build(workspace))["executed"] == []
        assert await was_free(workspace, version(pair, 2)) is not promise.stored, "forgotten, so it executes"
    await compare_with_clean(root, tmp_path / "clean", set())


@in_one_loop
@pytest.mark.parametrize("policy", ["session", "persistent"])
@pytest.mark.parametrize("language", ["sql", "python"])
async def test_a_view_that_is_to_be_remembered_is_refused_with_its_place(
    language: str, policy: str, tmp_path: Path
) -> None:
    texts: dict[str, tuple[str, str | None, int]] = {
        "sql": ("tasks/t.sql", f"-- about t\n-- relspec: kind=view cache_policy={policy}\nselect id from orders\n", 2),
        "python": (
            "tasks/t.py",
            f'from relspec import task\n\n@task(kind="view", cache_policy="{policy}")\ndef t(ctx):\n    return None\n',
            3,
        ),
    }
    path, text, line = texts[language]
    root = tmp_path / "project"
    async with opened(_made(root)) as workspace:
        write(root, {"data/orders.parquet": ORDERS, path: text})
        (problem,) = (await build(workspace))["problems"]
    assert (problem["code"], problem["path"], problem["line"]) == ("declaration", path, line)
    assert f"cache_policy='{policy}'" in problem["message"]
    assert 'kind="compute"' in problem["hint"]


def _made(root: Path) -> Path:
    root.mkdir()
    return root


@in_one_loop
async def test_a_table_that_becomes_a_view_is_no_longer_stored_and_comes_back_restored(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(root, {"data/orders.parquet": ORDERS})
    table, view = version(("materialization", "persistent"), 1), version(("view", "none"), 1)
    async with opened(root) as workspace:
        assert not await was_free(workspace, table)
        assert await was_free(workspace, view)
        status = workspace.world.statuses["t"]
        assert (status.kind, status.rows, status.executed_at) == ("view", None, None)
        assert workspace.world.outputs == {}
        assert list(Layout(root).tables.iterdir()) == []
        assert await was_free(workspace, table)
        assert workspace.world.statuses["t"].rows == 4


@in_one_loop
async def test_what_was_remembered_before_the_policy_became_none_is_not_restored(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(root, {"data/orders.parquet": ORDERS})
    async with opened(root) as workspace:
        await was_free(workspace, version(("materialization", "persistent"), 1))
        await was_free(workspace, version(("materialization", "persistent"), 2))
        assert not await was_free(workspace, version(("materialization", "none"), 1))
