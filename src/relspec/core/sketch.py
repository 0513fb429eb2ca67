"""What the text of a Python file says, by its tokens: whether two versions of it can give different queries.

Comments, blank lines, and how lines are broken within brackets are no tokens. Where code can see nothing else of its
own text, two versions of the same tokens do the same. So there is a sketch only of files that cannot: they import what
is known to be blind to its caller, and hold no name that leads to frames, sources or other files.

Within a file, the body of one task can matter to another one only by the functions that both call and the objects that
both reach. Where no body is mentioned, and nothing that the file holds can be changed, `rest` and the own body are all
that a builder is. In doubt there is no `rest`, or no sketch: then everything is loaded and built, which is never wrong.
"""

import itertools
import re
import tokenize
from collections.abc import Iterator, Mapping

import msgspec

from relspec.core.digest import digest_of


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Modules that neither look at who calls them nor hold what a caller can change for others; of `relspec` the top only.
_BLIND = _words(
    "__future__ collections dataclasses datetime decimal enum functools ibis itertools json math numbers operator re"
    " string typing uuid"
)
#: Built-in functions that reach what no name says.
_REACHING = _words(
    "breakpoint compile delattr dir eval exec getattr globals help input locals memoryview open setattr vars"
)
#: Names by which the modules above lead to files, frames and sources, or to settings that all share.
_LEADING = _words(
    "ag_frame attrgetter bltns builtins codecs connect cr_frame currentframe f_back f_code f_globals f_lineno gc"
    " getcontext gi_frame importlib inspect io linecache localcontext methodcaller options os pathlib set_backend"
    " setcontext sys tb_frame tb_lineno tokenize traceback warnings _sys _os _io _warnings"
)
_HARMLESS = _words("__future__ __all__ __name__ __main__")
#: A text that may name attributes when it is formatted.
_FORMATTING = re.compile(r"\{.*?(__|\\[xuUN0-7])", re.DOTALL)
_SKIPPED = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER, tokenize.NEWLINE})
_CONTROL = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f]|\r(?!\n)|\\\r?\n")
_WORD = re.compile(r"\w+")
#: What an assignment at the top may be made of: nothing that can be changed afterwards.
_FIXED = re.compile(r"[-+*/(),.\d]+|[\d._]+\w*|True|False|None|[rRbBuU]?['\"].*", re.DOTALL)
#: What neither keeps what a function gave nor runs it.
_DECORATORS = _words("task extract ibis relspec")
_ASSIGNING = re.compile(r"(?:[-+*/%@&|^]|//|>>|<<|\*\*)?=")
_LEADS = frozenset({"@", "def", "async"})


class Line(msgspec.Struct, frozen=True):
    """A logical line: how deep it is indented, its tokens, and in which row it begins."""

    depth: int
    tokens: tuple[str, ...]
    row: int


class Sketch(msgspec.Struct, frozen=True):
    """A file's tokens as digests: the whole, what is outside of tasks' bodies, and each body by its function.

    `rest` is `None` where what one body does may matter to another. `rows` are those in which definitions begin.
    `imports` are the modules of the project that it names, without a name where they are relative.
    """

    whole: str
    rest: str | None
    bodies: Mapping[str, str]
    rows: tuple[int, ...]
    imports: frozenset[str]


def sketch_of(data: bytes) -> Sketch | None:
    """Sketch a Python file; `None` where its code may see more of its text than tokens. Cost: 4 us a token."""
    lines = _lines(data)
    if lines is None:
        return None
    imports = frozenset(name for line in lines for name in _imported(line.tokens))
    bodies, rest = _parted(lines)
    apart = _is_apart(rest, lines, frozenset(bodies))
    return Sketch(
        whole=_digest(lines),
        rest=_digest(rest) if apart else None,
        bodies={name: _digest(body) for name, body in bodies.items()},
        rows=tuple(line.row for line in lines if line.tokens[0] in _LEADS),
        imports=frozenset(name for name in imports if name != "relspec" and name.partition(".")[0] not in _BLIND),
    )


def _lines(data: bytes) -> list[Line] | None:
    """Read a file as logical lines; `None` where it cannot be read, or says what leads to its text."""
    # Some are ends of lines to Python alone, others keep it from compiling wherever they stand, or lines from ending.
    if _CONTROL.search(data):
        return None
    readline = iter(data.splitlines(keepends=True)).__next__
    lines: list[Line] = []
    tokens: list[str] = []
    depth, row, before = 0, 0, ""
    try:
        for token in tokenize.tokenize(readline):
            if token.type == tokenize.ENCODING and token.string != "utf-8":
                return None
            if token.type in (tokenize.INDENT, tokenize.DEDENT):
                depth += 1 if token.type == tokenize.INDENT else -1
            elif token.type == tokenize.NEWLINE and tokens:
                lines.append(Line(depth, tuple(tokens), row))
                tokens = []
            elif token.type not in _SKIPPED:
                if token.type == tokenize.ERRORTOKEN or _leads_out(token, before):
                    return None
                row = row if tokens else token.start[0]
                tokens.append(token.string)
                before = token.string
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
    return lines if not tokens else None


