"""What holds for all tests, however they were started."""

import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tests.scenarios.harness import Children

# A job of a script's ignores interrupts, and one under `nohup` hang-ups. Every daemon that a test starts would inherit
# that, and rightly ignore them too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def children(tmp_path_factory: pytest.TempPathFactory) -> "AsyncIterator[Children]":
    """Engines and a loader that the tests of one module use one after the other."""
    # Not at the start of every run: this imports the whole product, and DuckDB.
    from tests.scenarios.harness import open_children  # noqa: PLC0415

    async with open_children(tmp_path_factory.mktemp("children")) as opened:
        yield opened
