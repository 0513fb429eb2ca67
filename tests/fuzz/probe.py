"""What the analysis alone says of a query, before the engine's planner is asked for a second opinion."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.equivalence.data import opened

from relspec.core import inference as module
from relspec.core.commuting import order_shows
from relspec.core.doubt import prepare
from relspec.core.inference import Inference, infer
from relspec.core.query import QueryTrouble, parse_query
from relspec.core.schema import Schema, schema_of
from relspec.core.scopes import Around, Scopes


@dataclass(frozen=True, slots=True)
class Look:
    """The columns that inference requires of each dataset, and whether the form takes the order of rows to show."""

    required: dict[str, frozenset[str]]
    ordered: bool


class Probe:
    """Runs the steps of inference one by one."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._binder = opened("")

    def look(self, text: str) -> Look | None:
        """Analyse a query; `None` where the analysis is coarse."""
        relation = self._binder.sql(text)
        outputs = schema_of({n: str(t) for n, t in zip(relation.columns, relation.types, strict=True)})
        found = infer(text, self._schemas, {}, outputs)
        if not isinstance(found, Inference) or found.coarse is not None:
            return None
        required = {name: frozenset(columns) for name, columns in found.inputs}
        return Look(required, self._ordered(text))

    def _ordered(self, text: str) -> bool:
        query = parse_query(text)
        assert not isinstance(query, QueryTrouble)
        subject = module._Subject(query, parse_query, self._schemas, {n: n for n in self._schemas}, {})
        tree, _ = module._trusted(subject, text)
        prepare(tree)
        tree = module._qualified(subject, tree)
        scopes = Scopes({name: module._lower_names(schema) for name, schema in self._schemas.items()})
        scopes.build(tree, Around({}))
        return order_shows(scopes, tree, self._schemas)
