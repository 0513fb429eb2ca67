"""The life of an engine process: answer one question after the other, and be sure that it is well before the next.

An error that is no answer is a fault: the process says what it was and ends, because nobody knows what state the
database is in.
"""

import gc
import traceback
from collections.abc import Callable
from typing import Protocol

import duckdb

from relspec.edges.engine.protocol import Answer, Fault, Question, Ready
from relspec.edges.wire import Channel, WireError


class Answering(Protocol):
    """Answers questions; raises what is no answer."""

    def answer(self, question: Question) -> Answer:
        """Do what is asked."""

    def rest(self) -> None:
        """Do what is better done when an answer has been given, so that nobody waits for it."""


def serve(channel: Channel[Question, Answer], make_engine: Callable[[], Answering]) -> None:
    """Say ready, then answer until the daemon is gone."""
    try:
        engine = make_engine()
    except duckdb.Error as error:
        channel.send(Fault(f"DuckDB does not start: {error}", memory=False))
        return
    # What is there now stays; without this every few answers pay 30 ms for a look at all of sqlglot.
    gc.collect()
    gc.freeze()
    channel.send(Ready())
    while True:
        try:
            question = channel.receive()
        except (WireError, ConnectionError):
            return
        answer = _answer_or_fault(engine, question)
        channel.send(answer)
        if isinstance(answer, Fault):
            return
        engine.rest()


def _answer_or_fault(engine: Answering, question: Question) -> Answer:
    try:
        return engine.answer(question)
    except Exception as error:  # noqa: BLE001 - whatever it is, the daemon has to hear of it before we end.
        return Fault(f"{error!r}\n{''.join(traceback.format_exception(error)[-4:])}", memory=False)
