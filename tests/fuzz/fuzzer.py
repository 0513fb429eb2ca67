"""One case: a random query and its edits, with every verdict of the product checked by execution.

Three promises are checked. Queries with one fingerprint give the same columns and the same bag on every data set; this
holds across cases too, since each fingerprint is remembered. What inference calls not required may hold anything: the
result does not move when those columns change, nor when they are gone. And where the form lets joins commute, the
result does not move when the rows of every table come in another order. An error is no result.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.core.shop import NAMES
from tests.equivalence.trial import Compiled, Result, Trial, changed, result_of
from tests.fuzz.edits import edited
from tests.fuzz.generate import Generator
from tests.fuzz.probe import Probe

_N_EDITS = 10
_OTHER = {"VARCHAR": "'changed'", "INTEGER": "77", "TINYINT": "77", "BIGINT": "77", "DATE": "date '1999-01-01'"}


@dataclass(slots=True)
class Tally:
    """What was run, and what contradicts a promise."""

    cases: int = 0
    queries: int = 0
    precise: int = 0
    equal: int = 0
    executions: int = 0
    counterexamples: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.cases} cases, {self.queries} queries ({self.precise} analysed precisely), {self.equal} equal "
            f"verdicts, {self.executions} comparisons of results, {len(self.counterexamples)} counterexamples"
        )


class Fuzzer:
    """Runs cases one after the other, each from its own seed."""

    def __init__(self) -> None:
        self.trial = Trial()
        self.probe = Probe(self.trial.schemas)
        self.tally = Tally()
        self._known: dict[str, Compiled] = {}

    def run(self, seed: int) -> None:
        """Run the case of one seed."""
        pick = random.Random(seed)
        self.tally.cases += 1
        base = Generator(pick).query()
        texts = [base, *(edited(base, pick) for _ in range(_N_EDITS))]
        for i, text in enumerate(dict.fromkeys(texts)):
            compiled = self.trial.compiled(text)
            if isinstance(compiled, Compiled):
                self.tally.queries += 1
                self.tally.precise += compiled.coarse is None
                self._compare(seed, compiled)
                if i < 3:
                    self._check_alone(seed, text, compiled, pick)

    def _compare(self, seed: int, compiled: Compiled) -> None:
        known = self._known.setdefault(compiled.fingerprint, compiled)
        if known.sql == compiled.sql:
            return
        self.tally.equal += 1
        self.tally.executions += len(self.trial.databases)
        data = self.trial.differing(known.sql, compiled.sql)
        if data is not None:
            self._found(seed, f"one fingerprint, two results on {data!r}", known.sql, compiled.sql)

    def _check_alone(self, seed: int, text: str, compiled: Compiled, pick: random.Random) -> None:
        data = pick.choice(("shop", "many", "dense", "few"))
        expected = self.trial.result(compiled.sql, data)
        if not isinstance(expected, Result):
            return
        found = self.probe.look(text)
        if found is None:
            return
        for what, statements in self._changes(found.required, ordered=found.ordered):
            with changed(self.trial.databases[data], statements):
                result = result_of(self.trial.databases[data], compiled.sql)
            self.tally.executions += 1
            if isinstance(result, Result) and result != expected:
                self._found(seed, f"{what} moves the result on {data!r}", compiled.sql)

    def _changes(self, required: dict[str, frozenset[str]], *, ordered: bool) -> Iterator[tuple[str, str]]:
        if not ordered:
            yield "the order of rows", "".join(f"{_reordered(name)};" for name in NAMES)
        free = {n: [c for c in self.trial.schemas[n].columns if c.name not in required.get(n, ())] for n in NAMES}
        for value in ("null", "other"):
            updates = [
                f"update {name} set {column.name} = {'null' if value == 'null' else _OTHER[column.type]};"
                for name, columns in free.items()
                for column in columns
                if value == "null" or column.type in _OTHER
            ]
            yield f"a column that is not required, made {value},", "".join(updates)
        # At least one column must stay, required or not.
        gone = [
            (n, c) for n, columns in free.items() for c in columns[1 if n not in required or not required[n] else 0 :]
        ]
        yield "a column that is not required, when gone,", "".join(f"alter table {n} drop {c.name};" for n, c in gone)

    def _found(self, seed: int, what: str, *queries: str) -> None:
        self.tally.counterexamples.append("\n  ".join((f"case {seed}: {what}", *queries)))


def _reordered(name: str) -> str:
    return f"create or replace table {name} as from {name} order by hash({name}) desc"
