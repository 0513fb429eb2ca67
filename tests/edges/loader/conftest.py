"""A project on disk and a real loader on it; one warm parent serves the tests of a file, each session is a fork."""

import shutil
import textwrap
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from relspec.core.layout import Layout
from relspec.core.schema import Schema, schema_of
from relspec.core.settings import Limits, Settings
from relspec.core.work import BuildFailed, Built, Loaded, LoadFailed, Needs
from relspec.edges.loader.client import ForkingLoader

ORDERS = schema_of({"id": "BIGINT", "day": "DATE", "amount": "DOUBLE", "name": "VARCHAR"})


class Project:
    """The files of one test, and what the loader makes of them."""

    def __init__(self, root: Path, loader: ForkingLoader) -> None:
        self.root = root
        self.loader = loader
        self.layout = Layout(root)

    def write(self, path: str, text: str | bytes) -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode())
        return path

    async def outcome(self, path: str) -> Loaded | LoadFailed:
        async with self.loader.session() as session:
            return await session.load(path)

    async def loaded(self, path: str) -> Loaded:
        loaded = await self.outcome(path)
        assert isinstance(loaded, Loaded), loaded
        return loaded

    async def failed(self, path: str) -> LoadFailed:
        failed = await self.outcome(path)
        assert isinstance(failed, LoadFailed), failed
        return failed

    async def answer(self, path: str, schemas: Mapping[str, Schema], task: int = 0) -> Built | Needs | BuildFailed:
        async with self.loader.session() as session:
            loaded = await session.load(path)
            assert isinstance(loaded, Loaded), loaded
            return await session.build(loaded.tasks[task], schemas)

    async def built(self, path: str, task: int = 0, **schemas: Schema) -> Built:
        built = await self.answer(path, schemas or {"orders": ORDERS}, task)
        assert isinstance(built, Built), built
        return built

    async def unbuilt(self, path: str, **schemas: Schema) -> BuildFailed:
        failed = await self.answer(path, schemas or {"orders": ORDERS})
        assert isinstance(failed, BuildFailed), failed
        return failed


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def loader(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ForkingLoader]:
    root = tmp_path_factory.mktemp("project").resolve()
    async with ForkingLoader(Layout(root), Settings(limits=Limits(load_s=20, build_s=20))) as loader:
        yield loader


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ForkingLoader]:
    """A loader that has no patience."""
    root = tmp_path_factory.mktemp("strict").resolve()
    async with ForkingLoader(Layout(root), Settings(limits=Limits(load_s=0.5, build_s=0.5))) as loader:
        yield loader


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def mean(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ForkingLoader]:
    """A loader that grants next to nothing, but time."""
    root = tmp_path_factory.mktemp("mean").resolve()
    limits = Limits(load_s=20, build_s=20, python_mb=64, memory_mb=64, processes=8, output_kb=1)
    async with ForkingLoader(Layout(root), Settings(limits=limits)) as loader:
        yield loader


@pytest.fixture
def project(loader: ForkingLoader) -> Iterator[Project]:
    yield from _fresh(loader)


@pytest.fixture
def impatient(strict: ForkingLoader) -> Iterator[Project]:
    yield from _fresh(strict)


@pytest.fixture
def stingy(mean: ForkingLoader) -> Iterator[Project]:
    yield from _fresh(mean)


def _fresh(loader: ForkingLoader) -> Iterator[Project]:
    root = Path(loader.project.root)
    project = Project(root, loader)
    project.layout.objects.mkdir(parents=True)
    project.layout.temporary.mkdir()
    yield project
    for entry in root.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
