"""Decodes Python source, and says where its lines are.

Offsets and columns count bytes of the text as UTF-8 without a byte order mark, whatever the file is written in. Lines
end with `\\n`, `\\r\\n` or `\\r` and with nothing else, as in Python: `str.splitlines` also splits at form feeds.
"""

import re
import tokenize
from dataclasses import dataclass
from io import BytesIO

END_OF_LINE = re.compile(rb"\r\n|\n|\r")
#: Python's own decoders turn every end of line into this one.
PLAIN_END = re.compile(r"\r\n?")


class UnreadableError(Exception):
    """The bytes are no text in the encoding that they declare."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file's text, and the same as UTF-8."""

    text: str
    utf8: bytes

    @property
    def plain(self) -> str:
        """The text as Python's tokenizer sees it, where every line ends alike."""
        return PLAIN_END.sub("\n", self.text)

    def lines(self) -> list[tuple[int, int, int]]:
        """Number each line from one, with its first byte and the one after its last; its end is not part of it."""
        found: list[tuple[int, int, int]] = []
        start = 0
        for end in END_OF_LINE.finditer(self.utf8):
            found.append((len(found) + 1, start, end.start()))
            start = end.end()
        if start < len(self.utf8):
            found.append((len(found) + 1, start, len(self.utf8)))
        return found


def decoded(content: bytes) -> SourceText:
    """Decode as Python does, by byte order mark or declaration. Raises UnreadableError."""
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
        text = content.decode(encoding)
        # Some encodings can spell lone surrogates, which are no text.
        return SourceText(text, text.encode())
    except SyntaxError as error:
        raise UnreadableError(error.msg) from error
    except (ValueError, LookupError) as error:
        raise UnreadableError(str(error)) from error


def line_count(content: bytes) -> int:
    """Count the lines of bytes that are no text."""
    ends = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    return ends + (1 if content and not content.endswith((b"\n", b"\r")) else 0)
