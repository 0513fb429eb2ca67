"""What the simulation takes for granted of engines, state, objects and stamps, held against the real ones as well."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.sim.kits import Kit, RealKit, SimKit, analyse, execute, intake, publish
from tests.sim.pyfiles import DIES, HANGS, RAISES, PyTask, write

from relspec.app.ports import Engines, Loader
from relspec.core.dataset import Dataset
from relspec.core.decision import Basis
from relspec.core.digest import BagDigest, content_of
from relspec.core.errors import InputMovedError, StateError, WorkerError
from relspec.core.plan import FileUse, Requirement
from relspec.core.problem import Code, Problem
from relspec.core.schema import Column, Schema
from relspec.core.spec import Builder, CachePolicy, Kind, Language, TaskSpec
from relspec.core.state import Delta, DigestRow, MemoRow, Output, Publication, RunRecord
from relspec.core.tree import FileEntry
from relspec.core.work import (
    Analysed,
    BuildFailed,
    Built,
    Executed,
    Intaken,
    Loaded,
    LoadFailed,
    Measure,
    Needs,
    ViewDefinition,
    ViewQuery,
)

A, B = Column("a", "BIGINT"), Column("b", "BIGINT")
THINGS = Schema((A, B))
TEXT = "a,b\n1,5\n2,6\n2,7\n"


@pytest.fixture(params=[SimKit, RealKit], ids=["simulated", "real"])
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kit]:
    made: Callable[..., Kit] = request.param
    if made is RealKit:
        yield made(tmp_path)
        return
    simulated = SimKit()
    yield simulated
    simulated.loop.close()


def taken(answer: Intaken | Problem) -> Intaken:
    assert isinstance(answer, Intaken), answer
    return answer


def test_engines(kit: Kit) -> None:
    async def body(engines: Engines) -> None:
        await intakes(kit, engines)
        await analyses(kit, engines)
        await executions(kit, engines)
        await publications(kit, engines)

    kit.run(body)


async def intakes(kit: Kit, engines: Engines) -> None:
    kit.write("things.csv", TEXT)
    found = taken(await engines.intake(intake(kit, "things.csv")))
    assert (found.content, found.schema.columns, found.part.rows) == (content_of(TEXT.encode()), (A, B), 3)
    assert found.part.stamp is None
    assert kit.objects.has(found.part.content)
    assert kit.rows(found.part.content) == [(1, 5), (2, 6), (2, 7)]
    kit.touch("things.csv", 1_000_000_000_000_000_000)
    assert await engines.intake(intake(kit, "things.csv", known=found)) == found
    kit.objects.discard([found.part.content])
    assert taken(await engines.intake(intake(kit, "things.csv", known=found))).part == found.part
    assert kit.objects.has(found.part.content)
    for name, text in (("empty.csv", ""), ("ragged.csv", "a,b\n1,2\n1,2,3\n")):
        kit.write(name, text)
        refused = await engines.intake(intake(kit, name))
        assert isinstance(refused, Problem)
        assert (refused.code, refused.path) == (Code.UNREADABLE, name)
    with pytest.raises(InputMovedError):
        await engines.intake(intake(kit, "gone.csv"))


async def analyses(kit: Kit, engines: Engines) -> None:
    needs = await engines.analyse(analyse("select a as a from things union all select a as a from others", {}))
    assert isinstance(needs, Needs)
    assert sorted(named.name for named in needs.datasets) == ["others", "things"]
    plans = []
    for text in ("select a + 1 as c from things where a > 1", "select a + 1 as c from things where a > 1 -- more\n"):
        plan = await engines.analyse(analyse(text, {"things": THINGS}))
        assert isinstance(plan, Analysed)
        assert plan.inputs == (Requirement("things", (A,)),)
        assert plan.schema.columns == (Column("c", "BIGINT"),)
        plans.append(plan)
    assert plans[0].canonical == plans[1].canonical
    other = await engines.analyse(analyse("select a + 2 as c from things where a > 1", {"things": THINGS}))
    assert isinstance(other, Analysed)
    assert other.canonical != plans[0].canonical
    view = ViewQuery("seen", f"select a as a, b as d from {kit.stored('things')}", Schema((A, Column("d", "BIGINT"))))
    through = await engines.analyse(analyse("select sum(a) as a, max(a) as n from seen", {"things": THINGS}, view))
    assert isinstance(through, Analysed)
    assert through.inputs == (Requirement("things", (A,)),)
    assert through.views == (Requirement("seen", (A,)),)
    assert [c.type for c in through.schema.columns] == ["DECIMAL(38,0)", "BIGINT"]
    for text, code in (("select x as y from things", Code.UNKNOWN_COLUMN), ("select a as from things", Code.SYNTAX)):
        problem = await engines.analyse(analyse(text, {"things": THINGS}))
        assert isinstance(problem, Problem)
        assert problem.code is code


async def executions(kit: Kit, engines: Engines) -> None:
    things = taken(await engines.intake(intake(kit, "things.csv")))
    dataset = Dataset("things", THINGS, (things.part,))
    plan = await engines.analyse(analyse("select a + 1 as a, b as b from things where b > 5", {"things": THINGS}))
    assert isinstance(plan, Analysed)
    request = execute(kit, plan.sql, plan.schema, (dataset,), (A,), (A, B))
    made = await engines.execute(request)
    assert isinstance(made, Executed)
    assert made == await engines.execute(request)
    assert kit.rows(made.content) == [(3, 6), (3, 7)]
    (part,) = dataset.parts
    measured = await engines.measure(Measure((replace(part, content=made.content, path=part.path),), ((A,),)))
    assert measured.bags[0][0].rows in {2, 3}
    lost = replace(part, content="0" * 32, path=str(kit.layout.object("0" * 32)))
    with pytest.raises(InputMovedError):
        await engines.execute(replace(request, inputs=(replace(dataset, parts=(lost,)),)))
    whole = await engines.execute(execute(kit, "select a as a, b as b from things", THINGS, (dataset,), (A, B)))
    assert isinstance(whole, Executed)
    assert (whole.bags,) == (await engines.measure(Measure((part,), ((A, B),)))).bags
    other = replace(part, content=made.content, path=str(kit.layout.object(made.content)))
    both = await engines.measure(Measure((part, other), ((A,), (B,))))
    assert [[bag.rows for bag in bags] for bags in both.bags] == [[3, 3], [2, 2]]
    apart = [await engines.measure(Measure((one,), ((A,), (B,)))) for one in (part, other)]
    assert both.bags == tuple(bags for one in apart for bags in one.bags)


async def publications(kit: Kit, engines: Engines) -> None:
    part = taken(await engines.intake(intake(kit, "things.csv"))).part
    things = ViewDefinition("things", None, (part.path,), (), shaky=False)
    ones = ViewDefinition("ones", f"select a as a from {kit.stored('things')}", (), (), shaky=False)
    assert (kit.objects.views_stamp(), kit.objects.views_content()) == (None, None)
    with pytest.raises(WorkerError):
        await engines.publish(publish(kit, 1, (things,), whole=False))
    published = await engines.publish(publish(kit, 1, (things, ones), whole=True))
    assert (published.revision, published.left_out) == (1, ())
    first = kit.objects.views_stamp()
    assert (kit.objects.views_content(), first is None) == (published.content, False)
    assert kit.shown("ones") == [(1,), (2,), (2,)]
    shaky = replace(ones, name="other", sql=str(ones.sql).replace("select a as", "select x as"), shaky=True)
    assert (await engines.publish(publish(kit, 2, (shaky,), whole=False))).left_out == ("other",)
    with pytest.raises(WorkerError):
        await engines.publish(publish(kit, 3, (replace(shaky, shaky=False),), whole=False))
    assert kit.shown("ones") == [(1,), (2,), (2,)]
    published = await engines.publish(publish(kit, 4, (), ("ones",), whole=False))
    assert kit.objects.views_content() == published.content
    assert kit.objects.views_stamp() != first
    with pytest.raises(Exception, match="ones"):
        kit.shown("ones")
    assert kit.shown("things") == [(1, 5), (2, 6), (2, 7)]


def output(name: str, key: str, content: str) -> Output:
    basis = Basis(key, "fingerprint", "engine", {"things": "edge"})
    return Output(name, name, basis, content, 1, 10, THINGS, 0.0, 1.0)


def test_the_state_remembers_what_was_committed(kit: Kit) -> None:
    store = kit.store(1)
    assert (store.load().run, store.published(), store.collected()) == (0, None, None)
    kit.write("one.sql", "select 1")
    entry = FileEntry("one.sql", kit.stamp("one.sql"), "content")
    one = output("One", "key", "c1")
    bag = BagDigest(1, "0" * 32)
    rows = tuple(MemoRow(policy, output(policy, f"key-{policy}", "c2")) for policy in CachePolicy)
    record = RunRecord(1, 1, 0.0, 1.0, (("one.sql", "added"),), ("one",), ())
    store.commit(
        Delta(
            files={"one.sql": entry},
            outputs={"One": one},
            memo=(MemoRow(CachePolicy.SESSION, one), *rows),
            digests=(DigestRow("c1", "columns", bag),),
            run=record,
            toolchain="tools",
        )
    )
    shown = Publication(1, "a place", "a-stamp", "a-hash")
    store.set_published(shown)
    store.close()
    store = kit.store(2)
    saved = store.load()
    assert (saved.run, saved.revision, saved.toolchain) == (1, 1, "tools")
    assert saved.files == {"one.sql": entry}
    assert saved.outputs == {"One": one}
    assert store.published() == shown
    assert store.bags(["c1", "c2"]) == {("c1", "columns"): bag}
    assert store.changes(1) == (("one.sql", "added"),)
    # What was current stays, whatever its policy; the rest of another session goes.
    store.forget_sessions()
    kept = [key for key in ("key", *(f"key-{p}" for p in CachePolicy)) if store.remembered(key) is not None]
    assert kept == ["key", "key-none", "key-persistent"]
    store.commit(Delta(files={"one.sql": None}, outputs={"One": None}))
    assert (store.load().files, store.load().outputs, store.load().run) == ({}, {}, 1)
    store.close()


def test_a_commit_waits_for_the_objects_that_it_names(kit: Kit) -> None:
    def refused() -> None:
        asked.append(1)
        raise StateError("the disk is full")

    asked: list[int] = []
    store = kit.store(1)
    with pytest.raises(StateError, match="the disk is full"):
        store.commit(Delta(toolchain="tools"), refused)
    assert (asked, store.load().toolchain) == ([1], None)
    store.commit(Delta(toolchain="tools"), lambda: asked.append(2))
    assert (asked, store.load().toolchain) == ([1, 2], "tools")
    store.close()


def test_objects_are_shown_and_hidden(kit: Kit) -> None:
    kit.write("things.csv", TEXT)
    found: list[Intaken] = []

    async def body(engines: Engines) -> None:
        found.append(taken(await engines.intake(intake(kit, "things.csv"))))

    kit.run(body)
    content = found[0].part.content
    objects = kit.objects
    assert objects.syncs_soon([])
    assert objects.syncs_soon([content])
    assert not objects.syncs_soon([f"{n:032x}" for n in range(100)])
    objects.sync([content])
    objects.syncing([])()
    objects.syncing([content])()
    waiting = objects.syncing(["0" * 32])
    with pytest.raises(StateError):
        waiting()
    with pytest.raises(StateError):
        objects.sync(["0" * 32])
    assert (objects.shown(), objects.shows("things", content)) == (frozenset(), False)
    objects.show("things", content)
    assert (objects.shown(), objects.shows("things", content)) == ({"things"}, True)
    assert list(objects.stored()) == [content]
    with pytest.raises(StateError):
        objects.show("others", "0" * 32)
    objects.hide("things")
    objects.discard([content])
    assert (objects.shown(), objects.has(content)) == (frozenset(), False)


def test_who_has_an_earlier_file_of_views_open_is_seen(kit: Kit) -> None:
    async def body(engines: Engines) -> None:
        await readers_come_and_go(kit, engines)

    kit.run(body)


async def readers_come_and_go(kit: Kit, engines: Engines) -> None:
    kit.write("things.csv", TEXT)
    part = taken(await engines.intake(intake(kit, "things.csv"))).part
    things = ViewDefinition("things", None, (part.path,), (), shaky=False)
    readers = kit.readers
    readers.hold(None)
    assert (readers.seen, readers.oldest()) == (True, None)
    await engines.publish(publish(kit, 1, (things,), whole=True))
    with kit.reading():
        readers.hold(1)
        readers.hold(1)
        await engines.publish(publish(kit, 2, (), ("things",), whole=False))
        assert readers.oldest() == 1
        readers.hold(2)
        with kit.reading():
            await engines.publish(publish(kit, 3, (things,), whole=False))
            assert readers.oldest() == 1
            readers.forget_revisions()
            assert readers.oldest() == 0
    readers.hold(3)
    assert readers.oldest() is None


def test_the_loader(kit: Kit) -> None:
    async def body(loader: Loader) -> None:
        await files_are_loaded(kit, loader)
        await builders_are_run(kit, loader)
        await sessions_end(kit, loader)

    kit.load(body)


P0 = PyTask("p0", helped=True, top="", fails=False, table="things", column="a", plus=None)


async def files_are_loaded(kit: Kit, loader: Loader) -> None:
    helper = "PLUS = 2\n"
    kit.write("tasks/p0.py", write(P0))
    async with loader.session() as session:
        failed = await session.load("tasks/p0.py")
        assert isinstance(failed, LoadFailed), failed
        assert (failed.problem.code, failed.imports) == (Code.LOAD, ("helper",))
        assert failed.files == (FileUse("tasks/p0.py", content_of(write(P0).encode())),)
    kit.write("tasks/helper.py", helper)
    async with loader.session() as session:
        loaded = await session.load("tasks/p0.py")
        assert isinstance(loaded, Loaded), loaded
        builder = Builder(Language.PYTHON, "tasks/p0.py", "p0")
        kind = Kind.MATERIALIZATION
        assert loaded.tasks == (TaskSpec("p0", "p0", kind, CachePolicy.PERSISTENT, 0, builder, 4),)
        assert (loaded.imports, loaded.problems) == (("helper",), ())
        used = {"tasks/p0.py": write(P0), "tasks/helper.py": helper}
        assert {use.path: use.content for use in loaded.files} == {p: content_of(t.encode()) for p, t in used.items()}
        nothing = await session.load("tasks/helper.py")
        assert isinstance(nothing, Loaded), nothing
        assert nothing.tasks == ()
    kit.write("tasks/helper.py", "PLUS = \n")
    for path, text, code in (
        ("tasks/p0.py", write(P0), Code.SYNTAX),
        ("tasks/p1.py", write(P0)[:-20], Code.SYNTAX),
        ("tasks/p1.py", write(dataclasses.replace(P0, helped=False, plus=1, top=RAISES)), Code.LOAD),
    ):
        kit.write(path, text)
        async with loader.session() as session:
            failed = await session.load(path)
            assert isinstance(failed, LoadFailed), failed
            assert failed.problem.code is code


async def builders_are_run(kit: Kit, loader: Loader) -> None:
    kit.write("tasks/helper.py", "PLUS = 2\n")
    kit.write("tasks/p1.py", write(dataclasses.replace(P0, name="p1", fails=True)))
    async with loader.session() as session:
        first, second = await session.load("tasks/p0.py"), await session.load("tasks/p1.py")
        assert isinstance(first, Loaded), first
        assert isinstance(second, Loaded), second
        needs = await session.build(first.tasks[0], {})
        assert isinstance(needs, Needs), needs
        assert [named.name for named in needs.datasets] == ["things"]
        # What a session has read stays as it is for it.
        kit.write("tasks/helper.py", "PLUS = 3\n")
        built = await session.build(first.tasks[0], {"Things": THINGS})
        assert isinstance(built, Built), built
        assert (built.schema, built.asked, built.udfs, built.metadata) == (Schema((A,)), ("things",), (), ())
        assert FileUse("tasks/helper.py", content_of(b"PLUS = 2\n")) in built.files
        failed = await session.build(second.tasks[0], {"things": THINGS})
        assert isinstance(failed, BuildFailed), failed
        assert (failed.problem.code, failed.problem.task, failed.asked) == (Code.BUILDER, "p1", ())
        failed = await session.build(first.tasks[0], {"things": Schema((B,))})
        assert isinstance(failed, BuildFailed), failed
        assert (failed.problem.code, failed.asked) == (Code.UNKNOWN_COLUMN, ("things",))


async def sessions_end(kit: Kit, loader: Loader) -> None:
    async with loader.session() as session:
        for top, cause in ((DIES, "crash"), (HANGS, "timeout")):
            kit.write("tasks/p1.py", write(dataclasses.replace(P0, name="p1", top=top)))
            with pytest.raises(WorkerError) as ended:
                await session.load("tasks/p1.py")
            assert {use.path for use in ended.value.files} == {"tasks/p1.py", "tasks/helper.py"}
            assert "helper" in ended.value.imports
            assert ended.value.cause == cause
        # Another process goes on.
        kit.write("tasks/p1.py", write(dataclasses.replace(P0, name="p1")))
        assert isinstance(await session.load("tasks/p1.py"), Loaded)


def test_a_stamp_moves_with_every_change_of_a_file(kit: Kit) -> None:
    kit.write("a", "1")
    kit.write("b", "1")
    first = kit.stamp("a")
    assert kit.stamp("b").inode != first.inode
    kit.touch("a", 1_000_000_000)
    touched = kit.stamp("a")
    assert (touched.mtime_ns, touched.inode, touched.size) == (1_000_000_000, first.inode, 1)
    assert touched.ctime_ns >= first.ctime_ns
    kit.write("a", "22")
    written = kit.stamp("a")
    assert (written.inode, written.size) == (first.inode, 2)
    assert written.mtime_ns >= first.mtime_ns
    # What is renamed into its place is another file.
    before = kit.stamp("b")
    kit.replace("b", "a")
    renamed = kit.stamp("a")
    assert (renamed.inode, renamed.size, renamed.mtime_ns) == (before.inode, 1, before.mtime_ns)
