"""A stream whose reader leaves: real pipes, real terminals, the device that is always full."""

import io
import os
from pathlib import Path

import pytest

from relspec.ui.outlet import LOG_BYTES_MAX, Outlet


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


def test_a_log_of_our_own_is_begun_anew_before_it_grows_for_ever(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    with log.open("a") as stream, log.open("a") as other:
        outlet = Outlet(stream, log)
        for number in range(LOG_BYTES_MAX // 1000 + 10):
            outlet.write(f"{number} {'x' * 1000}\n")
            outlet.flush()
        # Task code goes on to write there too.
        other.write("task code\n")
    lines = log.read_text().splitlines()
    assert lines[-1] == "task code"
    assert log.stat().st_size < 20_000
    older = (tmp_path / "daemon.log.1").read_text().splitlines()
    assert [line.split()[0] for line in (*older, *lines[:-1])] == [str(n) for n in range(LOG_BYTES_MAX // 1000 + 10)]


def test_a_log_that_was_taken_away_is_kept_short_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    with log.open("a") as stream:
        log.unlink()
        outlet = Outlet(stream, log)
        outlet.write("x" * (LOG_BYTES_MAX + 1))
        outlet.flush()
        assert os.fstat(stream.fileno()).st_size == 0
    assert not log.exists()
