"""Which files make up which source."""

from relspec.core.dataset import Format
from relspec.core.globs import matches
from relspec.core.settings import Settings, SourceSpec
from relspec.core.sources import assign


def named(settings: Settings, *paths: str) -> dict[str, tuple[str, ...]]:
    return {name: found.paths for name, found in assign(settings, paths)[0].items()}


def spec(name: str, pattern: str) -> SourceSpec:
    return SourceSpec(name, pattern, None, (), 3)


def test_data_files_are_sources_by_their_stem() -> None:
    found = named(Settings(), "data/orders.parquet", "data/in/cities.csv", "data/notes.txt", "other/x.csv")
    assert found == {"orders": ("data/orders.parquet",), "cities": ("data/in/cities.csv",)}


def test_a_named_glob_takes_its_parts_in_order_of_path() -> None:
    settings = Settings(sources=(spec("events", "data/events/*.csv"),))
    found = named(settings, "data/events/b.csv", "data/events/a.csv", "data/events/deep/c.csv")
    assert found == {"events": ("data/events/a.csv", "data/events/b.csv"), "c": ("data/events/deep/c.csv",)}


def test_two_files_of_one_stem_clash_and_neither_is_a_source() -> None:
    sources, problems = assign(Settings(), ["data/orders.csv", "data/orders.parquet", "data/ok.csv"])
    assert list(sources) == ["ok"]
    assert [p.message for p in problems] == [
        "2 data files would be the source 'orders': data/orders.csv, data/orders.parquet"
    ]


def test_a_named_source_without_files_is_a_problem_at_its_line() -> None:
    _, problems = assign(Settings(sources=(spec("events", "data/events/*.csv"),)), [])
    assert [(p.path, p.line) for p in problems] == [("watch.toml", 3)]


def test_the_format_is_that_of_watch_toml_before_that_of_the_suffix() -> None:
    sources, _ = assign(Settings(sources=(SourceSpec("a", "data/a.txt", Format.CSV, (), 1),)), ["data/a.txt"])
    assert sources["a"].format("data/a.txt") is Format.CSV


def test_globs_stay_within_a_folder_unless_they_say_otherwise() -> None:
    assert matches("src/**/*.py", "src/a.py")
    assert matches("src/**/*.py", "src/a/b/c.py")
    assert not matches("src/*.py", "src/a/b.py")
    assert matches("data/part-[0-9].csv", "data/part-3.csv")
    assert not matches("data/part-[!0-9].csv", "data/part-3.csv")
    assert not matches("data/a.csv", "data/axcsv")
