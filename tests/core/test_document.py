"""Documents as JSON text: what is text already goes in as it is, and says the same as the values that it came from."""

import json
import os
from typing import Any

import pytest

from relspec.core.document import EncodedList, encoded, encoded_document, opened

LINES = [{"name": f"é{n}", "file": os.fsdecode(b"caf\xe9"), "rows": n, "ms": None} for n in range(1000)]


@pytest.mark.parametrize("n", [0, 1, 2, 256, 257, 1000])
def test_text_and_values_say_the_same(n: int) -> None:
    document = {"ok": True, "tasks": EncodedList([encoded(line) for line in LINES[:n]]), "problems": [{"line": 1}]}
    plain: dict[str, Any] = {"ok": True, "tasks": LINES[:n], "problems": [{"line": 1}]}
    assert b"".join(encoded_document(document)) == encoded(plain) == json.dumps(plain).encode()
    assert opened(document) == plain


def test_a_number_that_json_does_not_have_is_null() -> None:
    value = {"rows": [[float("nan"), float("inf"), 1.5]], "more": (-float("inf"), 2)}
    assert encoded(value) == b'{"rows": [[null, null, 1.5]], "more": [null, 2]}'


def test_an_empty_document_is_one() -> None:
    assert b"".join(encoded_document({})) == b"{}"