def _leads_out(token: tokenize.TokenInfo, before: str) -> bool:
    """Whether a token may lead code to its own text, or to names that it does not say."""
    text = token.string
    if token.type == tokenize.NAME:
        if not text.isascii() or (text.startswith("__") and text not in _HARMLESS):
            return True
        return text in _LEADING or (text in _REACHING and before != ".")
    if token.type in (tokenize.OP, tokenize.NUMBER):
        return False
    # Up to Python 3.11 the code inside of an f-string is text.
    inside = _WORD.findall(text) if "{" in text else ()
    return bool(_FORMATTING.search(text)) or any(word in _LEADING or word in _REACHING for word in inside)


def _imported(tokens: tuple[str, ...]) -> Iterator[str]:
    """List the modules that a line imports, wherever in it the statement stands; none is "" where it is relative."""
    for at, word in enumerate(tokens):
        if word == "from" and "import" in tokens[at:]:
            yield _module(tokens[at + 1 : tokens.index("import", at)])
        elif word == "import" and "from" not in tokens[:at]:
            for part in " ".join(tokens[at + 1 :]).split(" , "):
                yield _module(tuple(part.partition(" as ")[0].split()))


def _module(parts: tuple[str, ...]) -> str:
    return "" if not parts or parts[0].startswith(".") else "".join(parts)


def _parted(lines: list[Line]) -> tuple[dict[str, list[Line]], list[Line]]:
    """Take the bodies of tasks at the top of a file apart from the rest."""
    bodies: dict[str, list[Line]] = {}
    rest: list[Line] = []
    body = rest
    for at, line in enumerate(lines):
        if line.depth == 0:
            body = rest
        body.append(line)
        if line.depth == 0 and _is_task(lines[max(at - 2, 0) : at + 1]):
            body = bodies.setdefault(line.tokens[1], [])
    return bodies, rest


def _is_task(lines: list[Line]) -> bool:
    """Whether the last of these lines begins a function with `@task` and no other decorator."""
    if len(lines) < 2 or lines[-1].tokens[0] != "def" or lines[-1].tokens[-1] != ":":
        return False
    above = lines[-3].tokens if len(lines) == 3 else ()
    return lines[-2].depth == 0 and lines[-2].tokens[:2] == ("@", "task") and above[:1] != ("@",)


def _is_apart(rest: list[Line], lines: list[Line], tasks: frozenset[str]) -> bool:
    """Whether no body can matter to another: nothing calls it, and nothing that two of them reach can be changed."""
    if not all(_is_fixed(line) for line in rest if line.depth == 0):
        return False
    if any(_changes(line.tokens) for line in lines if line.depth > 0):
        return False
    if any("task" in _mentions(line.tokens) and not _gives_task(line) for line in lines):
        return False
    return not any(tasks & _mentions(line.tokens) for line in lines)


def _is_fixed(line: Line) -> bool:
    """Whether a line at the top of a file leaves nothing behind that can be changed later."""
    first, *more = line.tokens
    if not more:
        return first[-1] in "'\""
    if first in ("import", "from"):
        return "*" not in more and ";" not in more
    if first == "@":
        return more[0] in _DECORATORS
    if first == "def":
        simple = "=" not in more or (more.count("(") == 1 and "[" not in more and "{" not in more)
        return simple and more[-1] == ":" and more[0] != "task"
    if "=" in more and first.isidentifier() and (more[0] == "=" or more[0] == ":"):
        return all(_FIXED.fullmatch(token) for token in more[more.index("=") + 1 :])
    return False


def _changes(tokens: tuple[str, ...]) -> bool:
    """Whether a line inside of a function may change what is not its own."""
    if not {"global", "del", "class", "import"}.isdisjoint(tokens):
        return True
    nested, targets = 0, 0
    for at, word in enumerate(tokens):
        nested += (word in "([{") - (word in ")]}")
        if nested == 0 and _ASSIGNING.fullmatch(word):
            targets = at
        if word == "for" and _is_place(tuple(itertools.takewhile(lambda part: part != "in", tokens[at:]))):
            return True
        if word == "as" and _is_place(tokens[at : at + 3]):
            return True
    return _is_place(tokens[:targets])


def _is_place(tokens: tuple[str, ...]) -> bool:
    """Whether what is assigned to may be a place in something else."""
    return "." in tokens or "[" in tokens


def _mentions(tokens: tuple[str, ...]) -> frozenset[str]:
    """List the names that a line reads or writes; not attributes, keywords of calls, and what it defines."""
    found: set[str] = set()
    nested = 0
    for at, word in enumerate(tokens):
        nested += (word in "([{") - (word in ")]}")
        before, after = tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else ""
        if word.isidentifier() and before not in (".", "def") and not (nested and after == "="):
            found.add(word)
        elif "{" in word:
            found.update(_WORD.findall(word))
    return frozenset(found)


def _gives_task(line: Line) -> bool:
    """Whether a line takes `task` from where it belongs, or decorates with it."""
    tokens = line.tokens
    return line.depth == 0 and (tokens[:2] == ("@", "task") or (tokens[:3] == ("from", "relspec", "import")))


def _digest(lines: list[Line]) -> str:
    return digest_of("sketch", *(f"{line.depth}\0" + "\0".join(line.tokens) for line in lines))
