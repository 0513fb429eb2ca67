"""Makes a failing script small while it keeps failing, and writes it down as a scenario file."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

from tests.campaign.model import health_of
from tests.campaign.play import Played
from tests.campaign.script import Script, Step
from tests.campaign.shape import Project, Source, inputs

Fails = Callable[[Script], Awaitable[bool]]


async def shrunk(script: Script, fails: Fails, attempts: int) -> Script:
    """The smallest script that was found within so many plays; each drops steps, edits, tasks, sources or rows."""
    found = True
    while found:
        found = False
        for smaller in _smaller(script):
            if attempts <= 0:
                return script
            attempts -= 1
            if await fails(smaller):
                script, found = smaller, True
                break
    return script


def _smaller(script: Script) -> Iterator[Script]:
    """Scripts with less in them, the greatest leaps first."""
    for steps in _shorter(script.steps):
        yield replace(script, steps=steps)
    for project in _leaner(script.project):
        yield replace(script, project=project)
    for i, step in enumerate(script.steps):
        for simpler in _simpler(step):
            yield replace(script, steps=(*script.steps[:i], simpler, *script.steps[i + 1 :]))
    for source in script.project.sources:
        for fewer in _fewer_rows(source):
            sources = tuple(fewer if s is source else s for s in script.project.sources)
            yield replace(script, project=replace(script.project, sources=sources))


def _shorter(steps: Sequence[Step]) -> Iterator[tuple[Step, ...]]:
    size = len(steps)
    while size:
        for start in range(len(steps) - size, -1, -size):
            yield (*steps[:start], *steps[start + size :])
        size //= 2


def _leaner(project: Project) -> Iterator[Project]:
    tasks = project.tasks
    for size in sorted({len(tasks) // 2, len(tasks) // 4, 1} - {0}, reverse=True):
        for start in range(len(tasks) - size, -1, -size):
            left = _without(project, {t.name for t in tasks[start : start + size]})
            if len(left.tasks) < len(tasks):
                yield left
    for source in project.sources:
        if not any(source.name in inputs(t.query) for t in tasks):
            yield replace(project, sources=tuple(s for s in project.sources if s is not source))


def _without(project: Project, names: set[str]) -> Project:
    """The project without some tasks and all that reads them."""
    tasks = tuple(t for t in project.tasks if t.name not in names)
    left = replace(project, tasks=tasks)
    broken = health_of(left, {})
    return replace(left, tasks=tuple(t for t in tasks if t.name not in broken.blocked | broken.failed))


def _simpler(step: Step) -> Iterator[Step]:
    for i in range(len(step.edits)):
        yield replace(step, edits=(*step.edits[:i], *step.edits[i + 1 :]))
    if step.excursion is not None:
        yield replace(step, excursion=None)
    if step.back:
        yield replace(step, back=0)
    if step.restart:
        yield replace(step, restart=False)


def _fewer_rows(source: Source) -> Iterator[Source]:
    if len(source.files) > 1:
        yield replace(source, files=source.files[:1])
    keep = 1 if source.is_csv else 0
    for n in (keep, 2):
        if any(len(rows) > n for _, rows in source.files):
            yield replace(source, files=tuple((path, rows[:n]) for path, rows in source.files))


def scenario(title: str, played: Sequence[Played]) -> str:
    """The builds of a script as the text of a scenario file; `title` becomes its comment."""
    parts = [f"# {title}"]
    for i, version in enumerate(played):
        if i:
            parts.append("=== restart" if version.restart else "=== edit")
        for path, text in sorted(version.files.items()):
            parts.append(f"--- {path} deleted" if text is None else f"--- {path}\n{text.removesuffix(chr(10))}")
        expected, health = version.expected, version.expected.health
        parts.append("=== expect")
        if expected.recompiled is not None and expected.recompiled == expected.at_most:
            parts.append(f"recompiled: {' '.join(expected.recompiled)}")
        parts += [f"executed: {' '.join(expected.executed)}", f"restored: {' '.join(expected.restored)}"]
        parts += [f"failed: {' '.join(sorted(health.failed))}", f"blocked: {' '.join(sorted(health.blocked))}"]
    return "\n".join(line.rstrip() if line.endswith(": ") else line for line in parts) + "\n"
