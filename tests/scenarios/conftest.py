"""Engines and a loader that the scenarios of one module use one after the other."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.scenarios.harness import Children, open_children


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def children(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Children]:
    async with open_children(tmp_path_factory.mktemp("children")) as opened:
        yield opened
