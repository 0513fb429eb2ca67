"""Breaks in what is warned of, and in how clocks, chance and requests to execute again are handled."""

from tests.mutants.planted import Break

_CORE = "tests/core/test_repeatable.py"
_APP = "tests/app/test_repeatability.py"
_SETTLED = f"{_CORE}::test_what_the_engine_happens_to_settle_is_not_taken_for_settled"
_NO_NOISE = f"{_CORE}::test_a_warning_is_no_noise"
_SILENCE = f"{_CORE}::test_silence_means_that_the_order_of_rows_does_not_matter"
_KEPT = f"{_APP}::test_warnings_kept_from_before_are_those_of_all_plans_taken_together"
_ROWS = f"{_CORE}::test_what_tells_the_rows_of_a_result_apart"

BREAKS = (
    Break(
        "what ARRAY unnests ties in nothing",
        "core/repeatable.py",
        "self._row_ties(relation, _order_keys(relation), relation.projections)",
        "self._ties(Settled(self._facts, relation, _order_keys(relation)), relation.projections)",
        (_NO_NOISE,),
    ),
    Break(
        "what an output makes is ordered by a column of its name",
        "core/repeatable.py",
        "if bare(p) not in keys]",
        "if bare(p) not in keys and p.alias_or_name not in {key.name for key in keys}]",
        (_NO_NOISE,),
    ),
    Break(
        "an unknown function makes rows",
        "core/functions.py",
        '(isinstance(node, _NAMELESS) and _name(node) == "generate_subscripts")',
        "is_unknown(node)",
        (_SILENCE,),
    ),
    Break(
        "one group is one row although it is unnested",
        "core/uniqueness.py",
        "(is_one_group(self.scopes, selection) and not multiplied)",
        "is_one_group(self.scopes, selection)",
        (_NO_NOISE, _SETTLED),
    ),
    Break(
        "unnesting one row is open",
        "core/repeatable.py",
        "made = [] if self._has_one_row(selection) else [p",
        "made = [p",
        (_SILENCE,),
    ),
    Break(
        "the last column of an ASOF USING is an equality",
        "core/asof.py",
        "yield from conditions[:-1] if hidden else conditions",
        "yield from conditions",
        (_SETTLED,),
    ),
    Break(
        "an expression that an ASOF join compares settles its columns",
        "core/asof.py",
        "for side in (condition.this, condition.expression)]",
        "for side in condition.find_all(exp.Column)]",
        (_NO_NOISE,),
    ),
    Break(
        "an ASOF join is open whatever is seen of it",
        "core/repeatable.py",
        'if source.join.side in ("RIGHT", "FULL") else set()',
        "",
        (_SILENCE,),
    ),
    Break(
        "an ASOF join settles nothing",
        "core/settled.py",
        "asof = is_asof(source.join)",
        "asof = False",
        (_SILENCE,),
    ),
    Break(
        "an aggregate is over the rows of the subquery that it stands in",
        "core/repeatable.py",
        "home = self._home(use)",
        "home = use.owner",
        (_NO_NOISE,),
    ),
    Break(
        "a plan that moves leaves its readers' warnings as they are",
        "app/world.py",
        "self.unsure.move([task], [made.output for made in known if made is not None])",
        "self.unsure.move([task], [])",
        (_KEPT,),
    ),
    Break(
        "another catalog leaves warnings as they are",
        "app/world.py",
        "        self.unsure.redeclare(before, self.catalog)\n",
        "",
        (_KEPT,),
    ),
    Break(
        "settings leave warnings as they are",
        "app/unsure.py",
        "self.due |= self._weighed.keys()",
        "self.due |= set()",
        (_KEPT,),
    ),
    Break(
        "all warnings are worked out anew",
        "app/unsure.py",
        "self.due -= found.keys()",
        "self.due = set(self._weighed)",
        (f"{_APP}::test_only_warnings_that_may_have_moved_are_worked_out",),
    ),
    Break(
        "a circle of rows handed on has no end",
        "core/warning.py",
        "while dataset.lower() not in seen and (found",
        "while (found",
        ("tests/scenarios/test_scenarios.py::test_exactly_what_must_run_runs[sql/cycle_below_a_finding]",),
    ),
    Break(
        "a correlated query is as unique as it looks",
        "core/uniqueness.py",
        "if self._depends_on_outside(relation):",
        "if False:",
        (_SETTLED,),
    ),
    Break(
        "grouping sets are unique in their keys",
        "core/uniqueness.py",
        "keys += [] if group.sets else self._positions(",
        "keys += self._positions(",
        (_ROWS,),
    ),
    Break("some sums of doubles are exact", "core/behaviour.py", "favg fsum kahan_sum mean", "mean", (_NO_NOISE,)),
    Break(
        "every order has to be total",
        "core/repeatable.py",
        "if (clause is not order or counts) and not any(",
        "if not any(",
        (_SILENCE,),
    ),
    Break(
        "a full join keeps its rows apart",
        "core/clauses.py",
        'in ("RIGHT", "FULL")',
        'in ("RIGHT",)',
        (_ROWS,),
    ),
    Break("frames of ranges count rows", "core/calls.py", '!= "ROWS"', '!= "GROUPS"', (_NO_NOISE,)),
    Break(
        "chance is the same for all",
        "edges/engine/execute.py",
        'f"SELECT setseed({seed_of(request.key)})"',
        'f"SELECT setseed(0.5)"',
        ("tests/edges/engine/test_execute.py", _APP),
    ),
    Break(
        "chance is left to chance",
        "edges/engine/execute.py",
        '*map(_offer, request.inputs), f"SELECT setseed({seed_of(request.key)})"',
        '*map(_offer, request.inputs), "SELECT 1"',
        ("tests/edges/engine/test_execute.py", _APP),
    ),
    Break(
        "engines use all cores",
        "edges/engine/connection.py",
        '"threads": "1",',
        '"threads": "4",',
        (f"{_APP}::test_the_same_files_give_the_same_bytes_on_any_number_of_cores",),
    ),
    Break(
        "the clock runs backwards",
        "core/plan.py",
        "is not CachePolicy.NONE and not plan.repeatability.reads_clock",
        "is not CachePolicy.NONE",
        (f"{_APP}::test_the_clock_does_not_run_backwards",),
    ),
    Break(
        "again is not heard",
        "app/run.py",
        "not in self.dirty and task not in self.again and",
        "not in self.dirty and",
        (f"{_APP}::test_again_executes_what_is_named_and_its_readers_by_their_digests",),
    ),
    Break(
        "a daemon does not hear again",
        "app/daemon.py",
        "Wish(retry=retry, again=again)",
        "Wish(retry=retry)",
        (f"{_APP}::test_again_goes_through_the_daemon",),
    ),
    Break(
        "a warning is told with every run",
        "ui/lines.py",
        "if warning not in self._warned]",
        "if warning]",
        ("tests/ui/test_lines.py",),
    ),
)
