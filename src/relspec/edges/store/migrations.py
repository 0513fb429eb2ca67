"""The tables, as an ordered list of migrations. A migration that was released is never edited.

Everything that people query has real columns in STRICT tables. `body` columns hold what only the next start reads.
"""

from relspec.edges.store.tables import Database, Migrations

migrations = Migrations("relspec")

_TABLES = """
create table setting (name text primary key, value text not null) strict;
create table file (
  path text primary key, device integer not null, inode integer not null, size integer not null,
  mtime_ns integer not null, ctime_ns integer not null, content text
) strict;
create table module (path text primary key, state text not null, body text not null) strict;
create table source (
  name text primary key, n_files integer not null, rows integer, problem text, body text not null
) strict;
create table record (task text primary key, path text not null, problem text, body text not null) strict;
create table plan (
  task text primary key, output text not null, fingerprint text not null, canonical text not null,
  sql text not null, coarse text
) strict;
create table plan_column (
  task text not null, ordinal integer not null, name text not null, type text not null, primary key (task, ordinal)
) strict, without rowid;
create table plan_input (
  task text not null, role text not null, dataset text not null, ordinal integer not null, name text, type text,
  primary key (task, role, dataset, ordinal)
) strict, without rowid;
create index plan_input_dataset on plan_input (dataset);
create table plan_metadata (
  task text not null, dataset text not null, key text not null, value text not null, primary key (task, dataset, key)
) strict, without rowid;
create table plan_lineage (
  task text not null, ordinal integer not null, name text not null, dataset text, source_column text
) strict;
create index plan_lineage_task on plan_lineage (task);
create table plan_udf (
  task text not null, name text not null, returns text not null, digest text not null, path text not null,
  parameters text not null, primary key (task, name)
) strict, without rowid;
create table plan_file (task text not null, path text not null, content text not null, primary key (task, path))
  strict, without rowid;
create table output (
  output text primary key, task text not null, key text not null, content text not null, rows integer not null,
  size integer not null, executed_at real not null, ms real not null, schema text not null, basis text not null
) strict;
create table status (
  name text primary key, output text not null, kind text not null, state text not null, rows integer,
  fingerprint text, executed_at real, ms real, reason text not null
) strict;
create table problem (
  ordinal integer primary key, code text not null, task text, path text, line integer, "column" integer,
  message text not null, hint text
) strict;
create table memo (
  key text primary key, task text not null, output text not null, content text not null, rows integer not null,
  size integer not null, executed_at real not null, ms real not null, schema text not null, basis text not null,
  policy text not null, session text not null, used_at real not null
) strict;
create table digest (
  content text not null, columns text not null, rows integer not null, total text not null,
  primary key (content, columns)
) strict, without rowid;
create table extraction (
  extractor text not null, path text not null, version text not null, body text not null,
  primary key (extractor, path, version)
) strict, without rowid;
create table run (
  run integer primary key, revision integer not null, started_at real not null, ms real not null
) strict;
create table run_change (run integer not null, path text not null, change text not null, primary key (run, path))
  strict, without rowid;
create table run_task (
  run integer not null, task text not null, action text not null, ms real not null, recompiled integer not null,
  primary key (run, task)
) strict, without rowid;
create index run_task_task on run_task (task, run);
create table reason (
  run integer not null, task text not null, ordinal integer not null, rule text not null, because text not null,
  upstream text, columns text not null, primary key (run, task, ordinal)
) strict, without rowid;
"""


@migrations(name="0001-first-tables")
def first_tables(database: Database) -> None:
    """Make all tables of the first version."""
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            database.execute(statement)


_SHOWN_TABLES = """
create table shown (
  role text not null, dataset text not null, content text not null, since integer not null, until integer,
  ended_at real, primary key (role, dataset, content, since)
) strict, without rowid;
create index shown_content on shown (content);
alter table extraction add column used_at real not null default 0;
insert into shown
  select 'output', output, content, (select coalesce(max(revision), 0) from run), null, null from output;
insert or ignore into shown
  select 'source', s.name, json_extract(f.value, '$.taken.part.content'),
    (select coalesce(max(revision), 0) from run), null, null
  from source s, json_each(s.body, '$.files') f where json_extract(f.value, '$.taken.part.content') is not null
"""


