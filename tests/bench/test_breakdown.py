"""The stages of a save, from the spans of a trace."""

from tests.bench.breakdown import STAGES, stages_of

from relspec.app import build


def span(name: str, ts: float, dur: float, tid: int = 0) -> dict[str, object]:
    return {"ph": "X", "name": name, "ts": ts, "dur": dur, "tid": tid}


def test_stages_add_up_to_the_time_between_the_save_and_its_ready() -> None:
    events = [
        span("build", 0.0, 900.0),
        span("settle", 1500.0, 2000.0),
        span("look", 3500.0, 500.0),
        span("build", 4100.0, 5000.0),
        span("compile", 4200.0, 3000.0),
        span("analyse", 4300.0, 2800.0, tid=1),
        span("publish", 7300.0, 1500.0),
        span("settle", 20_000.0, 1.0),
        {"ph": "M", "name": "process_name"},
    ]
    found = stages_of(events, 1000.0, 10_000.0)
    assert found == {"hint": 0.5, "settle": 2.0, "look": 0.5, "compile": 3.0, "publish": 1.5, "otherwise": 1.5}


def test_every_stage_is_one_that_the_daemon_traces() -> None:
    with open(build.__file__) as file:
        traced = file.read()
    assert all(f'span("{stage}")' in traced for stage in STAGES[2:])
