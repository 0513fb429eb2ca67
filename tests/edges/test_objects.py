"""How objects are made durable: what is waited for at once, and what the system refuses."""

from pathlib import Path

import pytest

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
