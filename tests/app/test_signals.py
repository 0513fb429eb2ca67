"""Signals to a small process that ends as the daemon does, or does not come to it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

LIFE = """
import asyncio, signal, sys, time
from relspec.app.signals import Ending

how = sys.argv[1]

async def life():
    ended = asyncio.Event()
    ending = Ending(lambda: print("let go", flush=True))
    if how == "early":
        print("ready", flush=True)
        while not ending._is_asked:
            time.sleep(0.001)
    def stop():
        print("stop", flush=True)
        if how == "blocked":
            time.sleep(60)
        elif how != "stubborn":
            ended.set()
    ending.tell(stop)
    if how != "early":
        print("ready", flush=True)
    await ended.wait()
    return 130 if ending.interrupted else 0

sys.exit(asyncio.run(life()))
"""


@contextmanager
def living(how: str, *ignored: int) -> Iterator["subprocess.Popen[str]"]:
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    try:
        process = subprocess.Popen([sys.executable, "-c", LIFE, how], stdout=subprocess.PIPE, text=True)
    finally:
        for number in ignored:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    with process:
        try:
            assert said(process) == "ready"
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize(
    ("how", "number", "code"),
    [
        ("good", signal.SIGTERM, 0),
        ("good", signal.SIGHUP, 0),
        ("good", signal.SIGINT, 130),
        ("early", signal.SIGTERM, 0),
    ],
)
def test_one_signal_ends_it_in_good_order(how: str, number: signal.Signals, code: int) -> None:
    with living(how) as process:
        process.send_signal(number)
        assert said(process) == "stop"
        assert process.wait(10) == code


@pytest.mark.parametrize("how", ["stubborn", "blocked"])
def test_a_second_interrupt_ends_it_at_once_whatever_the_loop_does(how: str) -> None:
    with living(how) as process:
        process.send_signal(signal.SIGINT)
        assert said(process) == "stop"
        process.send_signal(signal.SIGINT)
        assert (said(process), process.wait(1)) == ("let go", 130)


def test_an_interrupt_after_a_termination_signal_is_the_first_one() -> None:
    with living("stubborn") as process:
        process.send_signal(signal.SIGTERM)
        assert said(process) == "stop"
        process.send_signal(signal.SIGINT)
        assert said(process) == "stop"
        assert process.poll() is None


def test_what_was_ignored_at_the_start_stays_ignored() -> None:
    with living("good", signal.SIGHUP, signal.SIGINT) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert said(process) == "stop"
        assert process.wait(10) == 0
