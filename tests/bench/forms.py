"""How tasks are written down: as SQL, a file each, or in Ibis, one or many in a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.project import GROUPS, MODULUS, Node, extras, query, shift

#: The constant of a task and its bound.
Said = tuple[int, int]

_IMPORTS = "from ibis import _\nfrom relspec import task\n"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write tasks: the ending of files, how many tasks each holds, what begins a file and a comment."""

    suffix: str
    per_file: int
    head: str
    comment: str
    written: Callable[[Node, int, int], str]

    def files(self, nodes: Sequence[Node]) -> dict[str, tuple[Node, ...]]:
        """The files by their path in the project, with the tasks of each."""
        starts = range(0, len(nodes), self.per_file)
        return {f"tasks/{nodes[i].name}{self.suffix}": tuple(nodes[i : i + self.per_file]) for i in starts}

    def text(self, nodes: Sequence[Node], said: Mapping[str, Said]) -> str:
        """The text of a file that holds these tasks."""
        return self.head + "".join(self.written(node, *said[node.name]) for node in nodes)


def in_ibis(node: Node, constant: int, low: int) -> str:
    """One task as a Python function; its query gives what that of `query` does."""
    body = _below(node, constant) if node.upstream else _top(node, constant, low)
    return f"\n\n@task\ndef {node.name}(ctx):\n" + "".join(f"    {line}\n" for line in body)


def _top(node: Node, constant: int, low: int) -> list[str]:
    more = "".join(f", {c}=_.{c}" for c in extras(node))
    columns = f"g=_.k % {GROUPS}, x=(_.x + {shift(node, constant)}) % {MODULUS}, s=_.s{more}"
    return [f'return ctx.table("base").filter(_.k >= {-low}, _.k < {2 * GROUPS}).select({columns})']


def _below(node: Node, constant: int) -> list[str]:
    aliases = "abc"[: len(node.upstream)]
    lines = [f'a = ctx.table("{node.upstream[0]}")']
    for alias, name in zip(aliases[1:], node.upstream[1:], strict=True):
        lines.append(f'{alias} = ctx.table("{name}").select("g", x_{alias}=_.x)')
    joined = "a" + "".join(f'.join({alias}, "g")' for alias in aliases[1:])
    total = " + ".join(["_.x", *(f"_.x_{alias}" for alias in aliases[1:])])
    more = "".join(f", {c}=_.{c}.max()" for c in extras(node))
    columns = f"x=(({total}).max() + {constant}) % {MODULUS}, s=_.s.max(){more}"
    return [*lines, f'return {joined}.group_by("g").agg({columns})']


SQL = Form(".sql", 1, "", "--", query)
IBIS = Form(".py", 1, _IMPORTS, "#", in_ibis)
#: A hundred functions in a file: what is loaded for an edit of one of them.
IBIS_MANY = Form(".py", 100, _IMPORTS, "#", in_ibis)