@migrations(name="0002-what-was-shown")
def what_was_shown(database: Database) -> None:
    """Remember from which revision to which readers saw a content; what is current is shown from now on."""
    for statement in _SHOWN_TABLES.split(";\n"):
        database.execute(statement)


_WARNINGS = """
create table warning (
  ordinal integer primary key, code text not null, task text not null, path text not null, line integer not null,
  "column" integer not null, message text not null, hint text not null
) strict;
create table plan_finding (
  task text not null, ordinal integer not null, code text not null, line integer, "column" integer,
  message text not null, hint text not null, inlined integer not null, primary key (task, ordinal)
) strict, without rowid;
create table plan_finding_unless (
  task text not null, ordinal integer not null, dataset text not null, name text not null,
  primary key (task, ordinal, dataset, name)
) strict, without rowid;
create table plan_unique (task text not null, ordinal integer not null, name text) strict;
create index plan_unique_task on plan_unique (task);
create table plan_rows_of (
  task text not null, name text not null, dataset text not null, source_column text not null, primary key (task, name)
) strict, without rowid;
"""


@migrations(name="0003-warnings")
def warnings(database: Database) -> None:
    """Make room for what plans are not sure of; the next migration has every task compiled again."""
    for statement in _WARNINGS.split(";\n"):
        if statement.strip():
            database.execute(statement)


_TOOLCHAIN = """
update record set body = json_set(body, '$.toolchain', 'an earlier version');
update source set body = json_remove(json_set(body, '$.declared', json(
    case when json_extract(body, '$.extracted') then 'null'
    else json_object('name', name, 'pattern', '', 'format', null, 'types', json_array(), 'line', null) end
  )), '$.extracted');
delete from setting where name = 'engine';
alter table reason add column path text
"""


@migrations(name="0004-toolchain")
def toolchain(database: Database) -> None:
    """Have everything compiled and read again; how text sources are read stays, since it was found once for all."""
    for statement in _TOOLCHAIN.split(";\n"):
        database.execute(statement)


@migrations(name="0005-aspects")
def aspects(database: Database) -> None:
    """Make room for the parts of a query by which is told what of it moved; plans of before have none."""
    database.execute("create table plan_aspect (task text not null, name text not null, digest text not null) strict")
    database.execute("create index plan_aspect_task on plan_aspect (task)")


@migrations(name="0006-seals")
def seals(database: Database) -> None:
    """Make room for the sums by which rows that rotted are found; `seals.renew` fills it after every migration."""
    database.execute("create table seal (name text primary key, total integer not null) strict, without rowid")


_SOURCE_FILES = """
create table source_file (name text not null, path text not null, body text not null, primary key (name, path))
  strict, without rowid;
create index source_file_path on source_file (path);
insert into source_file
  select s.name, json_extract(f.value, '$.path'), f.value from source s, json_each(s.body, '$.files') f;
update source set body = json_set(body, '$.files', json('[]'), '$.fixed', null);
delete from module where json_array_length(body, '$.extractors') > 0
"""


@migrations(name="0007-source-files")
def source_files(database: Database) -> None:
    """Give each file of a source a row of its own, and have files with extractors loaded again: they say more now."""
    for statement in _SOURCE_FILES.split(";\n"):
        database.execute(statement)


_SPELLINGS = """
delete from output where rowid not in (select max(rowid) from output group by lower(output));
update shown set until = (select coalesce(max(revision), 0) from run), ended_at = strftime('%s', 'now')
  where role = 'output' and until is null and dataset not in (select output from output)
"""


@migrations(name="0008-spellings")
def spellings(database: Database) -> None:
    """Forget an output where another spelling of its name was written later: rows came in the order of writing."""
    for statement in _SPELLINGS.split(";\n"):
        database.execute(statement)
