"""What task code prints, where it cannot go to the daemon's log any more."""

import os

import pytest

from relspec.edges.loader.output import Output


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_a_log_that_is_gone_costs_the_lines_alone(kind: str) -> None:
    reading, writing = os.pipe()
    ours, theirs = os.pipe() if kind == "pipe" else os.openpty()
    output = Output(reading, theirs)
    os.write(writing, b"one\n")
    assert output.pump()
    assert os.read(ours, 100).strip() == b"[task code] one"
    os.close(ours)
    os.write(writing, b"two\n" * 3000)
    assert output.pump(), "the loader reads on"
    for descriptor in (writing, theirs):
        os.close(descriptor)
    output.close()
