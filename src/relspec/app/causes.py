"""Why a task has to be compiled: its source, what it imports, a schema that it looked at, or the toolchain moved.

A task without a cause is not compiled. The causes are recorded with what became of the task, for `why`.
"""

from collections.abc import Collection, Iterator

from msgspec.structs import fields, replace

from relspec.app.world import World
from relspec.core.plan import CompileRecord
from relspec.core.reason import Reason, Rule
from relspec.core.spec import TaskSpec


def causes_of(world: World, task: str, touched: Collection[str]) -> Iterator[Reason]:
    """Find what moved since `task` was last compiled, after the paths `touched` changed; nothing: it stays as it is."""
    spec, record = world.catalog.by_name[task], world.records.get(task)
    if record is None:
        yield Reason(Rule.FILE_MOVED, f"{spec.builder.path} declares it", path=spec.builder.path)
        return
    if replace(record.spec, line=spec.line) != spec:
        yield Reason(Rule.DECLARED_ANEW, f"its declaration changed: {', '.join(_redeclared(record.spec, spec))}")
    for path in moved_files(world, record, touched):
        own = path == spec.builder.path
        said = f"{path} changed" if own else f"{path} changed, which it imports"
        yield Reason(Rule.FILE_MOVED if own else Rule.IMPORT_MOVED, said, path=path)
    if record.toolchain != world.toolchain.whole:
        because = f"since it was compiled, {world.toolchain.difference(record.toolchain)}"
        yield Reason(Rule.TOOL_MOVED, because)
    for dataset, digest in record.asked:
        if digest != world.asked_digest(dataset):
            yield Reason(Rule.SCHEMA_MOVED, f"what it saw of {dataset} when it was compiled moved", dataset)


def moved_files(world: World, record: CompileRecord, touched: Collection[str]) -> Iterator[str]:
    """The files that went into the last compilation of a task, or do now, and are not as they were."""
    before, now = record.spec.builder.path, world.catalog.by_name[record.spec.name].builder.path
    module = world.modules[now]
    current = {use.path: use.content for use in module.files}
    used = {use.path: use.content for use in record.files}
    yield from (path for path, content in current.items() if used.get(path) != content)
    for path, content in used.items():
        # A task that came from another file did not import that.
        if path not in current and path != before and (world.content(path) not in {None, content} or path in touched):
            yield path


def _redeclared(before: TaskSpec, after: TaskSpec) -> list[str]:
    names = [f.name for f in fields(TaskSpec) if f.name != "line"]
    return [name for name in names if getattr(before, name) != getattr(after, name)]
