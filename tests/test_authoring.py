"""The decorators: they note a function, give it back as it was, and load nothing heavy."""

import functools
import subprocess
import sys

import pytest

from relspec import extract, task
from relspec.authoring import Declaration, Role, declarations


def test_a_decorated_function_stays_what_it_was_and_is_noted() -> None:
    def plain(ctx): ...

    def told(ctx): ...

    def rows(file): ...

    assert task(plain) is plain
    assert task(kind="view", priority=3)(told) is told
    assert extract(files="*.py")(rows) is rows
    cached = functools.cache(plain)
    assert task(cached) is cached
    assert declarations()[-4:] == (
        Declaration(Role.TASK, plain, {}),
        Declaration(Role.TASK, told, {"kind": "view", "priority": 3}),
        Declaration(Role.EXTRACTOR, rows, {"files": "*.py"}),
        Declaration(Role.TASK, cached, {}),
    )
    assert vars(plain) == {}


@pytest.mark.parametrize("wrong", ["revenue", 3, type("Revenue", (), {}), functools.partial(print), print])
def test_what_is_no_function_is_refused_where_it_stands(wrong) -> None:
    before = declarations()
    with pytest.raises(TypeError, match="decorates functions"):
        task(wrong)
    with pytest.raises(TypeError, match="by name"):
        task(kind="view")(wrong)
    with pytest.raises(TypeError, match="files"):
        extract(wrong)
    assert declarations() == before


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, relspec; print(*sorted(m for m in ('ibis', 'duckdb', 'pyarrow', 'sqlglot') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
