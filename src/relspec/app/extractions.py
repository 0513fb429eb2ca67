"""What the extractors gave of the files as they were last looked at, and what of that no table shows yet."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import NamedTuple

from msgspec.structs import replace

from relspec.core.problem import Problem
from relspec.core.schema import Schema
from relspec.core.settings import ExtractorFiles
from relspec.core.work import Extracted, ExtractorSpec, Loaded, LoadFailed


class Given(NamedTuple):
    """What an extractor gave of one version of a file."""

    version: str
    answer: Extracted | Problem


#: Answers by path.
Answers = dict[str, Given]


@dataclass
class Extractions:
    """A build that is cancelled leaves `pending` and `moved` to the next one, so nothing is passed by.

    `objects` is the folder in which objects lie.
    `pending` are paths to be looked at, with `whole` it is all. `moved` are those of which tables show something else.
    """

    objects: str
    answers: dict[ExtractorSpec, Answers] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    whole: bool = True
    #: Which extractor makes a table that is shown.
    makers: dict[str, ExtractorSpec] = field(default_factory=dict)
    #: The extractors whose file does not load, and why.
    broken: dict[ExtractorSpec, Problem] = field(default_factory=dict)
    _schemas: dict[Schema, Schema] = field(default_factory=dict)
    _declared: dict[str, tuple[ExtractorSpec, ...]] = field(default_factory=dict)

    def declare(self, path: str, module: Loaded | LoadFailed | None) -> None:
        """Note which extractors a task file declares."""
        self._declared.pop(path, None)
        if isinstance(module, Loaded) and module.extractors:
            self._declared[path] = module.extractors

    def specs(self, settings: tuple[ExtractorFiles, ...]) -> tuple[ExtractorSpec, ...]:
        """All extractors that are declared, by name, each with the files that the settings give it."""
        other = {files.extractor: files for files in settings}
        found = (_for_files(e, other.get(e.name)) for specs in self._declared.values() for e in specs)
        return tuple(sorted(found, key=lambda e: (e.name, e.path)))

    def adopt(self, specs: Iterable[ExtractorSpec], failed: Mapping[str, Problem]) -> None:
        """Go on with these extractors; what an earlier version of one gave stays where it does the same.

        Those of a file that does not load stay as they were, and are called for nothing until it does.
        """
        broken = {spec: failed[spec.path] for spec in self.answers if spec.path in failed}
        before = {(spec.name, spec.path, spec.digest): answers for spec, answers in self.answers.items()}
        found = {spec: before.get((spec.name, spec.path, spec.digest), {}) for spec in (*specs, *broken)}
        self.whole |= found.keys() != self.answers.keys() or broken.keys() != self.broken.keys()
        self.answers, self.broken = found, broken

    def put(self, spec: ExtractorSpec, path: str, given: Given | None) -> None:
        """Set what an extractor gave of a file, `None` when there is no such file."""
        if given is None:
            if self.answers[spec].pop(path, None) is None:
                return
        else:
            answer = given.answer if isinstance(given.answer, Problem) else self._placed(given.answer)
            self.answers[spec][path] = given._replace(answer=answer)
        self.moved.add(path)

    def _placed(self, answer: Extracted) -> Extracted:
        """The same with its objects where this project has them, and each schema once for all files."""
        tables = (
            (
                intern(name),
                self._schemas.setdefault(schema, schema),
                replace(part, path=f"{self.objects}/{part.content}.parquet"),
            )
            for name, schema, part in answer.tables
        )
        return Extracted(answer.content, tuple(tables))

    def forget(self, lost: frozenset[str]) -> None:
        """Have the files extracted again whose objects, by path, are lost."""
        for answers in self.answers.values() if lost else ():
            for path in [path for path, given in answers.items() if not lost.isdisjoint(_places(given.answer))]:
                del answers[path]
                self.pending.add(path)

    def problems(self) -> Iterator[tuple[str, Problem]]:
        """What went wrong, with the paths of the files."""
        for answers in self.answers.values():
            yield from ((p, given.answer) for p, given in answers.items() if isinstance(given.answer, Problem))


def _places(answer: Extracted | Problem) -> Iterator[str]:
    if isinstance(answer, Extracted):
        yield from (part.path for _, _, part in answer.tables)


def _for_files(spec: ExtractorSpec, files: ExtractorFiles | None) -> ExtractorSpec:
    return spec if files is None else replace(spec, files=files.files, base=files.base)
