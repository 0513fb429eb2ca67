"""Breaks in what extractors are called for, and what of their answers is shown."""

from tests.mutants.planted import Break

_TESTS = "tests/app/test_extract.py"

BREAKS = (
    Break(
        "the store is not asked what it remembers of a file",
        "app/extract.py",
        "        if stored is None or not all(self.objects.has(part.content) for _, _, part in stored.tables):\n",
        "        if stored is not None or stored is None:\n",
        (f"{_TESTS}::test_a_save_costs_its_file_and_what_its_rows_move",),
    ),
    Break(
        "what was extracted by a build that was cancelled is not shown",
        "app/extract.py",
        "        state.pending.update(touched)\n",
        "        state.pending.update(touched)\n        state.moved.clear()\n",
        (f"{_TESTS}::test_what_a_cancelled_build_extracted_is_shown_by_the_next",),
    ),
    Break(
        "a declared table is not there while there is no file",
        "core/state.py",
        "if self.problems or not (taken or self.fixed):",
        "if self.problems or not taken:",
        (f"{_TESTS}::test_a_file_that_goes_or_is_renamed_takes_its_rows_along",),
    ),
    Break(
        "tables are not compared with what is declared",
        "edges/loader/extracting.py",
        "        if given.columns == schema.columns:\n",
        "        if given.columns:\n",
        (f"{_TESTS}::test_other_tables_than_declared_are_a_problem",),
    ),
    Break(
        "an extractor that was saved meanwhile answers for what it was",
        "edges/loader/extracting.py",
        "if (known.name, known.code) == (spec.name, spec.code)), None)",
        "if known.name == spec.name), None)",
        (f"{_TESTS}::test_an_extractor_that_is_saved_before_it_runs_gives_nothing_for_what_it_was",),
    ),
    Break(
        "bytes that were touched are extracted again",
        "edges/loader/extracting.py",
        "    if request.known is not None and request.known.content == content:\n        return request.known\n",
        "",
        (f"{_TESTS}::test_a_touch_calls_no_extractor",),
    ),
    Break(
        "parts are looked for where the project was",
        "app/extractions.py",
        'replace(part, path=f"{self.objects}/{part.content}.parquet")',
        "part",
        (f"{_TESTS}::test_a_copied_project_reads_its_own_objects",),
    ),
    Break(
        "below which folder a file is named does not count",
        "core/work.py",
        'digest_of("extractor", self.code, self.base)',
        'digest_of("extractor", self.code)',
        (f"{_TESTS}::test_the_settings_point_an_extractor_at_other_files",),
    ),
    Break(
        "settings do not widen what is watched",
        "app/build.py",
        'path.endswith(".py") or path == CONFIG_NAME',
        'path.endswith(".py")',
        (f"{_TESTS}::test_the_settings_point_an_extractor_at_other_files",),
    ),
    Break(
        "what went is not taken out of the bag of a dataset",
        "app/digests.py",
        "            total = without(total, (self._known[content, name] for content in gone.elements()))\n",
        "",
        ("tests/app/test_scans.py", f"{_TESTS}::test_a_save_costs_its_file_and_what_its_rows_move"),
    ),
    Break(
        "parts that are measured together change places",
        "edges/engine/measure.py",
        "    return tuple(found.get(path, none) for path in paths)\n",
        "    return tuple(found.get(path, none) for path in reversed(paths))\n",
        ("tests/sim/test_contracts.py::test_engines",),
    ),
)
