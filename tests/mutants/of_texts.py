"""Breaks in what a text proves about files that are not loaded and builders that are not called."""

from tests.mutants.planted import Break

_SKETCH = "tests/core/test_sketch.py"
_TEXTS = "tests/app/test_texts.py"
_WORDING = "tests/core/test_wording.py"
_BINDING = ("tests/edges/engine/test_empties.py",)
_ANALYSES = "tests/edges/engine/test_analyses.py"

BREAKS = (
    Break(
        "each database has its own zone",
        "edges/engine/connection.py",
        "SET GLOBAL TimeZone",
        "SET TimeZone",
        _BINDING,
    ),
    Break(
        "what spoils a transaction is forgotten",
        "edges/engine/empties.py",
        """            self.is_spoilt = True
            raise
        self._there""",
        """            raise
        self._there""",
        _BINDING,
    ),
    Break(
        "what calls a database by its name is asked in the other one",
        "edges/engine/empties.py",
        "self._first if _CALLED.search(sql) else",
        "None if _CALLED.search(sql) else",
        _BINDING,
    ),
    Break(
        "what is asked again is made again",
        "edges/engine/empties.py",
        "self._other() if wanted in self._lately else self._used",
        "self._used",
        _BINDING,
    ),
    Break(
        "complaints name what lies in the other database",
        "edges/engine/empties.py",
        """            self._beside.close()
        self._used""",
        """            pass
        self._used""",
        _BINDING,
    ),
    Break(
        "two texts in a row are two, whatever lies between them",
        "core/wording.py",
        """text[end - 1 : end] == text[start : start + 1] == "'" or""",
        "False or",
        (f"{_WORDING}::test_where_a_parser_may_see_more_there_is_no_wording",),
    ),
    Break(
        "an arrow before a comment is the arrow of a lambda",
        "core/wording.py",
        """(text[end] in "-/" and text[end - 1] in _OPERATORS)""",
        "False",
        (f"{_WORDING}::test_where_a_parser_may_see_more_there_is_no_wording",),
    ),
    Break(
        "tokens that touch say the same as tokens apart",
        "core/wording.py",
        """[" " if between else "", plain_word""",
        """[" ", plain_word""",
        (f"{_WORDING}::test_another_token_is_another_text",),
    ),
    Break(
        "a query that was compiled for other columns stands",
        "edges/engine/analyses.py",
        'replace(request, text="")',
        'replace(request, text="", schemas=())',
        (f"{_ANALYSES}::test_another_question_is_compiled",),
    ),
    Break(
        "a warning stays at the line where it was",
        "edges/engine/analyses.py",
        "marks is not None and not found.answer.repeatability.findings",
        "marks is not None",
        (f"{_ANALYSES}::test_what_has_a_place_in_the_text_is_compiled_each_time",),
    ),
    Break(
        "a decorator that is half written ends the daemon",
        "core/sketch.py",
        "    if not more:\n",
        '    if not more and first != "@":\n',
        (f"{_SKETCH}::test_what_is_no_program_is_sketched_or_not_and_raises_nothing",),
    ),
    Break(
        "a loop that is half written ends the daemon",
        "core/sketch.py",
        'tuple(itertools.takewhile(lambda part: part != "in", tokens[at:]))',
        'tokens[at : tokens.index("in", at)]',
        (f"{_SKETCH}::test_what_is_no_program_is_sketched_or_not_and_raises_nothing",),
    ),
    Break(
        "an end of a line that is none for others is a space",
        "core/sketch.py",
        "    if _CONTROL.search(data):\n        return None\n",
        "",
        (f"{_SKETCH}::test_texts_of_the_same_tokens_are_the_same_program",),
    ),
    Break(
        "how deep a line stands is no part of what a text says",
        "core/sketch.py",
        '(f"{line.depth}\\0" + "\\0".join(line.tokens) for line in lines)',
        '("\\0".join(line.tokens) for line in lines)',
        (f"{_SKETCH}::test_how_deep_a_line_stands_counts",),
    ),
    Break(
        "code that sees its own text is taken for blind",
        "core/sketch.py",
        "            return True\n        return text in _LEADING or",
        "            return False\n        return text in _LEADING or",
        (f"{_SKETCH}::test_there_is_none_of_what_may_see_its_text",),
    ),
    Break(
        "a list at the top of a file is taken for a constant",
        "core/sketch.py",
        '_FIXED = re.compile(r"[-+*/(),.\\d]+|',
        '_FIXED = re.compile(r"[-+*/(),.\\d\\[\\]]+|',
        (f"{_SKETCH}::test_there_is_no_rest_where_one_body_may_matter_to_another",),
    ),
    Break(
        "a body that others call counts for its own task alone",
        "core/sketch.py",
        "    return not any(tasks & _mentions(line.tokens) for line in lines)\n",
        "    return True\n",
        (f"{_SKETCH}::test_there_is_no_rest_where_one_body_may_matter_to_another",),
    ),
    Break(
        "a helper is taken to be as it was",
        "app/texts.py",
        "and was.whole == now.whole else None",
        "else None",
        (f"{_TEXTS}::test_a_comment_calls_nothing_and_moves_the_rows",),
    ),
    Break(
        "what is installed is taken to be blind",
        "app/texts.py",
        " or not _are_known([was for was, _ in sure], before.files):",
        ":",
        (f"{_TEXTS}::test_what_may_see_its_text_is_loaded",),
    ),
    Break(
        "a name leads to the same file whatever came",
        "app/texts.py",
        "    return not (added or world.retooled",
        "    return not (world.retooled",
        (f"{_TEXTS}::test_a_new_file_may_bear_the_name_of_an_import",),
    ),
    Break(
        "what a helper holds is shared by no two bodies",
        "app/texts.py",
        "    return all(other.rest is not None for other in others) and named",
        "    return named",
        (f"{_TEXTS}::test_a_body_calls_its_own_builder",),
    ),
    Break(
        "a task whose query failed is left with the row of that",
        "app/texts.py",
        " or record.problem is not None or task in world.unsettled or not rests(world, task):",
        ":",
        (f"{_TEXTS}::test_a_task_whose_query_failed_is_built_and_tried",),
    ),
)
