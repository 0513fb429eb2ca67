"""What task code prints: passed on with a prefix up to a bound, harmless to a terminal, and never in anybody's way."""

import os
from pathlib import Path

import pytest

from relspec.edges.loader.output import Output

NOTE = "[task code] (what this build prints from here on is not shown: output_kb under [limits] in watch.toml)\n"


def printed(log: Path, pieces: list[bytes], shown_bytes_max: int = 1000) -> str:
    """What the log has when a process has printed these pieces."""
    reading, writing = os.pipe()
    target = os.open(log, os.O_RDWR | os.O_CREAT)
    output = Output(reading, target, shown_bytes_max)
    for piece in pieces:
        os.write(writing, piece)
        assert output.pump()
    os.close(writing)
    output.close()
    os.close(target)
    return log.read_text() if log.is_file() else ""


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        ([b"one\ntwo\n"], "[task code] one\n[task code] two\n"),
        ([b"on", b"e\n"], "[task code] one\n"),
        ([b"50 %\r100 %\n"], "[task code] 50 %\n[task code] 100 %\n"),
        ([b"\x1b[2J\x07\x00\xc2\x9b\n"], "[task code] \\x1b[2J\\x07\\x00\\xc2\\x9b\n"),
        (["tab\tund Umlaut ü\n".encode()], "[task code] tab\tund Umlaut ü\n"),
    ],
)
def test_lines_are_marked_and_give_a_terminal_no_orders(tmp_path: Path, pieces: list[bytes], shown: str) -> None:
    assert printed(tmp_path / "log", pieces) == shown


@pytest.mark.parametrize("pieces", [[b"x" * 99 + b"\n", b"y" * 5000, b"z" * 5000], [b"x" * 99 + b"\n"] * 50])
def test_what_is_beyond_the_bound_is_cut_once_with_a_note(tmp_path: Path, pieces: list[bytes]) -> None:
    shown = printed(tmp_path / "log", pieces, 100)
    assert shown == f"[task code] {'x' * 99}\n{NOTE}"


def test_a_bound_of_nothing_leaves_the_note(tmp_path: Path) -> None:
    assert printed(tmp_path / "log", [b"x\n"], 0) == NOTE


def test_what_fits_exactly_has_no_note(tmp_path: Path) -> None:
    assert printed(tmp_path / "log", [b"x" * 9 + b"\n"], 10) == f"[task code] {'x' * 9}\n"


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    assert printed(Path("/dev/full"), [b"lost\n", b"lost as well\n"]) == ""


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_a_log_that_is_gone_costs_the_lines_alone(kind: str) -> None:
    reading, writing = os.pipe()
    ours, theirs = os.pipe() if kind == "pipe" else os.openpty()
    output = Output(reading, theirs, 1 << 20)
    os.write(writing, b"one\n")
    assert output.pump()
    assert os.read(ours, 100).strip() == b"[task code] one"
    os.close(ours)
    os.write(writing, b"two\n" * 3000)
    assert output.pump(), "the loader reads on"
    for descriptor in (writing, theirs):
        os.close(descriptor)
    output.close()
