"""What a warm parent and the process that started it say to each other about children; each message is one datagram."""

import errno
import os

import msgspec

#: A message is a few numbers and paths; the longest datagram that is read.
CONTROL_BYTES_MAX = 1 << 14
#: As many descriptors come with a message at most.
DESCRIPTORS_MAX = 2
#: Why a message came without its descriptors: they were dropped where its receiver has as many files open as it may.
TOO_MANY_FILES = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
#: Stands for the wait status of a child whose parent ended first.
PARENT_GONE = -1


class Kill(msgspec.Struct, tag="kill", frozen=True):
    """End a child and all that it started, now; of no effect when it is gone."""

    ticket: int


class Forked(msgspec.Struct, tag="forked", frozen=True):
    """A child runs. With this comes a pid descriptor of it."""

    ticket: int
    pid: int


class Refused(msgspec.Struct, tag="refused", frozen=True):
    """There is no room for a child; `why` is the system's word."""

    ticket: int
    why: str


class Exited(msgspec.Struct, tag="exited", frozen=True):
    """A child ended and was reaped; `status` is that of `waitpid`. `cause` and `message` say what it was ended for."""

    ticket: int
    status: int
    cause: str | None = None
    message: str = ""


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The parent itself cannot serve, and ends."""

    message: str


Report = Forked | Refused | Exited | Failed
