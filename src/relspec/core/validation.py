"""Edge validation: does what is known of the inputs satisfy what a task requires?

A task is ready only through its edge requirements against *known* schemas: a dataset without a schema satisfies
nothing. A failed edge names the source, the task, what is missing or of another type, and what is there.
"""

from collections.abc import Mapping

import msgspec

from relspec.core.plan import Requirement
from relspec.core.schema import Column, Schema


class EdgeFailure(msgspec.Struct, frozen=True):
    """One edge that is not satisfied. `known` is false where the dataset has no schema at all."""

    task: str
    dataset: str
    known: bool
    missing_columns: tuple[str, ...]
    wrong_types: tuple[tuple[str, str, str], ...]
    missing_metadata: tuple[str, ...]
    available: tuple[Column, ...]

    def sentence(self) -> str:
        """Say what is wrong, in one sentence for people."""
        if not self.known:
            return f"{self.dataset} has no known schema, so {self.task} cannot be ready"
        faults = [f"column {name!r} is missing" for name in self.missing_columns]
        faults += [
            f"column {name!r} is {found}, {self.task} requires {wanted}" for name, wanted, found in self.wrong_types
        ]
        faults += [f"metadata {key!r} is missing or has another value" for key in self.missing_metadata]
        there = ", ".join(f"{c.name} {c.type}" for c in self.available) or "no columns"
        return f"{self.dataset} does not offer what {self.task} requires: {'; '.join(faults)} (there is: {there})"


def failed_edges(
    task: str, requirements: tuple[Requirement, ...], schemas: Mapping[str, Schema]
) -> tuple[EdgeFailure, ...]:
    """Check every requirement of `task` against `schemas` (by dataset in lower case)."""
    failures = (_failure(task, need, schemas.get(need.dataset.lower())) for need in requirements)
    return tuple(failure for failure in failures if failure is not None)


def _failure(task: str, need: Requirement, schema: Schema | None) -> EdgeFailure | None:
    if schema is None:
        return EdgeFailure(task, need.dataset, False, tuple(c.name for c in need.columns), (), (), ())
    found = [(wanted, schema.column(wanted.name)) for wanted in need.columns]
    missing = tuple(wanted.name for wanted, there in found if there is None)
    wrong = tuple((w.name, w.type, there.type) for w, there in found if there is not None and there.type != w.type)
    offered = dict(schema.metadata)
    metadata = tuple(key for key, value in need.metadata if offered.get(key) != value)
    if not (missing or wrong or metadata):
        return None
    return EdgeFailure(task, need.dataset, True, missing, wrong, metadata, schema.columns)
