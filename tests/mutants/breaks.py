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
)
