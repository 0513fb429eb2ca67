"""Breaks in what is waited for before an answer, and in what a cancelled build leaves to the next one."""

from tests.mutants.planted import Break

_LOOKS = "tests/app/test_looks.py"
_SETTINGS = "tests/app/test_settings.py"

BREAKS: tuple[Break, ...] = (
    Break(
        "what supersedes the first build after its end is the first one",
        "app/daemon.py",
        "        self._told_before = world.has_told\n",
        "        self._told_before = self._first_done\n",
        (f"{_LOOKS}::test_a_save_at_the_very_end_of_the_first_build_is_told_to_whoever_asks_next",),
    ),
    Break(
        "thousands of tasks that need nothing let nobody have a turn",
        "app/run.py",
        "                if left % TURN == 0:",
        "                if left < 0:",
        ("tests/app/test_turns.py",),
    ),
    Break(
        "a long loop lets nobody have a turn",
        "app/turns.py",
        "        if number % TURN == 0:",
        "        if number < 0:",
        ("tests/app/test_turns.py",),
    ),
    Break(
        "what a build took counts as waiting for a file",
        "app/daemon.py",
        "        if any(last - first < HELD_S for first, last in spans):\n            return\n",
        "",
        (f"{_LOOKS}::test_an_answer_waits_for_what_moved_while_it_was_read_however_long_that_took",),
    ),
    Break(
        "a child that was forked for a cancelled call is left alone",
        "edges/loader/client.py",
        "            # Nobody else knows of it yet.\n            await child.end()\n            raise",
        "            raise",
        ("tests/edges/loader/test_sessions.py",),
    ),
    Break(
        "who tells nothing of writers holds coarse timestamps too short",
        "edges/files/scan.py",
        "max(still_ns, STILL_UNKNOWN_NS if written is None else STILL_DATA_NS)",
        "STILL_UNKNOWN_NS if written is None else STILL_DATA_NS",
        ("tests/edges/test_files.py",),
    ),
    Break(
        "other patterns of git leave the watch as it was",
        "edges/watch/watcher.py",
        '        self._is_stale |= any(path.endswith(f"/{GITIGNORE}") for path in paths)\n',
        "",
        ("tests/edges/test_watch.py::test_other_patterns_of_git_bring_folders_in_and_out",),
    ),
    Break(
        "git's patterns hide what was asked for",
        "core/scope.py",
        "        return not any(is_below(name, path) or name == path for name in asked) and not any(",
        "        return not any(False for name in asked) and not any(",
        ("tests/edges/test_files.py::test_what_was_asked_for_is_found_though_git_ignores_it",),
    ),
    Break(
        "nobody waits for what does not hold still",
        "app/daemon.py",
        "moves = {*self._workspace.held, *self._workspace.world.look_again}",
        "moves = {*self._workspace.world.look_again}",
        (
            f"{_LOOKS}::test_an_answer_waits_for_data_that_is_being_written",
            f"{_LOOKS}::test_a_build_sees_data_that_was_saved_just_before",
        ),
    ),
    Break(
        "no wait: a look at new settings forgets what it held",
        "app/workspace.py",
        "        self.held = scan.held\n",
        "",
        (f"{_LOOKS}::test_what_new_settings_bring_in_is_held_like_all_else",),
    ),
    Break(
        "no wait: no look follows a build that moved the scope",
        "app/daemon.py",
        "        if self._workspace.scope_moved:\n",
        "        if self._workspace.scope_moved and not self._first_done:\n",
        (f"{_LOOKS}::test_a_write_in_a_folder_that_a_build_found_to_be_needed_is_not_missed",),
    ),
    Break(
        "no wait: a watch that is made anew forgets that it was to be made anew once more",
        "edges/watch/watcher.py",
        "self._is_stale |= moved",
        "self._is_stale = moved",
        ("tests/edges/test_watch.py::test_what_is_to_be_watched_may_change_while_the_folders_are_listed",),
    ),
    Break(
        "a cancelled build keeps its changes to itself",
        "app/workspace.py",
        "self.undone = self.undone.merged(changes)",
        "self.undone = changes",
        (f"{_LOOKS}::test_a_cancelled_build_leaves_its_changes_to_the_next",),
    ),
    Break(
        "a look that takes settings over takes what it found with it when it is cancelled",
        "app/workspace.py",
        "            self._owe(changes)  # They are found no more.\n",
        "",
        (f"{_SETTINGS}::test_a_look_that_is_cancelled_while_it_takes_settings_over_loses_nothing",),
    ),
    Break(
        "settings are those of another text than the one that was seen last",
        "app/workspace.py",
        "        if world.content(CONFIG_NAME) == self.configured:\n",
        "        if CONFIG_NAME not in changes.paths:\n",
        (
            f"{_SETTINGS}::test_settings_that_went_away_while_they_were_read_do_not_stay",
            f"{_SETTINGS}::test_settings_that_were_there_for_the_moment_of_reading_do_not_stay",
            f"{_SETTINGS}::test_settings_that_moved_between_opening_and_the_first_look_hold",
        ),
    ),
    Break(
        "settings that could not be read count as read",
        "app/workspace.py",
        'self.configured = ""',
        "self.configured = world.content(CONFIG_NAME)",
        (
            f"{_SETTINGS}::test_a_file_that_cannot_be_read_is_read_as_soon_as_it_can",
            f"{_SETTINGS}::test_a_folder_in_the_place_of_the_file_is_told_of_while_it_is_there",
        ),
    ),
    Break(
        "settings that stay as they are cost a look at everything",
        "app/workspace.py",
        "        if world.settings == before[0]:\n",
        '        if "config" in world.loose_problems:\n',
        (f"{_SETTINGS}::test_a_file_that_no_look_sees_costs_no_look_at_everything",),
    ),
    Break(
        "settings that are right again are nothing to tell of",
        "app/workspace.py",
        'if (world.settings, world.loose_problems.get("config", ())) != before:',
        "if world.settings != before[0]:",
        (f"{_SETTINGS}::test_settings_that_were_wrong_for_the_moment_of_reading_are_told_of_no_more",),
    ),
    Break(
        "settings that ignore their own file are never read again",
        "core/scope.py",
        "        if path == CONFIG_NAME:\n            return False\n",
        "",
        (f"{_SETTINGS}::test_settings_do_not_make_us_blind_to_themselves",),
    ),
    Break(
        "a look that was cancelled is forgotten",
        "app/workspace.py",
        "        hints, self._scan_was_lost = None if self._scan_was_lost else hints, True",
        "        pass",
        (f"{_LOOKS}::test_a_look_that_was_cancelled_is_made_up_for",),
    ),
    Break(
        "changes are owed from a build's first step on only",
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
        (f"{_LOOKS}::test_a_build_that_was_cancelled_before_its_first_step_leaves_its_changes_to_the_next",),
    ),
    Break(
        "a cancelled build takes the wish to try again with it",
        "app/daemon.py",
        "building.retry | (",
        "(",
        (f"{_LOOKS}::test_a_build_in_place_of_another_tries_again_what_that_one_was_to_try",),
    ),
    Break(
        "below what a cancelled build had run nothing follows",
        "app/build.py",
        "        world.unsettled |= world.pending & world.catalog.by_name.keys()\n",
        "",
        (f"{_LOOKS}::test_what_ran_before_a_build_was_superseded_is_told",),
    ),
    Break(
        "what a cancelled build had run is told to nobody",
        "app/build.py",
        "        world.carried.ran |= {",
        "        _ = {",
        (f"{_LOOKS}::test_what_ran_before_a_build_was_superseded_is_told",),
    ),
    Break(
        "what a cancelled build had committed is told to nobody",
        "app/build.py",
        "    world.untold = record\n",
        "",
        (f"{_LOOKS}::test_a_run_that_was_committed_before_it_was_superseded_is_told_and_shown",),
    ),
    Break(
        "what a cancelled build was to publish is never published",
        "app/build.py",
        "    shown = world.shown.waiting()\n",
        "    shown = world.shown.waiting()\n    world.shown.publish(world.revision)\n",
        (f"{_LOOKS}::test_a_run_that_was_committed_before_it_was_superseded_is_told_and_shown",),
    ),
    Break(
        "who reads what a cancelled build compiled is left out",
        "app/build.py",
        "*_outputs(world, world.unsettled & world.catalog.by_name.keys())}",
        "*_outputs(world, set(came))}",
        (f"{_LOOKS}::test_no_reader_is_left_out_when_a_build_is_cancelled_while_it_compiles",),
    ),
    Break(
        "who reads what a cancelled build found to be gone is left out",
        "app/build.py",
        "    world.removed |= {world.plans[t]",
        "    world.removed = {world.plans[t]",
        (f"{_LOOKS}::test_no_reader_is_left_out_when_a_build_is_cancelled_while_it_compiles",),
    ),
    Break(
        "what was known of a folder that could not be listed is believed",
        "edges/files/scan.py",
        "{f for f in folders if f in self._walked or f in self._unlisted}",
        "{f for f in folders if f in self._walked}",
        ("tests/edges/test_files.py::test_a_shortage_of_descriptors_loses_nothing",),
    ),
    Break(
        "a source that a cancelled build found to be gone stays",
        "app/take_in.py",
        """    for name in gone:
        world.put_source(name, None)
    world.moved |= gone
    await together(_bring(world, engines, found, anew) for found in assigned.values())
""",
        """    await together(_bring(world, engines, found, anew) for found in assigned.values())
    for name in gone:
        world.put_source(name, None)
    world.moved |= gone
""",
        (f"{_LOOKS}::test_what_a_cancelled_build_took_in_is_new_to_the_next",),
    ),
    Break(
        "no wait: a file that somebody writes is looked at as if it were whole",
        "edges/watch/inotify.py",
        "whole[path] = bool(mask & _WHOLE) and not mask & flags.ISDIR",
        "whole[path] = True",
        ("tests/edges/test_inotify.py::test_a_file_that_somebody_writes_is_not_whole_until_it_is_closed",),
    ),
    Break(
        "no wait: nothing is known to be whole",
        "edges/watch/watcher.py",
        "Hint(paths, events.whole & paths)",
        "Hint(paths)",
        ("tests/edges/test_inotify.py::test_a_hint_comes_at_once",),
    ),
    Break(
        "no wait: a folder that was made again is trusted to be watched",
        "edges/watch/inotify.py",
        "                lost |= self._forget(watch)\n",
        "                pass\n",
        ("tests/edges/test_inotify.py",),
    ),
    Break(
        "no wait: one file of a burst is looked at before the others",
        "core/settle.py",
        "files = files if len(files) > 1 else files.union(islice(filter(wants, hint.paths), 2))",
        "files = frozenset(islice(filter(wants, hint.paths), 2))",
        ("tests/core/test_settle.py",),
    ),
    Break(
        "no wait: what was whole stays so",
        "core/settle.py",
        "whole = (whole - hint.paths | hint.whole) & files",
        "whole = (whole | hint.whole) & files",
        ("tests/core/test_settle.py",),
    ),
    Break(
        "no wait: each of many saves is looked at by itself",
        "core/settle.py",
        "if is_lone and is_after_quiet else",
        "if is_lone else",
        ("tests/core/test_settle.py",),
    ),
    Break(
        "no wait: a whole file waits as long as any",
        "app/daemon.py",
        "gather(self._gathered, hint, self._now()",
        "gather(self._gathered, Hint(hint.paths), self._now()",
        ("tests/app/test_looks.py::test_a_lone_file_that_is_whole_does_not_wait_for_quiet",),
    ),
    Break(
        "no wait: the folder of cookies comes back at once",
        "edges/watch/watcher.py",
        "    def _list(self) -> Listing:\n",
        "    def _list(self) -> Listing:\n        self._make_cookies()\n",
        ("tests/edges/test_watch.py::test_who_deletes_the_state_finds_nothing_new_in_it",),
    ),
)
