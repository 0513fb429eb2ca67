"""The files of a project as texts; a Parquet file is given as the query that makes it, as in scenarios."""

import datetime
from collections.abc import Sequence
from decimal import Decimal

from tests.campaign.meaning import Meanings
from tests.campaign.python import helper_file, python_file
from tests.campaign.shape import Column, Project, Row, Source, Value
from tests.campaign.sql import literal, sql_file

Files = dict[str, str]


def files_of(project: Project) -> Files:
    """Every file of the project by path."""
    meanings = Meanings(project)
    files: Files = {}
    for source in project.sources:
        for path, rows in source.files:
            files[path] = _csv(source.columns, rows) if source.is_csv else _parquet(source.columns, rows)
    patterns = [(s.name, s.files[0][0]) for s in project.sources if s.glob]
    if patterns:
        files["watch.toml"] = "".join(_pattern(name, first) for name, first in patterns)
    for task in project.tasks:
        if not task.is_python:
            files[task.path] = "selec nothing\n" if task.broken else sql_file(task, meanings)
    paths = sorted({t.path for t in project.tasks if t.is_python})
    for path in paths:
        own = [t for t in project.tasks if t.path == path]
        files[path] = python_file(path, own, helper_of(project, path), meanings)
    for name, style in project.helpers:
        users = [t for t in project.tasks if t.is_python and helper_of(project, t.path) == name]
        files[f"tasks/{name}.py"] = helper_file(style, users)
    return files


def helper_of(project: Project, path: str) -> str:
    """The helper module that a file of Python tasks imports: always the same."""
    return project.helpers[sum(map(ord, path)) % len(project.helpers)][0]


def used_files(project: Project, task_path: str) -> tuple[str, ...]:
    """The files that decide about a task."""
    if task_path.endswith(".sql"):
        return (task_path,)
    return (task_path, f"tasks/{helper_of(project, task_path)}.py")


def pattern_of(source: Source) -> str:
    """The paths of a source as DuckDB globs them."""
    first = source.files[0][0]
    return f"{first.rpartition('/')[0]}/*.{first.rpartition('.')[2]}" if source.glob else first


def _pattern(name: str, first: str) -> str:
    folder, suffix = first.rpartition("/")[0], first.rpartition(".")[2]
    return f'[sources.{name}]\nfiles = "{folder}/*.{suffix}"\n'


def _parquet(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    names = ", ".join(c.name for c in columns)
    casts = ", ".join(f"{c.name}::{c.type} as {c.name}" for c in columns)
    lines = rows or [tuple(None for _ in columns)]
    values = ", ".join(f"({', '.join(map(_value, row))})" for row in lines)
    return f"select {casts} from (values {values}) t({names}){'' if rows else ' where false'}\n"


def _value(value: Value) -> str:
    return str(value) if isinstance(value, Decimal | datetime.date) else literal(value)


def _csv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    lines = [",".join(c.name for c in columns)]
    lines += [",".join(map(_field, row)) for row in rows]
    return "\n".join(lines) + "\n"


def _field(value: Value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
