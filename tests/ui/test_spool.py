"""What is told while nobody reads: real pipes, real terminals."""

import fcntl
import io
import os
import re
import select
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from relspec.ui.spool import CHARS_MAX, LAST_S, Spool

#: More than a spool, a pipe and a terminal hold together.
N_LINES = 3 * CHARS_MAX // 100
DROPPED = re.compile(r"relspec-watch: (\d+) line\(s\) dropped: nobody read them\n")


def filled(spool: Spool) -> None:
    for number in range(N_LINES):
        spool.write(f"{number:099}\n")
        spool.flush()


def read_to_the_end(descriptor: int) -> bytes:
    """All that comes until the last line says so."""
    text = b""
    while not text.endswith((b"the end\n", b"the end\r\n")):
        text += os.read(descriptor, 1 << 16)
    return text


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_who_tells_never_waits_for_who_reads_and_what_was_dropped_is_told(kind: str) -> None:
    ours, theirs = os.pipe() if kind == "pipe" else os.openpty()
    with open(theirs, "w") as stream:
        spool = Spool(stream)
        filled(spool)  # Without a thread this never comes back.
        started = time.monotonic()
        spool.drain()
        assert LAST_S <= time.monotonic() - started < 10 * LAST_S

        with ThreadPoolExecutor() as pool:
            reading = pool.submit(read_to_the_end, ours)
            spool.drain()
            spool.write("the end\n")
            text = reading.result().decode().replace("\r\n", "\n")
        *lines, last = text.splitlines(keepends=True)
        told, n_dropped = 0, 0
        for line in lines:
            if dropped := DROPPED.fullmatch(line):
                told += int(dropped[1])
                n_dropped += 1
            else:
                assert line == f"{told:099}\n"  # Nothing is missing but what was told just before.
                told += 1
        assert (told, last) == (N_LINES, "the end\n")
        assert n_dropped  # More than once where a terminal took the first lines while the others came.
        os.close(ours)


def test_a_terminal_on_hold_gets_its_lines_when_it_goes_on() -> None:
    ours, theirs = os.openpty()
    with open(theirs, "w") as stream:
        spool = Spool(stream)
        termios.tcflow(theirs, termios.TCOOFF)
        spool.write("one\nthe end\n")
        spool.drain()
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):
            os.read(ours, 1)
        os.set_blocking(ours, True)
        termios.tcflow(theirs, termios.TCOON)
        assert read_to_the_end(ours) == b"one\r\nthe end\r\n"
        spool.drain()
        os.close(ours)


def test_a_process_ends_whole_though_its_last_lines_have_no_reader() -> None:
    ours, theirs = os.pipe()
    program = (
        "import sys; from relspec.ui.spool import Spool\n"
        f"with Spool(sys.stdout) as spool: [spool.write('x' * 99 + chr(10)) for _ in range({CHARS_MAX // 50})]\n"
        "sys.exit(7)"
    )
    ended = subprocess.run([sys.executable, "-c", program], stdout=theirs, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (7, b"")
    os.close(ours)
    os.close(theirs)


def test_what_is_told_to_a_log_is_all_there_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("a") as stream, Spool(stream) as spool:
        for number in range(100):
            spool.write(f"{number}\n")
    assert log.read_text() == "before\n" + "".join(f"{n}\n" for n in range(100))


@pytest.mark.parametrize("kind", ["pipe", "log"])
def test_what_has_room_is_there_when_it_was_told(tmp_path: Path, kind: str) -> None:
    """Caught: by way of the thread, which gets a turn when who tells lets it."""
    if kind == "pipe":
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
    else:
        theirs = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
        ours = os.open(tmp_path / "log", os.O_RDONLY)
    log = tmp_path / "log" if kind == "log" else None
    with open(theirs, "w", encoding="ascii") as stream, Spool(stream, log) as spool:
        for text in ("one\n", "two ä\n"):
            assert spool.write(text) == len(text)
            assert os.read(ours, 100) == text.encode("ascii", "backslashreplace")
    os.close(ours)


def test_a_pipe_with_marks_in_its_encoding_has_one_mark() -> None:
    ours, theirs = os.pipe()
    with open(theirs, "w", encoding="utf-16") as stream, Spool(stream) as spool:
        spool.write("one\n")
        spool.write("two\n")
    assert os.read(ours, 100).decode("utf-16") == "one\ntwo\n"
    os.close(ours)


def test_what_does_not_fit_into_a_pipe_at_once_comes_whole_and_in_order() -> None:
    ours, theirs = os.pipe()
    held = fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4 * select.PIPE_BUF)
    long = "x" * (2 * held) + "\n"
    with open(theirs, "w") as stream, Spool(stream) as spool, ThreadPoolExecutor() as pool:
        spool.write("first\n")
        spool.write(long)
        spool.write("the end\n")
        reading = pool.submit(read_to_the_end, ours)
        assert reading.result().decode() == f"first\n{long}the end\n"
    os.close(ours)


def test_a_pipe_without_a_reader_takes_what_nobody_wants(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    with open(theirs, "w") as stream:
        with Spool(stream) as spool:
            spool.write("one\n")
            os.close(ours)
            for _ in range(3):
                spool.write("two\n")
                spool.drain()
        # It leads nowhere from now on.
        assert os.fstat(theirs).st_rdev == os.stat(os.devnull).st_rdev


def test_a_stream_without_a_descriptor_is_written_as_it_is() -> None:
    stream = io.StringIO()
    with Spool(stream) as spool:
        spool.write("one\n")
    assert stream.getvalue() == "one\n"
    assert cast("io.StringIO", spool).getvalue() == "one\n"


def test_the_descriptor_stays_as_it_was_for_others() -> None:
    ours, theirs = os.pipe()
    with open(theirs, "w") as stream:
        before = fcntl.fcntl(theirs, fcntl.F_GETFL)
        with Spool(stream) as spool:
            spool.write("one\n")
        assert fcntl.fcntl(theirs, fcntl.F_GETFL) == before
        assert os.read(ours, 10) == b"one\n"
    os.close(ours)
