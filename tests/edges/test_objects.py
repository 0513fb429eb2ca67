"""How objects are made durable: what is waited for at once, and what the system refuses."""

import errno
import io
import os
import shutil
from pathlib import Path

import pytest

from relspec.core.digest import content_of_stream
from relspec.core.errors import StateError
from relspec.core.layout import Layout
from relspec.edges.objects import Objects

_MB = 1 << 20


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.objects.mkdir(parents=True)
    return layout


def written(layout: Layout, *sizes: int) -> list[str]:
    """Objects of these sizes."""
    contents = [f"{number:032x}" for number in range(len(sizes))]
    for content, size in zip(contents, sizes, strict=True):
        Path(layout.object(content)).write_bytes(b"x" * size)
    return contents


def objects_of(layout: Layout, *data: bytes) -> list[str]:
    """Objects of these bytes."""
    contents = [content_of_stream(io.BytesIO(bytes_).read) for bytes_ in data]
    for content, bytes_ in zip(contents, data, strict=True):
        Path(layout.object(content)).write_bytes(bytes_)
        os.chmod(layout.object(content), 0o644)
    return contents


@pytest.mark.parametrize(
    ("sizes", "soon"),
    [((), True), ((5,), True), ((5,) * 4, True), ((5,) * 5, False), ((_MB,), True), ((_MB, 1), False)],
)
def test_little_is_durable_soon(layout: Layout, sizes: tuple[int, ...], soon: bool) -> None:
    assert Objects(layout).syncs_soon(written(layout, *sizes)) is soon


def test_what_the_system_refuses_is_told_by_what_makes_it_durable(layout: Layout) -> None:
    """Caught: asked whether that is soon, the system's own error came, which ends a daemon."""
    layout.objects.rmdir()
    layout.objects.write_bytes(b"")
    assert Objects(layout).syncs_soon(["0" * 32])
    with pytest.raises(StateError, match="durable"):
        Objects(layout).sync(["0" * 32])


def test_what_the_disk_refused_is_written_again_before_it_counts_as_durable(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: asked again, the system says yes, and has dropped what it could not write."""
    layout.temporary.mkdir()
    objects = Objects(layout)
    kept, refused = objects_of(layout, b"kept", b"refused")
    before = {content: os.stat(layout.object(content)).st_ino for content in (kept, refused)}
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == before[refused]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StateError, match="durable: Input/output error"):
        objects.sync([kept, refused])
    objects.sync([kept, refused])
    assert Path(layout.object(refused)).read_bytes() == b"refused"
    assert os.stat(layout.object(refused)).st_mode & 0o777 == 0o444
    assert list(layout.temporary.iterdir()) == []
    after = {content: os.stat(layout.object(content)).st_ino for content in (kept, refused)}
    assert after[kept] == before[kept]
    objects.sync([refused])
    assert os.stat(layout.object(refused)).st_ino == after[refused], "it is durable now"


def test_what_was_refused_and_is_no_longer_whole_is_never_durable(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = Objects(layout)
    (content,) = objects_of(layout, b"refused")

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(StateError, match="Input/output error"):
            objects.sync([content])
    Path(layout.object(content)).write_bytes(b"       ")
    for _ in range(2):
        with pytest.raises(StateError, match="its bytes were lost"):
            objects.sync([content])


def test_where_the_folder_was_refused_its_entries_are_made_anew(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.temporary.mkdir()
    objects = Objects(layout)
    (content,) = objects_of(layout, b"kept")
    before = os.stat(layout.object(content)).st_ino
    fsync, folder, told = os.fsync, os.stat(layout.objects).st_ino, []

    def refuse_once(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == folder and not told:
            told.append(folder)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_once)
    with pytest.raises(StateError, match="objects durable: Input/output error"):
        objects.sync([content])
    objects.sync([content])
    assert os.stat(layout.object(content)).st_ino != before


def test_a_want_of_descriptors_is_no_refusal_of_the_disk(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught: what was said of it was that bytes were lost."""
    objects = Objects(layout)
    (content,) = objects_of(layout, b"kept")
    before = os.stat(layout.object(content)).st_ino

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse)
            with pytest.raises(StateError, match="Too many open files"):
                objects.sync([content])
    objects.sync([content])
    assert os.stat(layout.object(content)).st_ino == before


def test_a_copy_that_finds_no_room_is_taken_away(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_sync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refuse_copy(source: str, target: str) -> None:
        Path(target).write_bytes(b"ke")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    layout.temporary.mkdir()
    objects = Objects(layout)
    (content,) = objects_of(layout, b"kept")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse_sync)
        patch.setattr(shutil, "copyfile", refuse_copy)
        for _ in range(2):
            with pytest.raises(StateError, match="No space left on device"):
                objects.sync([content])
    assert list(layout.temporary.iterdir()) == []
    objects.sync([content])
    assert Path(layout.object(content)).read_bytes() == b"kept"


def test_where_there_is_no_room_for_a_thread_it_is_waited_for(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught: it ended a daemon."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    objects = Objects(layout)
    monkeypatch.setattr(objects._beside, "submit", refuse)
    (content,) = objects_of(layout, b"kept")
    objects.syncing([content])()
    with pytest.raises(StateError):
        objects.syncing(["0" * 32])()
