"""What people and their tools do to a project's files, with the real tools where there are some.

An act gets the project and a folder beside it. What is not installed is said, and passed by.
"""

import os
import pty
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.watching.watched import Watched

#: Files of the big bursts.
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where an act happens: the project, a folder beside it, the process that watches, and the number of the round."""

    root: Path
    aside: Path
    watched: Watched
    round: int


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done; `program` has to be installed, `wrapper` stands before the watching process."""

    name: str
    do: Callable[[Place], None]
    program: str | None = None
    wrapper: tuple[str, ...] = ()
    before: Callable[[Place], None] | None = None


def run(*words: str | Path, cwd: Path | None = None) -> None:
    """Run a tool, quietly."""
    environment = os.environ | {"HOME": str(cwd or "/"), "TERM": "xterm", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(words, cwd=cwd, env=environment, check=True, capture_output=True, timeout=120)


def text(place: Place, n: int = 0) -> str:
    """A query that no other round has."""
    return f"select {place.round} as round, {n} as n\n"


def sources(place: Place, n_files: int) -> Path:
    """A tree of code files, some levels deep."""
    top = place.aside / f"tree{place.round}"
    for n in range(n_files // 50):
        folder = top / f"d{n % 20}/e{n}"
        folder.mkdir(parents=True)
        for m in range(50):
            (folder / f"f{m}.sql").write_text(text(place, n * 50 + m))
    return top


def _copied(place: Place) -> None:
    run("cp", "-r", place.aside / f"tree{place.round}", place.root / f"tasks/copy{place.round}")


def _copied_twice_as_many(place: Place) -> None:
    _copied(place)
    run("cp", "-r", place.aside / f"tree{place.round}", place.root / f"tasks/more{place.round}")


def _rsynced(place: Place) -> None:
    run("rsync", "-a", f"{place.aside}/tree{place.round}/", place.root / "tasks/synced")


def _prepared(n_files: int) -> Callable[[Place], None]:
    def prepare(place: Place) -> None:
        sources(place, n_files)

    return prepare


def _chains(place: Place) -> None:
    for n in range(100):
        folder = place.root / f"tasks/chain{place.round}-{n}/b/c"
        folder.mkdir(parents=True)
        (folder / "x.sql").write_text(text(place, n))


def _overflow(place: Place) -> None:
    """The watching process stands still while more happens than the system's queue holds."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    os.kill(place.watched.pid, signal.SIGSTOP)
    try:
        churned = place.root / "tasks/churned.sql"
        for n in range(limit):
            churned.write_text(text(place, n))
        (place.root / f"tasks/after{place.round}.sql").write_text(text(place))
    finally:
        os.kill(place.watched.pid, signal.SIGCONT)


def _swapped(place: Place) -> None:
    """Another folder takes the place of `tasks`, and of the whole project."""
    other = place.aside / f"other{place.round}"
    shutil.copytree(place.root, other, ignore=shutil.ignore_patterns("state"))
    (other / "tasks/swapped.sql").write_text(text(place))
    place.root.rename(place.aside / f"gone{place.round}")
    other.rename(place.root)


def _tasks_swapped(place: Place) -> None:
    other = place.aside / f"tasks{place.round}"
    other.mkdir()
    (other / "a.sql").write_text(text(place))
    (place.root / "tasks").rename(place.aside / f"gone{place.round}")
    other.rename(place.root / "tasks")


def _repository(place: Place) -> None:
    if place.round:
        return
    (place.root / ".gitignore").write_text("state/\n")
    run("git", "init", "-q", "-b", "one", cwd=place.root)
    for branch in ("one", "two"):
        if branch == "two":
            run("git", "checkout", "-q", "-b", "two", cwd=place.root)
        for n in range(1_000):
            folder = place.root / f"tasks/{branch if n % 3 else 'both'}/{n % 7}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"f{n}.sql").write_text(f"select '{branch}' as branch, {n} as n\n")
        run("git", "add", "-A", cwd=place.root)
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        run("git", *who, "commit", "-q", "-m", branch, cwd=place.root)


def _switched(place: Place) -> None:
    for branch in ("one", "two", "one", "two")[place.round % 2 :][:3]:
        run("git", "checkout", "-q", branch, cwd=place.root)


def _starved(place: Place) -> None:
    """More folders than there are watches."""
    for n in range(40):
        folder = place.root / f"tasks/wide{place.round}-{n}"
        folder.mkdir()
        (folder / "x.sql").write_text(text(place, n))


_FEW_WATCHES = ("unshare", "-Ur", "sh", "-c", 'echo 30 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh")


def _edited(place: Place) -> Path:
    return place.root / "tasks/edited.sql"


def _before_edit(place: Place) -> None:
    _edited(place).write_text("select 0 as n\n")


def _vim(place: Place) -> None:
    run("vim", "-Nu", "NONE", "-n", "-es", "-c", f"normal ccselect {place.round}1", "-c", "wq", _edited(place))


def _vim_with_backup(place: Place) -> None:
    settings = ("-c", "set backup writebackup backupcopy=no")
    run("vim", "-Nu", "NONE", "-es", *settings, "-c", f"normal ccselect {place.round}2", "-c", "wq", _edited(place))


def _neovim(place: Place) -> None:
    change = f"normal! ccselect {place.round}3"
    run("nvim", "--headless", "-u", "NONE", "-i", "NONE", "-c", change, "-c", "wq", _edited(place))


def _emacs(place: Place) -> None:
    change = f'(progn (find-file "{_edited(place)}") (erase-buffer) (insert "select {place.round}4\\n") (save-buffer))'
    run("emacs", "-Q", "--batch", "--eval", change, cwd=place.aside)


def _nano(place: Place) -> None:
    """Types into a real terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execvp("nano", ["nano", "--ignorercfiles", str(_edited(place))])
    for keys in (f"select {place.round}5 -- ".encode(), b"\x0f", b"\r", b"\x18"):
        time.sleep(0.2)
        os.write(terminal, keys)
        os.read(terminal, 1 << 16)
    os.waitpid(child, 0)
    os.close(terminal)


def _sed(place: Place) -> None:
    run("sed", "-i", f"s/select.*/select {place.round}6 as n/", _edited(place))


def _vs_code(place: Place) -> None:
    """Truncates, and writes in place."""
    with _edited(place).open("r+") as file:
        file.truncate(0)
        file.write(f"select {place.round}7 as n\n")
        file.flush()
        os.fsync(file.fileno())


def _jetbrains(place: Place) -> None:
    """Writes aside, moves the old file away, the new one into its place, and deletes the old one."""
    file = _edited(place)
    new, old = file.with_name("edited.sql___jb_tmp___"), file.with_name("edited.sql___jb_old___")
    new.write_text(f"select {place.round}8 as n\n")
    file.rename(old)
    new.rename(file)
    old.unlink()


def _same_size(place: Place) -> None:
    """Two hundred saves of one size, as fast as they go."""
    for n in range(200):
        _edited(place).write_text(f"select {place.round % 10}{n:03}\n")


def _slow(place: Place) -> None:
    """A table that grows for a second, under its own name and in one open file."""
    with (place.root / f"data/slow{place.round}.csv").open("w") as file:
        file.write("a,b\n")
        for n in range(20):
            file.write(f"{n},{n}\n" * 50)
            file.flush()
            time.sleep(0.05)


def _deleted(place: Place) -> None:
    for folder in sorted((place.root / "tasks").glob("copy*"))[:1]:
        shutil.rmtree(folder)


def _copied_and_deleted(place: Place) -> None:
    _copied(place)
    _deleted(place)
    (place.root / f"tasks/left{place.round}.sql").write_text(text(place))


def _strange_names(place: Place) -> None:
    """Beside names that are no text, that cannot be read, and links in circles, all else is seen."""
    tasks = place.root / "tasks"
    (tasks / os.fsdecode(b"\xff%d.sql" % place.round)).touch()
    (tasks / f"loop{place.round}").symlink_to(tasks)
    (tasks / f"dangling{place.round}.sql").symlink_to("nowhere")
    (tasks / f"good{place.round}.sql").write_text(text(place))


ACTS = (
    Act(f"cp -r of {MANY} files into new folders", _copied, before=_prepared(MANY)),
    Act(f"cp -r of {2 * MANY} files", _copied_twice_as_many, before=_prepared(MANY)),
    Act("cp -r, and rm -r at once", _copied_and_deleted, before=_prepared(2_000)),
    Act("mkdir -p a/b/c, and a file in it", _chains),
    Act("rsync -a of 2000 files", _rsynced, "rsync", before=_prepared(2_000)),
    Act("overflow of the system's queue", _overflow),
    Act("another project in its place", _swapped),
    Act("another folder in place of tasks", _tasks_swapped),
    Act("git checkout between two branches", _switched, "git", before=_repository),
    Act("too few watches", _starved, "unshare", _FEW_WATCHES),
    Act("vim", _vim, "vim", before=_before_edit),
    Act("vim with a backup", _vim_with_backup, "vim", before=_before_edit),
    Act("neovim", _neovim, "nvim", before=_before_edit),
    Act("emacs", _emacs, "emacs", before=_before_edit),
    Act("nano", _nano, "nano", before=_before_edit),
    Act("sed -i", _sed, "sed", before=_before_edit),
    Act("write order of VS Code", _vs_code, before=_before_edit),
    Act("write order of JetBrains", _jetbrains, before=_before_edit),
    Act("saves of one size", _same_size, before=_before_edit),
    Act("a slow writer of data", _slow),
    Act("names that are no text, links in circles", _strange_names),
)
