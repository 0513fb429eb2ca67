"""A stream whose reader leaves: real pipes, real terminals, the device that is always full."""

import io
import os
from pathlib import Path

import pytest

from relspec.ui.outlet import Outlet


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_when_the_reader_is_gone_the_descriptor_leads_nowhere_and_nothing_is_raised(kind: str) -> None:
    ours, theirs = os.pipe() if kind == "pipe" else os.openpty()
    with open(theirs, "w") as stream:
        outlet = Outlet(stream)
        outlet.write("one\n")
        outlet.flush()
        assert os.read(ours, 100).strip() == b"one"
        os.close(ours)
        for _ in range(3):
            outlet.write("two\n")
            outlet.flush()
        assert Path(f"/proc/self/fd/{theirs}").readlink() == Path(os.devnull)
        # What others write there, such as task code, does no harm either.
        os.write(theirs, b"three")


def test_a_full_disk_costs_lines_and_no_more() -> None:
    with open("/dev/full", "w") as stream:
        outlet = Outlet(stream)
        for _ in range(2000):
            outlet.write("a line that cannot be written\n")
            outlet.flush()
        assert Path(f"/proc/self/fd/{stream.fileno()}").readlink() == Path("/dev/full")
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def test_what_a_stream_cannot_spell_is_written_as_its_code() -> None:
    raw = io.BytesIO()
    outlet = Outlet(io.TextIOWrapper(raw, "ascii"))
    outlet.write("tables/größe…\n")
    outlet.flush()
    assert raw.getvalue() == b"tables/gr\\xf6\\xdfe\\u2026\n"


def test_a_closed_stream_takes_everything() -> None:
    stream = io.StringIO()
    stream.close()
    outlet = Outlet(stream)
    outlet.write("x")
    outlet.flush()
