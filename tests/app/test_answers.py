"""What a request may say: whoever reaches the socket may send anything."""

from typing import Any

import pytest

from relspec.app.answers import check_arguments
from relspec.core.errors import ConfigError


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"tasks": ["a", "b"], "file": None, "again": True},
        {"task": "a; drop table b"},
        {"tasks": [], "file": "tasks/..a.sql"},
        {"sync": False, "dry_run": None},
    ],
)
def test_names_and_whether_are_what_a_request_has(arguments: dict[str, Any]) -> None:
    check_arguments(arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tasks": 5}, "'tasks' of a request is a list of names, and 5 is none"),
        ({"tasks": "total"}, "a list of names, and 'total' is none"),
        ({"tasks": [None, {}]}, "a list of names"),
        ({"task": {"x": 1}}, "a name, and"),
        ({"file": 7}, "a path in the project, and 7 is none"),
        ({"file": "/etc/passwd"}, "a path in the project, and '/etc/passwd' is none"),
        ({"file": "tasks/../../x"}, "a path in the project"),
        ({"again": "yes"}, "true or false, and 'yes' is none"),
        ({"sql": "select 1"}, "a request has no argument 'sql'"),
        ({"path": "x" * 10_000}, "a request has no argument 'path'"),
        ({"file": ["x" * 10_000]}, "and \\['x{58} is none"),
    ],
)
def test_what_is_not_of_its_kind_is_refused_with_a_sentence(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_arguments(arguments)
