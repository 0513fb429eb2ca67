"""An engine's life: what it keeps of its work is bounded, and nobody waits while it gives that back."""

import ctypes
import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from relspec.core.schema import schema_of
from relspec.core.work import Execute, Measure
from relspec.edges.engine import serve as serving
from relspec.edges.engine.loop import serve
from relspec.edges.engine.protocol import Answer, AskExecute, AskMeasure, GaveExecuted, Prepared, Question, Ready
from relspec.edges.engine.serve import Engine
from relspec.edges.wire import Channel

#: Fourteen joins.
JOINS = "SELECT count(*) AS n FROM range(9) t0" + "".join(f" JOIN range(9) t{n} USING (range)" for n in range(1, 15))


class _Heap(ctypes.Structure):
    """What glibc tells of its heap."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in (*"abcd", "hblkhd", *"ef", "uordblks", *"gh"))


def heap_kb() -> float:
    told = ctypes.CDLL(None).mallinfo2
    told.restype = _Heap
    found = told()
    return float(found.uordblks + found.hblkhd) / 1000


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    return Engine(256, "UTC", str(tmp_path / "tmp"))


def asked(root: Path, sql: str) -> AskExecute:
    where = (str(root / "objects"), str(root / "tmp"))
    return AskExecute(Execute("t", "t", 1, sql, (), schema_of({"n": "BIGINT"}), ((),), (), *where, "key"))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells")
def test_the_memory_of_an_engine_does_not_grow_with_its_work(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught: without the renewal, 1.8 MB more after sixty executions."""
    monkeypatch.setattr(serving, "RENEWED_AFTER", 10)
    question, used, answers = asked(tmp_path, JOINS), [], []
    for _ in range(8):
        for _ in range(10):
            answers.append(engine.answer(question))
            engine.rest()
        gc.collect()
        used.append(heap_kb())
    assert isinstance(answers[0], GaveExecuted)
    assert all(answer == answers[0] for answer in answers)
    assert used[-1] - used[1] < 500


def test_an_engine_is_not_renewed_for_little_work(engine: Engine, tmp_path: Path) -> None:
    before = engine._files
    engine.answer(asked(tmp_path, "SELECT 1::BIGINT AS n"))
    engine.rest()
    assert engine._files is before


@pytest.fixture
def thawed() -> Iterator[None]:
    """Have all be garbage again that may be."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_an_engine_rests_when_its_answer_is_there() -> None:
    """Caught: resting before the answer is sent makes the caller wait for it."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    daemon: Channel[Answer, Question] = Channel(ours, Answer)
    told: list[object] = []

    class Resting:
        def answer(self, question: Question) -> Answer:
            told.append("asked")
            return Prepared()

        def rest(self) -> None:
            told.extend([daemon.receive(), daemon.receive()])
            ours.close()

    daemon.send(AskMeasure(Measure((), ())))
    with theirs:
        serve(Channel(theirs, Question), Resting)
    assert told == ["asked", Ready(), Prepared()]
