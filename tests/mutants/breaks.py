"""Breaks planted on purpose, each in one place of the code, and the tests that have to notice.

A break is a plausible mistake: a comparison left out, a cache that forgets a part of its key, a walk that stops early.
`test_breaks.py` holds that each still fits the code; `python -m tests.mutants` plants them one by one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Break:
    """`old` stands exactly once in `file` (below `src/relspec`) and becomes `new`; one of `tests` has to fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def scenarios(*names: str) -> tuple[str, ...]:
    """Name the tests of scenario files."""
    return tuple(f"tests/scenarios/test_scenarios.py::test_exactly_what_must_run_runs[{name}]" for name in names)


BREAKS = (
    Break(
        "an upgrade recompiles nothing",
        "app/causes.py",
        "if record.toolchain != world.toolchain.whole:",
        "if False:",
        ("tests/app/test_toolchain.py",),
    ),
    Break(
        "whatever was there is adopted after an upgrade",
        "app/compile.py",
        "first.fingerprint != plan.fingerprint and is_same_query(first, plan):",
        "first.fingerprint != plan.fingerprint:",
        ("tests/app/test_toolchain.py",),
    ),
    Break(
        "nothing is adopted after an upgrade",
        "app/adopt.py",
        "    world.outputs[name] = adopted\n",
        "",
        ("tests/app/test_toolchain.py",),
    ),
    Break(
        "the engine is no part of the key",
        "core/digest.py",
        'digest_of("key-1", fingerprint, engine, *(',
        'digest_of("key-1", fingerprint, *(',
        ("tests/app/test_toolchain.py",),
    ),
    Break(
        "data files are not read again by another toolchain",
        "app/world.py",
        "self.look_again |= {f.path for s in self.sources.values() if not s.extracted for f in s.files}",
        "pass",
        ("tests/app/test_toolchain.py",),
    ),
    Break(
        "the chain follows the first cause alone",
        "app/chain.py",
        "for reason in reversed(result.reasons):",
        "for reason in result.reasons[:1]:",
        ("tests/app/test_why.py",),
    ),
    Break(
        "why tells nothing of why a task was compiled",
        "core/diff.py",
        "    return (*reasons, *causes)\n",
        "    return reasons\n",
        ("tests/app/test_why.py", "tests/core/test_diff.py"),
    ),
    Break(
        "a deduplicating UNION needs only the columns that are read",
        "core/lineage.py",
        "        if not is_union_all(combination):\n            self._want_all(combination)\n",
        "",
        scenarios("views/rows"),
    ),
    Break(
        "DISTINCT needs only the columns that are read",
        "core/lineage.py",
        'node.args.get("distinct") is not None or orders_by_all(node)',
        "orders_by_all(node)",
        scenarios("views/rows", "sql/distinct_in_cte"),
    ),
    Break(
        "an aggregate that nobody reads does not count",
        "core/canonical.py",
        '            parts.append("aggregated")\n',
        "            pass\n",
        scenarios("views/rows"),
    ),
    Break(
        "UNION and UNION ALL are the same",
        "core/canonical.py",
        '"distinct" if node.args.get("distinct") else "all"',
        '"all"',
        scenarios("views/rows", "sql/union_all"),
    ),
    Break(
        "a turned comparison is another one",
        "core/terms.py",
        '{"GT": "LT", "GTE": "LTE"}.get(op)',
        "None",
        scenarios("sql/rewritten"),
    ),
    Break(
        "the order of the output's names does not count",
        "core/plan.py",
        '    for column in schema.columns:\n        parts += ["out"',
        '    for column in sorted(schema.columns, key=lambda c: c.name):\n        parts += ["out"',
        scenarios("sql/column_order"),
    ),
    Break(
        "nothing is ever restored",
        "core/decision.py",
        "    if past.remembered:\n",
        "    if False:\n",
        scenarios("sql/undo", "ibis/undo", "data/undo"),
    ),
    Break(
        "the same plan is the same result, whatever the inputs hold",
        "core/decision.py",
        "past.basis.key == now.key:",
        "past.basis.fingerprint == now.fingerprint:",
        scenarios("data/column_changed"),
    ),
    Break(
        "bags of part files are put together by exclusive or",
        "core/digest.py",
        "        total = (total + int(bag.total, 16)) % _MODULUS",
        "        total ^= int(bag.total, 16)",
        scenarios("data/equal_content", "data/rows_reordered"),
    ),
    Break(
        "each column is hashed alone",
        "edges/engine/bags.py",
        "return f\"sum(hash(hash({', '.join(terms)}))::HUGEINT)\"",
        'return " + ".join(f"sum(hash(hash({term}))::HUGEINT)" for term in terms)',
        scenarios("data/values_swapped"),
    ),
    Break(
        "the cone ends after one step",
        "core/graph.py",
        "found |= rx.descendants(self._graph, node)",
        "found |= set(self._graph.successor_indices(node))",
        scenarios("sql/deleted", "views/edited"),
    ),
    Break(
        "imports are no cause to compile",
        "app/causes.py",
        "    yield from (path for path, content in current.items() if used.get(path) != content)\n",
        "",
        scenarios("ibis/helper", "ibis/constant"),
    ),
    Break(
        "whoever looked at a dataset that moved is compiled again",
        "app/causes.py",
        "        if digest != world.asked_digest(dataset):\n            yield",
        "        if True:\n            yield",
        scenarios("ibis/recompiled", "sql/column_modified"),
    ),
    Break(
        "a plan that was compiled again counts as moved",
        "app/compile.py",
        "        elif first is None or first.fingerprint != plan.fingerprint:\n",
        "        else:\n",
        scenarios("sql/comment"),
    ),
    Break(
        "a module that appears under a name that was tried is not noticed",
        "app/load.py",
        "    if names:\n        users |=",
        "    if False:\n        users |=",
        scenarios("ibis/late_helper", "ibis/shadowing"),
    ),
    Break(
        "a default of a Python function does not count",
        "edges/loader/code_digest.py",
        "for value in (function.__defaults__, function.__kwdefaults__, *map",
        "for value in (*map",
        scenarios("ibis/udf"),
    ),
    Break(
        "of a module everything counts for a Python function",
        "edges/loader/code_digest.py",
        "            value = vars(value)[attribute]\n",
        "            break\n",
        scenarios("ibis/udf_nothing"),
    ),
    Break(
        "the __init__ of a package has no name",
        "edges/loader/importing.py",
        '        parts = parts[:-1] if parts[-1] == "__init__" else parts\n',
        '        if parts[-1] == "__init__":\n            return None\n',
        scenarios("ibis/package"),
    ),
    Break(
        "the table of an output's old name stays",
        "app/build.py",
        "    removed |= _drop_renamed(world, came)\n",
        "",
        scenarios("sql/renamed"),
    ),
    Break(
        "a column that a builder misses is its own mistake",
        "app/compile_task.py",
        "            problem = self._as_edge(spec, answer.problem)\n",
        "            problem = answer.problem\n",
        scenarios("ibis/column_dropped", "ibis/data"),
    ),
    Break(
        "what is below a restored table is left alone",
        "app/run.py",
        "quiet = {None, Action.CUT_OFF}",
        "quiet = {None, Action.CUT_OFF, Action.RESTORED}",
        scenarios("sql/undo", "ibis/undo"),
    ),
    Break(
        "a reader keeps what ended as its revision began",
        "core/sweep.py",
        "last.until > needs.oldest_revision",
        "last.until >= needs.oldest_revision",
        ("tests/core/test_sweep.py",),
    ),
    Break(
        "the oldest executions are kept, not the newest",
        "core/sweep.py",
        "not _must_stay(c, needs, pinned), -last_use[c]",
        "not _must_stay(c, needs, pinned), last_use[c]",
        ("tests/core/test_sweep.py",),
    ),
    Break(
        "age counts from the execution",
        "core/sweep.py",
        "    return max((claim.used_at, *(shown[c].ended_at for c in claim.contents if c in shown)))",
        "    return claim.used_at",
        ("tests/core/test_sweep.py",),
    ),
    Break(
        "the newest run may go",
        "core/sweep.py",
        "for n in numbers[:-1] if",
        "for n in numbers if",
        ("tests/core/test_sweep.py",),
    ),
    Break(
        "what was named once has a moment of grace",
        "core/sweep.py",
        "if c not in named and now",
        "if now",
        ("tests/core/test_sweep.py",),
    ),
    Break(
        "an object is paid by each of its executions",
        "core/sweep.py",
        "in set(claim.contents) if c not in kept)",
        "in set(claim.contents))",
        ("tests/core/test_sweep.py",),
    ),
    Break(
        "a reader does not hinder the lease",
        "edges/readers.py",
        "fcntl.F_SETLEASE, fcntl.F_WRLCK",
        "fcntl.F_SETLEASE, fcntl.F_RDLCK",
        ("tests/edges/test_readers.py",),
    ),
    Break(
        "what cannot be told counts as closed",
        "edges/readers.py",
        "    except OSError:\n        return True",
        "    except OSError:\n        return False",
        ("tests/edges/test_readers.py",),
    ),
    Break(
        "numbers of revisions outlive their database",
        "edges/readers.py",
        'with_name(f"{_UNKNOWN}-',
        'with_name(f"1-',
        ("tests/edges/test_readers.py",),
    ),
    Break(
        "the views are replaced without being held",
        "app/publish.py",
        "    hold()\n",
        "",
        ("tests/app/test_gc.py::test_another_process_that_has_an_old_revision_open_reads_it_after_builds_and_gc",),
    ),
    Break(
        "views that lag behind are not asked for",
        "app/gc.py",
        "return shown if oldest is None else min(oldest, shown)",
        "return oldest",
        ("tests/app/test_gc.py::test_views_that_lag_behind_after_a_crash_stay_readable",),
    ),
    Break(
        "forgotten extractions stay in memory",
        "app/gc.py",
        "            del world.extractions[key]",
        "            pass",
        ("tests/app/test_gc.py::test_extractions_of_files_as_they_are_stay_and_dropped_ones_are_made_again",),
    ),
    Break(
        "objects are unlinked before they are forgotten",
        "app/gc.py",
        "        tools.memory.drop(swept, world.run)\n",
        "        await asyncio.to_thread(tools.objects.discard, going)\n        tools.memory.drop(swept, world.run)\n",
        ("tests/app/test_gc.py::test_a_crash_between_forgetting_and_unlinking_leaves_files_that_the_next_gc_finds",),
    ),
    Break(
        "a new database trusts the numbers of the old one",
        "app/workspace.py",
        "            readers.forget_revisions()\n",
        "            pass\n",
        ("tests/app/test_gc.py::test_a_new_database_keeps_everything_while_somebody_reads_what_the_old_one_showed",),
    ),
    Break(
        "a broken source counts as no longer shown",
        "edges/store/shown.py",
        "return None if dataset is None else",
        "return frozenset() if dataset is None else",
        ("tests/app/test_gc.py::test_a_broken_source_goes_on_being_shown_as_it_was",),
    ),
    Break(
        "what was shown piles up",
        "edges/store/stock.py",
        "    connection.execute(again, (unread,))\n",
        "",
        ("tests/app/test_gc.py::test_going_back_and_forth_leaves_one_row_of_what_was_shown",),
    ),
    Break(
        "history goes by number alone",
        "edges/store/stock.py",
        "telling=frozenset(run for (run,) in telling)",
        "telling=frozenset()",
        ("tests/app/test_gc.py::test_history_goes_and_why_still_has_an_answer_for_every_task",),
    ),
    Break(
        "the run that made a table is forgotten once it was cut off",
        "edges/store/stock.py",
        "where action in ('executed', 'restored') group by task",
        "where action in ('cut_off') group by task",
        ("tests/app/test_gc.py::test_history_goes_and_why_still_has_an_answer_for_every_task",),
    ),
    Break(
        "a state of the first schema is shown nothing",
        "edges/store/migrations.py",
        "  select 'output', output, content,",
        "  select 'output', output, 'x',",
        ("tests/app/test_gc.py::test_a_state_of_the_first_schema_is_taken_over_and_nothing_of_it_is_lost",),
    ),
    Break(
        "the policy none restores what was remembered before",
        "app/run.py",
        "memo = None if forgotten else self",
        "memo = self",
        ("tests/app/test_kinds.py::test_what_was_remembered_before_the_policy_became_none_is_not_restored",),
    ),
    Break(
        "a view keeps the table that it was",
        "app/run.py",
        "self.world.put_output(spec.output, None)",
        "pass",
        ("tests/app/test_kinds.py::test_a_table_that_becomes_a_view_is_no_longer_stored_and_comes_back_restored",),
    ),
    Break(
        "a session forgets itself",
        "edges/store/database.py",
        "delete from memo where policy = ? and session <> ?",
        "delete from memo where policy = ? and session = ?",
        ("tests/app/test_kinds.py::test_a_pair_keeps_its_promise[compute-session]",),
    ),
    Break(
        "compute tables are files for users",
        "app/publish.py",
        "spec.kind is Kind.MATERIALIZATION",
        "spec.kind is not Kind.VIEW",
        ("tests/app/test_kinds.py::test_a_pair_keeps_its_promise[compute-session]",),
    ),
)
