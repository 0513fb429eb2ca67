"""The user's hands: what a step does to the files, whether or not a daemon lives."""

from collections.abc import Callable

from tests.sim.disk import CLOSE_WRITE, Disk, Inode
from tests.sim.script import Step

ROOT = "/project"
LOCK = f"{ROOT}/.git/index.lock"


class Hands:
    """Carries out steps on one disk. `forged_ns` is what the times of steps count from."""

    def __init__(self, disk: Disk, forged_ns: int) -> None:
        self._disk = disk
        self._forged_ns = forged_ns
        self._open: dict[str, Inode] = {}
        self._verbs: dict[str, Callable[[str, Step], None]] = {
            "put": self._put,
            "over": self._over,
            "silent": self._over,
            "open": self._begin,
            "add": self._add,
            "close": self._close,
            "touch": self._touch,
            "forge": self._touch,
            "delete": self._delete,
            "swap": self._swap,
            "lock": lambda _path, _step: disk.create(LOCK) and None,
            "unlock": lambda _path, _step: self._delete(LOCK, _step),
        }

    def can(self, verb: str) -> bool:
        """Whether a verb is one on files."""
        return verb in self._verbs

    def do(self, step: Step) -> None:
        """Do what a step says, as far as it can be done."""
        self._verbs[step.verb](f"{ROOT}/{step.path}", step)

    def let_go(self) -> None:
        """Close all that is open, and end what git does."""
        for path in list(self._open):
            self._close(path, Step(0, "close"))
        self._delete(LOCK, Step(0, "unlock"))

    def _put(self, path: str, step: Step) -> None:
        folder, _, name = path.rpartition("/")
        self._disk.create(f"{folder}/.new-{name}", step.text.encode())
        self._disk.replace(f"{folder}/.new-{name}", path)

    def _over(self, path: str, step: Step) -> None:
        if self._disk.has(path):
            self._disk.write(path, step.text.encode(), silent=step.verb == "silent")
        else:
            self._disk.create(path, step.text.encode())

    def _begin(self, path: str, step: Step) -> None:
        if not self._disk.has(path):
            self._disk.create(path)
        self._open[path] = self._disk.find(path)
        self._open[path].writers += 1
        self._disk.write(path, b"")

    def _add(self, path: str, step: Step) -> None:
        inode = self._open.get(path)
        if inode is None:
            return
        inode.data += step.text.encode()
        inode.mtime_ns = inode.ctime_ns = self._disk.stamp()
        # It may have lost its name meanwhile.
        if self._disk.has(path) and self._disk.find(path) is inode:
            self._disk.write(path, inode.data)

    def _close(self, path: str, step: Step) -> None:
        inode = self._open.pop(path, None)
        if inode is None:
            return
        inode.writers -= 1
        if self._disk.has(path):
            self._disk.say(path, CLOSE_WRITE)

    def _touch(self, path: str, step: Step) -> None:
        if self._disk.has(path):
            forged = self._forged_ns + step.number * 1_000_000
            self._disk.utime(path, forged if step.verb == "forge" else None)

    def _delete(self, path: str, step: Step) -> None:
        if self._disk.has(path):
            self._disk.unlink(path)

    def _swap(self, path: str, step: Step) -> None:
        """Put another folder with the same files in the place of one."""
        files = [(name.removeprefix(path), inode.data) for name, inode in self._disk.files(path)]
        self._disk.replace(path, f"{path}.old")
        self._disk.make_folders(path)
        for name, data in files:
            self._disk.create(f"{path}{name}", data)
        self._disk.unlink(f"{path}.old")
