"""`daemon`: watch and rebuild until stopped, here or in the background."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, Protocol, TextIO, cast

from relspec.core.errors import DaemonLostError, StateBusyError, StateError
from relspec.core.layout import Layout
from relspec.core.progress import Progress
from relspec.edges.ask import ask
from relspec.ui.cli.call import Call, Outcome, outcome_of
from relspec.ui.cli.output import error_of, page_for
from relspec.ui.lines import Lines
from relspec.ui.outlet import LOG_BYTES_MAX
from relspec.ui.render.page import Page
from relspec.ui.render.text import escape
from relspec.ui.spool import Spool

#: A daemon answers before its first build; on a cold disk the imports alone may take seconds.
START_S = 30.0
_LOOK_S = 0.02
_TAIL_BYTES = 4000
_LOG_NAME = "daemon.log"


def arguments(parser: ArgumentParser) -> None:
    """Declare where the daemon lives."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--detach", action="store_true", help="in the background, with its log in state/daemon.log")
    place.add_argument("--systemd-unit", action="store_true", help="only print a unit for your systemd that runs it")
    parser.add_argument("--trace", metavar="FILE", help="write where the time goes, for a trace viewer")


def run(call: Call) -> Outcome:
    """Run until stopped, or start a background process and return once it answers."""
    layout = call.layout()
    if hasattr(call.options, "systemd_unit"):
        return _unit(layout)
    return _detached(call, layout) if hasattr(call.options, "detach") else _attached(call, layout)


def _unit(layout: Layout) -> Outcome:
    # Start-up time: no other command needs it.
    from relspec.ui.unit import unit, unit_name  # noqa: PLC0415

    document = {"name": unit_name(layout.root), "unit": unit(layout.root, _command(layout))}
    return outcome_of(layout, (0, document), lambda document, _: document["unit"].splitlines())


def _command(layout: Layout, *options: str) -> list[str]:
    # -P keeps the project's folder off the path: a user's `json.py` must not become the daemon's.
    return [sys.executable, "-P", "-m", "relspec.ui.cli", "daemon", *options, "--project", str(layout.root)]


def _refuse_second(layout: Layout) -> None:
    """Raise StateBusyError where a daemon answers, a cheap question; between two that start the lock decides."""
    running = ask(layout, "ping", {}, START_S)
    if running is not None:
        raise StateBusyError(f"a daemon runs already (pid {running[1]['pid']})")


def _attached(call: Call, layout: Layout) -> Outcome:
    _refuse_second(layout)
    # Start-up time: this imports asyncio, which no other command needs.
    from relspec.app.serving import run as watch  # noqa: PLC0415

    stream = sys.stderr if call.json else sys.stdout
    with Spool(stream, _own_log(stream, layout)) as spool, _listener(spool, layout) as listener:
        exit_code = watch(layout, listener, lambda: _let_go(listener, spool), _trace_of(call))
    return outcome_of(layout, (exit_code, {"ok": exit_code == 0}), lambda *_: [])


def _trace_of(call: Call) -> Path | None:
    trace = getattr(call.options, "trace", None)
    return None if trace is None else Path(trace).absolute()


def _trace_options(call: Call) -> tuple[str, ...]:
    trace = _trace_of(call)
    return () if trace is None else ("--trace", str(trace))


class _Listener(Protocol):
    def __call__(self, event: Progress) -> None:
        """Tell one event."""

    def let_go(self) -> None:
        """Leave the stream fit for others, at once."""


def _let_go(listener: _Listener, spool: Spool) -> None:
    listener.let_go()
    spool.drain()


def _listener(spool: Spool, layout: Layout) -> AbstractContextManager[_Listener]:
    stream = cast("TextIO", spool)
    page = page_for(stream, layout.root)
    if not stream.isatty():
        return nullcontext(Lines(stream, page))
    # Start-up time and memory: a daemon whose output goes to a log never needs rich.
    from rich.console import Console  # noqa: PLC0415

    from relspec.ui.live import LiveView  # noqa: PLC0415

    return LiveView(Console(file=stream), page.source)


def _own_log(stream: TextIO, layout: Layout) -> Path | None:
    """The log of a detached daemon, if this stream appends to it; nobody else's file is kept short."""
    log = layout.state / _LOG_NAME
    with contextlib.suppress(OSError, ValueError):
        appends = fcntl.fcntl(stream.fileno(), fcntl.F_GETFL) & os.O_APPEND
        if appends and os.path.samestat(os.fstat(stream.fileno()), log.stat()):
            return log
    return None


def _detached(call: Call, layout: Layout) -> Outcome:
    _refuse_second(layout)
    try:
        layout.state.mkdir(mode=0o700, exist_ok=True)
        log = _log(layout)
    except OSError as error:
        raise StateError(f"cannot write {layout.state}: {error.strerror}") from error
    start = log.stat().st_size
    process, answer = _started(layout, log, *_trace_options(call))
    with answer:
        try:
            pid = _answering(layout, process)
        except KeyboardInterrupt:
            process.terminate()
            raise
        if pid is None:
            return _failed(process, answer, (log, start))
    document = {"pid": pid, "log": str(log)}
    return outcome_of(layout, (0, document), _started_lines)


def _failed(process: "subprocess.Popen[bytes]", answer: IO[bytes], log: tuple[Path, int]) -> Outcome:
    """Say why it did not start: with its own error, or where it could not tell one with the end of its log."""
    if process.poll() is None:
        process.kill()
    code = process.wait()
    answer.seek(0)
    try:
        error = json.loads(answer.read())["error"]
    except (ValueError, KeyError):
        place, start = log
        tail = _tail(place, start) or "it said nothing"
        return error_of(code if code in {1, 2} else 1, "no-start", f"the daemon did not start:\n{tail}", f"see {place}")
    return error_of(code, error["code"], error["message"], error["hint"])


def _started_lines(document: Mapping[str, Any], _page: Page) -> list[str]:
    return [f"daemon started (pid {document['pid']}), log in {escape(document['log'])}"]


def _log(layout: Layout) -> Path:
    """Take the log file, and begin a new one where it has grown: one older is kept."""
    log = layout.state / _LOG_NAME
    log.touch(mode=0o600)
    if log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
    return log


def _started(layout: Layout, log: Path, *options: str) -> tuple["subprocess.Popen[bytes]", IO[bytes]]:
    """Start the process: it, and a file in memory in which its document is when it ends. Its log may be others' too."""
    answer = open(os.memfd_create("answer"), "w+b", buffering=0)  # noqa: SIM115 - the caller closes it.
    with log.open("ab") as file:
        return subprocess.Popen(
            _command(layout, "--json", *options),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=file,
            start_new_session=True,
        ), answer


def _answering(layout: Layout, process: subprocess.Popen[bytes]) -> int | None:
    """Wait until this process answers on the socket; `None` when it ended or took too long."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            reply = ask(layout, "ping", {}, START_S)
        except DaemonLostError:
            reply = None
        if reply is not None and reply[1]["pid"] == process.pid:
            return process.pid
        time.sleep(_LOOK_S)
    return None


def _tail(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(max(start, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace").strip()
