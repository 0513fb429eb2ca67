"""The example project arrives whole, overwrites nothing, and its tasks give what they promise."""

from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.by_hand import tables_of

from relspec.core.errors import ConfigError
from relspec.edges.scaffold import create

TEMPLATE = Path(str(resources.files("relspec") / "template"))

FILES = (
    ".gitignore",
    "README.md",
    "data/SOURCE.md",
    "data/airlines.jsonl",
    "data/airports.csv",
    "data/flights/week-1.parquet",
    "data/flights/week-2.parquet",
    "data/flights/week-3.parquet",
    "data/flights/week-4.parquet",
    "data/flights/week-5.parquet",
    "data/planes.csv",
    "data/weather.parquet",
    "tasks/carrier_podium.sql",
    "tasks/carrier_ranking.sql",
    "tasks/carriers.py",
    "tasks/departures.sql",
    "tasks/details.py",
    "tasks/month_in_numbers.sql",
    "tasks/registrations.py",
    "tasks/terms.py",
    "tasks/time_made_up.sql",
    "tasks/worst_routes.sql",
    "watch.toml",
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    project = tmp_path_factory.mktemp("project")
    create(project)
    data = project / "data"
    return tables_of(
        project,
        {
            "flights": f"from '{data}/flights/*.parquet'",
            "weather": f"from '{data}/weather.parquet'",
            "airlines": f"from '{data}/airlines.jsonl'",
            "airports": f"from '{data}/airports.csv'",
            "planes": f"from '{data}/planes.csv'",
        },
    )


def rows(tables: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return tables.execute(query).fetchall()


def test_a_project_is_written_byte_by_byte_with_an_empty_private_state(tmp_path: Path) -> None:
    project = tmp_path / "some" / "where"
    assert create(project) == FILES
    for name in FILES:
        assert (project / name).read_bytes() == (TEMPLATE / name).read_bytes()
    assert list((project / "state").iterdir()) == []
    assert (project / "state").stat().st_mode & 0o777 == 0o700


def test_compiled_files_of_an_installed_package_stay_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    create(package / "template")
    (package / "template/tasks/__pycache__").mkdir()
    (package / "template/tasks/__pycache__/terms.cpython-311.pyc").write_bytes(b"")
    monkeypatch.setattr(resources, "files", lambda _: package)
    assert create(tmp_path / "project") == FILES


def test_an_empty_folder_and_files_of_other_names_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert create(tmp_path) == FILES
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_nothing_is_written_where_a_file_exists_already(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/terms.py").write_text("mine")
    (tmp_path / "watch.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(ConfigError) as caught:
        create(tmp_path)
    expected = f"{tmp_path} already has tasks/terms.py, watch.toml; choose an empty folder, or move these files away"
    assert str(caught.value) == expected
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["tasks", "terms.py", "watch.toml"]
    assert (tmp_path / "tasks/terms.py").read_text() == "mine"
    assert not (tmp_path / "elsewhere.toml").exists()


def test_a_second_init_says_how_many_files_are_there(tmp_path: Path) -> None:
    create(tmp_path)
    with pytest.raises(ConfigError, match=r"data/airports\.csv and 18 more; choose an empty folder"):
        create(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write a project into .*taken"):
        create(tmp_path / "taken")


def test_the_data_is_small(tmp_path: Path) -> None:
    create(tmp_path)
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 2_000_000


def test_the_month_in_numbers(tables: duckdb.DuckDBPyConnection) -> None:
    assert rows(tables, "from month_in_numbers") == [(27004, 521, 16, 3148, 94, 10.0, -2.0, 1301, 27.2)]


def test_the_five_tables_are_joined_without_losing_or_doubling_a_flight(tables: duckdb.DuckDBPyConnection) -> None:
    query = "select count(*), count(airline), count(destination), count(manufacturer), count(temp) from {}"
    assert rows(tables, query.format("flights_in_detail")) == [(27004, 27004, 26324, 22525, 26952)]


def test_snow_is_worse_than_rain(tables: duckdb.DuckDBPyConnection) -> None:
    assert rows(tables, "from delay_by_weather") == [
        ("snow", 252, 6.3, 39.5, 67.7),
        ("wind", 2100, 4.0, 19.7, 34.5),
        ("rain", 1275, 4.4, 14.3, 35.0),
        ("fog", 1050, 3.2, 13.7, 25.9),
        ("fair", 22275, 1.5, 8.4, 20.3),
        ("unknown", 52, 0.0, 5.3, 30.8),
    ]


def test_the_oldest_aircraft_are_not_the_latest(tables: duckdb.DuckDBPyConnection) -> None:
    assert rows(tables, "select age, flights, aircraft, mean_arr_delay from delay_by_plane_age") == [
        ("00-04", 1737, 252, 1.9),
        ("05-09", 6022, 609, 7.0),
        ("10-14", 8791, 955, 9.3),
        ("15-19", 2328, 290, 4.5),
        ("20+", 2884, 447, 0.7),
    ]


def test_carriers_are_ranked_within_each_day(tables: duckdb.DuckDBPyConnection) -> None:
    assert rows(tables, "from carrier_podium limit 3") == [
        ("Hawaiian Airlines Inc.", 17, 24, 31, 4.0),
        ("Virgin America", 9, 24, 31, 2.9),
        ("Alaska Airlines Inc.", 4, 9, 31, 8.8),
    ]
    last_day = "select place, carrier, mean_arr_delay_7_days from carrier_ranking where flight_date = '2013-01-31'"
    assert rows(tables, f"{last_day} order by place limit 3") == [(1, "HA", -22.6), (2, "VX", -11.8), (3, "DL", -0.1)]


def test_delay_builds_up_over_the_day(tables: duckdb.DuckDBPyConnection) -> None:
    hours = rows(
        tables, "select hour, late_percent from punctuality_by_hour where origin = 'EWR' and hour in (6, 12, 18)"
    )
    assert hours == [(6, 20.4), (12, 22.8), (18, 40.9)]


def test_the_worst_routes_leave_from_newark(tables: duckdb.DuckDBPyConnection) -> None:
    assert rows(tables, "select origin, dest, destination, flights, mean_arr_delay from worst_routes limit 3") == [
        ("EWR", "SAV", "Savannah Hilton Head Intl", 33, 53.2),
        ("EWR", "OMA", "Eppley Afld", 51, 50.6),
        ("EWR", "MCI", "Kansas City Intl", 112, 47.9),
    ]


def test_long_flights_make_up_more_time(tables: duckdb.DuckDBPyConnection) -> None:
    assert rows(tables, "select miles_from, mean_minutes_made_up from time_made_up") == [
        (0, 2.5),
        (500, 0.7),
        (1000, 3.0),
        (1500, 4.5),
        (2000, 7.3),
        (2500, 10.5),
        (4500, 12.4),
    ]


def test_airlines_sign_their_tail_numbers(tables: duckdb.DuckDBPyConnection) -> None:
    assert rows(tables, "from registrations limit 3") == [
        ("B6", "JB", 180, 4427),
        ("EV", "", 218, 3684),
        ("UA", "", 303, 2530),
    ]
