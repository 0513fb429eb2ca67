"""What makes the result of a query depend on more than the rows that it reads, as values.

A `Finding` is made when a query is compiled and stays with its plan. Whether it is worth telling may depend on other
tasks: it may be void if some columns of an input tell its rows apart. So a finding carries what it depends on, a plan
carries what is known of its own output, and `open_findings` brings the two together without compiling anything again.
"""

from collections.abc import Callable, Iterator

import msgspec

from relspec.core.warning import WarningCode

#: Columns of a dataset by name: (dataset in lower case, columns in lower case).
ColumnsOf = tuple[str, tuple[str, ...]]


class Finding(msgspec.Struct, frozen=True):
    """One construct whose result is not determined by the rows that the query reads.

    The place is 1-based within a SQL file, `None` in generated text. It is void if for each of `unless` some of these
    columns tell the rows of the dataset apart; empty is "never void". `inlined` ones stand in a view and are its own.
    """

    code: WarningCode
    line: int | None
    column: int | None
    message: str
    hint: str
    unless: tuple[ColumnsOf, ...]
    inlined: bool


class Uniqueness(msgspec.Struct, frozen=True):
    """Which columns of an output tell its rows apart.

    `sets` are known for sure; an empty set says that there is at most one row. `rows_of` names a dataset, each row of
    which is here at most once, and `names` the columns that came along: (here, there), all in lower case.
    """

    sets: tuple[tuple[str, ...], ...]
    rows_of: str | None
    names: tuple[tuple[str, str], ...]


#: Nothing is known.
UNKNOWN = Uniqueness((), None, ())


class Repeatability(msgspec.Struct, frozen=True):
    """How far the result of a query is determined by the rows that it reads."""

    findings: tuple[Finding, ...]
    uniqueness: Uniqueness

    @property
    def reads_clock(self) -> bool:
        """Whether the result belongs to the moment at which the query was executed."""
        return any(finding.code is WarningCode.CLOCK for finding in self.findings)


#: No finding, and no knowledge of the output.
NOTHING_FOUND = Repeatability((), UNKNOWN)


#: What is known of a dataset by lower-case name; `None` for a source.
Known = Callable[[str], Uniqueness | None]


def open_findings(repeatability: Repeatability, known: Known) -> Iterator[Finding]:
    """Give the findings of a plan itself that what is known of its inputs does not make void."""
    for finding in repeatability.findings:
        void = bool(finding.unless) and all(_tells_apart(columns, known) for columns in finding.unless)
        if not finding.inlined and not void:
            yield finding


def _tells_apart(columns_of: ColumnsOf, known: Known) -> bool:
    """Whether some of these columns are unique, following the datasets that hand their rows on."""
    dataset, columns = columns_of
    # Plans that are kept while their tasks are broken may hand rows on in a circle.
    seen: set[str] = set()
    while dataset.lower() not in seen and (found := known(dataset)) is not None:
        seen.add(dataset.lower())
        if any(set(unique) <= set(columns) for unique in found.sets):
            return True
        if found.rows_of is None:
            return False
        names = dict(found.names)
        dataset, columns = found.rows_of, tuple(names[c] for c in columns if c in names)
    return False
