"""Loads the task files that a change can have touched, and runs extractors on the files that they have not seen.

A Python file is stale when its bytes or those of a project file that it imported moved, or when a file appeared under
a module name that it tried to import. A file that does not load keeps the tasks of the last time that it did. What
was loaded from other bytes than the last look saw, or could not be read just then, is in `world.look_again`.
"""

from relspec.app.ports import CodeReader, LoaderSession
from relspec.app.texts import Texts
from relspec.app.trouble import code_of, next_step
from relspec.app.turns import in_turns
from relspec.app.world import World
from relspec.core.errors import InputMovedError, WorkerError
from relspec.core.plan import FileUse
from relspec.core.problem import Code, Problem
from relspec.core.settle import ChangeSet
from relspec.core.sqlfile import sql_task
from relspec.core.tree import CONFIG_NAME, is_code, module_names
from relspec.core.work import Loaded, LoadFailed

#: A file that never holds still, or that the loader cannot read, is loaded so often at most before a look moves it.
UNSTEADY_MAX = 5


async def load(world: World, changes: ChangeSet, session: LoaderSession, texts: Texts) -> frozenset[str]:
    """Bring the declarations up to date; the paths of the task files that were loaded anew or went away."""
    stale, gone = stale_modules(world, changes)
    async for path in in_turns(sorted(stale)):
        world.look_again.discard(path)
        known = texts.unmoved(world, path, changes)
        try:
            module = known or await _load_one(path, session, texts.code)
        except InputMovedError:
            world.look_again.add(path)
            continue
        if known is None:
            texts.take(world, path, module)
        world.put_module(path, module)
        if all(world.content(use.path) in {None, use.content} for use in module.files):
            world.unsteady.pop(path, None)
        elif world.unsteady[path] < UNSTEADY_MAX:
            # The last look saw other bytes, and the next one may see those again and find that nothing changed.
            world.unsteady[path] += 1
            world.look_again.add(path)
    for path in gone:
        world.put_module(path, None)
        texts.forget(path)
        # It may still be watched, because tasks of before were made of it.
        world.look_again.discard(path)
    return stale | gone


def stale_modules(world: World, changes: ChangeSet) -> tuple[frozenset[str], frozenset[str]]:
    """Which task files have to be loaded anew, and which are gone."""
    touched = {*changes.added, *changes.changed, *changes.removed, *filter(is_code, world.look_again)}
    stale = {path for path in touched if path in world.tree and world.registry.holds(path)}
    users = {module for path in touched for module in world.modules_of(path)}
    names = {name for path in changes.added for name in module_names(path)}
    if names:
        users |= {path for path, module in world.modules.items() if not names.isdisjoint(module.imports)}
    if any(path.endswith(".py") for path in touched):
        users |= {path for path in world.troubled_modules if _may_be_mended(world.modules[path])}
    stale |= {path for path in users if path.endswith(".py") and path in world.tree}
    stale |= {path for path, content in world.registry.installed.items() if not _is_loaded(world, path, content)}
    gone = {path for path in touched if path in world.modules and path not in world.tree}
    if CONFIG_NAME in touched or not world.has_built:
        every = world.registry.discover(world.tree)
        stale |= every if world.retooled else every - world.modules.keys()
        gone |= world.modules.keys() - every
    return frozenset(stale), frozenset(gone)


def _may_be_mended(module: Loaded | LoadFailed) -> bool:
    """Whether any change of code may be the repair of what does not load.

    One that comes to no end told what it had read until then: the time that it takes is spent again only for that.
    """
    return isinstance(module, LoadFailed) and not (module.problem.code is Code.TIMEOUT and module.files)


def _is_loaded(world: World, path: str, content: str) -> bool:
    module = world.modules.get(path)
    return module is not None and any(use.path == path and use.content == content for use in module.files)


def needs_of(world: World) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """What the loaded files need to be watched besides the settings: globs of extractors, files, names of modules."""
    modules = world.modules.values()
    globs = {spec.files for spec in world.extractors()}
    files = {use.path for module in modules for use in module.files if not world.registry.holds(use.path)}
    files |= {
        use.path for record in world.records.values() for use in record.files if not world.registry.holds(use.path)
    }
    return frozenset(globs), frozenset(files), frozenset(name for module in modules for name in module.imports)


async def _load_one(path: str, session: LoaderSession, code: CodeReader) -> Loaded | LoadFailed:
    if path.endswith(".sql"):
        return _load_sql(path, code)
    try:
        return await session.load(path)
    except WorkerError as error:
        kind = code_of(error)
        message = f"loading {path} ended its process: {error}"
        problem = Problem(kind, None, path, 1, 1, message, next_step(kind, "load"))
        return LoadFailed(problem, error.files, error.imports)


def _load_sql(path: str, code: CodeReader) -> Loaded | LoadFailed:
    found = code.read_code(path)
    if isinstance(found, Problem):
        return LoadFailed(found, (), ())
    content, data = found
    files = (FileUse(path, content),)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"{path} is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}"
        return LoadFailed(Problem(Code.SYNTAX, None, path, line, 1, message, "save the file as UTF-8"), files, ())
    spec = sql_task(path, text)
    if isinstance(spec, Problem):
        return LoadFailed(spec, files, ())
    return Loaded(path=path, tasks=(spec,), extractors=(), files=files, imports=(), problems=())
