"""What a parent does about descriptors: a number that was given to another is not taken for the first."""

import os
import socket

from relspec.edges.forks import Forks


def test_what_was_let_go_of_in_a_batch_is_not_acted_on_by_the_number_of_another() -> None:
    """Caught: the output of a new session was pumped, and no longer watched, in the name of one that had ended."""
    mine, daemons = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    forks = Forks(mine, lambda *_: None)
    acted: list[str] = []
    pipes = [os.pipe(), os.pipe()]
    another: list[int] = []

    def first_of(at: int) -> None:
        """Whoever is first lets go of the other, whose number goes to a new one that has nothing to read."""
        acted.append("first")
        if another:
            return
        old = pipes[1 - at][0]
        forks.unwatch(old)
        os.close(old)
        another.extend(os.pipe())
        assert another[0] == old
        forks.watch(old, lambda: acted.append("another"))

    for at, (reading, writing) in enumerate(pipes):
        os.write(writing, b"x")
        forks.watch(reading, lambda at=at: first_of(at))  # type: ignore[misc]
    assert forks.turn(5)
    assert acted == ["first"]
    os.write(another[1], b"y")
    assert forks.turn(5)
    assert "another" in acted
    daemons.close()
    forks.close()
    mine.close()
