"""Which versions of things a result was made with.

A newer parser may read a text in another way, a newer engine may compute in another way. So what was compiled by
another toolchain is compiled again, and what was read from files by another one is read again. Whether anything
executes is decided as ever, from keys. Only `engine` is part of a key: two compilers that hand over the same query are
alike.
"""

import msgspec


class Toolchain(msgspec.Struct, frozen=True):
    """`engine` names what executes and hashes rows; `compiler` names all that turns a task into a query."""

    engine: str
    compiler: str

    @property
    def whole(self) -> str:
        """Both, as one text."""
        return f"{self.compiler}, {self.engine}"

    def difference(self, before: str) -> str:
        """Say what this one has that `before`, the whole of another one, had not."""
        old, new = before.split(", "), self.whole.split(", ")
        lost, found = [p for p in old if p not in new], [p for p in new if p not in old]
        return f"{', '.join(lost) or 'nothing'} became {', '.join(found) or 'nothing'}"
