"""Breaks that the simulation has to notice: by its slice of seeds, or by scripts that were made small or by hand."""

from tests.mutants.planted import Break

_SIM = "tests/sim/test_sim.py"
_SLICE = (f"{_SIM}::test_a_slice_of_seeds_shows_no_difference",)


def _bitten(*names: str) -> tuple[str, ...]:
    return tuple(f"{_SIM}::test_what_planted_breaks_make_differ_does_not_differ[{name}]" for name in names)


def _found(name: str) -> tuple[str, ...]:
    return (f"{_SIM}::test_what_once_differed_does_not_any_more[{name}]",)


BREAKS: tuple[Break, ...] = (
    Break(
        "simulation: what is no task file any more is still to be looked at again",
        "app/load.py",
        "        world.look_again.discard(path)\n    return stale",
        "    return stale",
        _found("changed_unseen_then_no_task"),
    ),
    Break(
        "simulation: changes are owed from a build's first step on only",
        "app/workspace.py",
        """        self._owe(changes)
        return self._build(wish)

    def _owe(self, changes: ChangeSet) -> None:
        self.undone = self.undone.merged(changes)

    async def _build(self, wish: Wish) -> BuildReport:
""",
        """        return self._build(changes, wish)

    def _owe(self, changes: ChangeSet) -> None:
        self.undone = self.undone.merged(changes)

    async def _build(self, changes: ChangeSet, wish: Wish) -> BuildReport:
        self._owe(changes)
""",
        _bitten("lost_changes"),
    ),
    Break(
        "simulation: a look trusts events only",
        "app/daemon.py",
        "self._workspace.look(gathered.hints)",
        "self._workspace.look(gathered.hints or frozenset())",
        _bitten("no_event"),
    ),
    Break(
        "simulation: a young hash is trusted",
        "edges/files/scan.py",
        """            if min(abs(now_ns - stamp.mtime_ns), abs(now_ns - stamp.ctime_ns)) >= RACY_NS:
""",
        """            if now_ns:
""",
        _bitten("young_hash"),
    ),
    Break(
        "simulation: objects are synced after the commit that names them",
        "app/build.py",
        "    synced = await _syncing(tools, world.carried.objects | world.taken_objects())\n"
        '    with tools.trace.span("commit"):\n'
        "        warnings = warnings_of(world)\n"
        "        delta = delta_of(world, record, problems)\n"
        "        tools.memory.commit(delta if warnings == world.unsure.stored else "
        "replace(delta, warnings=warnings), synced)\n",
        '    with tools.trace.span("commit"):\n'
        "        warnings = warnings_of(world)\n"
        "        delta = delta_of(world, record, problems)\n"
        "        tools.memory.commit(delta)\n"
        "        synced = await _syncing(tools, world.carried.objects | world.taken_objects())\n"
        "        if synced is not None:\n            synced()\n",
        _bitten("power"),
    ),
    Break(
        "a commit is true before the objects that it names are on disk",
        "edges/store/database.py",
        "                synced()\n",
        "                pass\n",
        ("tests/sim/test_contracts.py::test_a_commit_waits_for_the_objects_that_it_names",),
    ),
    Break(
        "simulation: what was shown under a name stays until its new owner has made something",
        "app/publish.py",
        "        elif world.source(name) is None:\n",
        "        elif world.source(name) is None and world.producer(name) is None:\n",
        _found("deleted_then_broken"),
    ),
    Break(
        "simulation: what is missing is said before a circle",
        "app/compile_task.py",
        "            if late:\n",
        "            if late and not trouble:\n",
        _found("circle_that_lost_what_was_missing"),
    ),
    Break(
        "simulation: what is below a circle waits with it",
        "app/compile.py",
        "        return frozenset(circles)\n",
        "        return frozenset(waiting)\n",
        ("tests/scenarios/test_scenarios.py::test_exactly_what_must_run_runs[sql/missing_below_a_circle]",),
    ),
    Break(
        "simulation: a circle is what waits in one",
        "app/circles.py",
        "{task: _read_by(world, task) for task in below})",
        "{t: _read_by(world, t) for t in below if _code(world, t) in {Code.UPSTREAM, Code.CYCLE}})",
        ("tests/scenarios/test_scenarios.py::test_exactly_what_must_run_runs[sql/circle_of_last_good_texts]",),
    ),
    Break(
        "simulation: a superseded build goes on",
        "app/daemon.py",
        """        if build is not None:
            await _ended(build)
        untold""",
        "        untold",
        _SLICE,
    ),
    Break(
        "simulation: an answer does not wait for the events before it",
        "app/daemon.py",
        """        await self._watcher.barrier()
""",
        "",
        _bitten("settles"),
    ),
    Break(
        "simulation: a barrier returns with the first hint",
        "edges/watch/watcher.py",
        "tuple(self._waiting[cookie] for cookie in told.cookies & self._waiting.keys())",
        "tuple(self._waiting.values())",
        _SLICE,
    ),
    Break(
        "simulation: nothing is tried again",
        "app/daemon.py",
        "building.retry | (worth_another_try(world) if self._retry else frozenset())",
        "building.retry",
        _found("died_while_measured"),
    ),
    Break(
        "simulation: a file that could not be read is not tried again",
        "app/daemon.py",
        "            try_files_again(world)\n",
        "            pass\n",
        _found("died_while_taken_in"),
    ),
    Break(
        "simulation: an execution that is taken over is taken for another",
        "app/run.py",
        "request, answer = await self",
        "_, answer = await self",
        _found("readers_changed_meanwhile"),
    ),
    Break(
        "simulation: young data is taken in",
        "edges/files/scan.py",
        "if -still_ns <= age_ns < still_ns:",
        "if still_ns < 0:",
        _bitten("young_data"),
    ),
    Break(
        "simulation: a large batch is not suspicious",
        "edges/watch/stepping.py",
        "lost=len(paths) >= BATCH_MAX",
        "lost=False",
        _bitten("large_batch"),
    ),
    Break(
        "simulation: a queue that has overflowed is not suspicious",
        "edges/watch/inotify.py",
        "            if mask & flags.Q_OVERFLOW:\n                self._is_lost = lost = True\n",
        "            if mask & flags.Q_OVERFLOW:\n                pass\n",
        _SLICE,
    ),
    Break(
        "simulation: there is no audit",
        "edges/watch/watcher.py",
        "if stood_still or now >= self._looked_at + audit_s:",
        "if stood_still:",
        _bitten("no_event"),
    ),
    Break(
        "simulation: what was loaded is not compared with what is compiled",
        "app/compile_task.py",
        "if not self._is_loaded(spec, read[0]):",
        "if not read[0]:",
        _found("other_text_compiled"),
    ),
    Break(
        "simulation: a look elsewhere forgets what is held",
        "app/workspace.py",
        "self.held = scan.held.union(elsewhere)",
        "self.held = scan.held",
        _bitten("held_elsewhere"),
    ),
    Break(
        "simulation: what is below a broken task runs",
        "app/run.py",
        "if self._is_broken(u)]",
        "if not u]",
        _bitten("broken_above"),
    ),
    Break(
        "simulation: a helper concerns nobody",
        "app/load.py",
        "    users = {module for path in touched for module in world.modules_of(path)}\n",
        "    users: set[str] = set()\n",
        _bitten("helper"),
    ),
    Break(
        "simulation: what readers have open is dropped",
        "app/gc.py",
        "        oldest_revision=_oldest_read(world, tools),\n",
        "        oldest_revision=None,\n",
        _bitten("reader"),
    ),
    Break(
        "simulation: nobody notes who reads what is replaced",
        "app/publish.py",
        "    stage.readers.hold(published_revision(world, stage.memory))\n",
        "",
        _bitten("reader"),
    ),
    Break(
        "simulation: settings that were wrong once are told of for good",
        "app/workspace.py",
        'world.loose_problems.pop("config", ())',
        'world.loose_problems.get("config", ())',
        _bitten("settings"),
    ),
    Break(
        "simulation: settings are read when a look finds their file changed, and never again",
        "app/workspace.py",
        "        if world.content(CONFIG_NAME) == self.configured:\n",
        "        if CONFIG_NAME not in changes.paths:\n",
        _found("settings_replaced_while_read"),
    ),
    Break(
        "simulation: other task folders count from the next start on",
        "app/workspace.py",
        "        world.registry = registry_of(world.settings, world.registry.installed)\n",
        "",
        _bitten("settings"),
    ),
    Break(
        "simulation: what was seen of a broken task is told of",
        "app/circles.py",
        "        if broken is not None:\n            _tell",
        "        if not broken:\n            _tell",
        _found("seen_of_a_broken_task"),
    ),
    Break(
        "simulation: what waited for a broken task waits on",
        "app/circles.py",
        " | {t for t in waiting if _is_met(world, t)}\n",
        "\n",
        _bitten("waited"),
    ),
)
