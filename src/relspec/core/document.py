"""Documents as JSON text: one way for what goes through the daemon's socket and for what a command prints.

A list whose items are text already goes in as it is. Whoever needs its values reads that text: there is no second
making of it that could say something else.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

#: So many items of a list go together. Copied as one text, 10,000 of them would cost 3 ms for each copy.
_ITEMS = 256
_STANDARD = json.JSONEncoder(allow_nan=False)


@dataclass(frozen=True, slots=True)
class EncodedList:
    """A list in a document whose items are JSON already, each as `encoded` gave it."""

    items: Sequence[bytes]


def encoded(value: Any) -> bytes:
    """Write plain values as standard JSON; a number that it does not have is `null`.

    In ASCII: a file name that is no UTF-8 travels as escaped lone surrogates, which msgspec refuses.
    """
    try:
        return _STANDARD.encode(value).encode()
    except ValueError:
        return _STANDARD.encode(_finite(value)).encode()


def encoded_document(document: Mapping[str, Any]) -> Iterator[bytes]:
    """Write a document, whose own values may be encoded lists, in pieces."""
    yield b"{"
    for number, (key, value) in enumerate(document.items()):
        yield (b", " if number else b"") + encoded(key) + b": "
        if isinstance(value, EncodedList):
            yield from _listed(value.items)
        else:
            yield encoded(value)
    yield b"}"


def opened(document: Mapping[str, Any]) -> Document:
    """Give a document whose values are plain, for whoever looks into it."""
    return {k: list(map(json.loads, v.items)) if isinstance(v, EncodedList) else v for k, v in document.items()}


def _listed(items: Sequence[bytes]) -> Iterator[bytes]:
    yield b"["
    for start in range(0, len(items), _ITEMS):
        yield (b", " if start else b"") + b", ".join(items[start : start + _ITEMS])
    yield b"]"


def _finite(value: Any) -> Any:
    """Say `null` for what JSON has no number for; documents are a few levels deep by their definition."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
