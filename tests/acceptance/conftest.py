"""Children that all modules of this folder use one after the other, and projects that were built with them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.acceptance.projects import MAKERS
from tests.acceptance.shop import SHOP, TASKS
from tests.scenarios.harness import Children, build, open_children, write

from relspec.app.workspace import Workspace, open_workspace
from relspec.app.world import World
from relspec.core.layout import Layout
from relspec.edges.loader.client import ForkingLoader

#: For tests that share what this folder started.
together = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def children(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Children]:
    """Engines and a loader for the whole folder."""
    async with open_children(tmp_path_factory.mktemp("children")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def worlds(tmp_path_factory: pytest.TempPathFactory, children: Children) -> dict[str, World]:
    """All projects, built from nothing: what is known of each afterwards."""
    found = {}
    for name, make in MAKERS.items():
        root = tmp_path_factory.mktemp(name)
        make(root)
        with children.lent():
            async with open_workspace(Layout(root), lambda _: None) as workspace:
                document = await build(workspace)
                assert (document["problems"], document["failed"], document["blocked"]) == ([], [], [])
                found[name] = workspace.world
    return found


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def opened_shop(tmp_path_factory: pytest.TempPathFactory, children: Children) -> AsyncIterator[Workspace]:
    """The shop, built and kept open."""
    root = tmp_path_factory.mktemp("shop")
    write(root, dict(SHOP))
    with children.lent():
        async with open_workspace(Layout(root), lambda _: None) as workspace:
            assert (await build(workspace))["executed"] == TASKS
            yield workspace


@pytest.fixture
def shop(opened_shop: Workspace, children: Children) -> Workspace:
    """The shop; a test moves something and puts it back."""
    # The loader knows the project that was opened last.
    world = opened_shop.world
    children.loader.project = ForkingLoader(world.layout, world.settings).project
    return opened_shop
