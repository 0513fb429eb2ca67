"""What the service manager hears, over real sockets of both kinds."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from relspec.edges.supervisor import Supervisor


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@relspec-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.setblocking(False)
        yield address, listening


def heard(listening: socket.socket) -> list[str]:
    words = []
    while True:
        try:
            words.append(listening.recv(4096).decode())
        except BlockingIOError:
            return words


def test_each_word_is_a_datagram(manager: tuple[str, socket.socket]) -> None:
    address, listening = manager
    told = Supervisor.of({"NOTIFY_SOCKET": address})
    told.ready()
    told.status("revision 7, 0 problem(s)" + "x" * 1000)
    told.alive()
    told.stopping()
    assert heard(listening) == [
        f"READY=1\nMAINPID={os.getpid()}",
        f"STATUS=revision 7, 0 problem(s){'x' * 476}",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


@pytest.mark.parametrize(
    ("variables", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_where_it_is_ours(variables: dict[str, str], watchdog_s: float | None) -> None:
    environment = {"NOTIFY_SOCKET": "/run/nobody", "PATH": "/bin", **variables}
    assert Supervisor.of(environment).watchdog_s == watchdog_s
    assert environment == {"PATH": "/bin"}, "no child takes these words for its own"


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1", "/nowhere/at/all", "/" + "x" * 200])
def test_a_manager_that_cannot_be_reached_is_nobodys_concern(address: str | None) -> None:
    told = Supervisor.of({} if address is None else {"NOTIFY_SOCKET": address})
    told.ready()
    told.status("a\ud800")


def test_a_manager_that_does_not_listen_holds_nobody_up(manager: tuple[str, socket.socket]) -> None:
    address, _ = manager
    told = Supervisor.of({"NOTIFY_SOCKET": address})
    for _ in range(2000):
        told.alive()
