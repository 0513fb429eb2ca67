"""Whether the options of a task are right: the same rules for a Python decorator and for a comment in a SQL file.

The first mistake is given back as a `Fault` that names the option; the caller knows the place. Nothing is guessed: an
option that is not known, or does not fit another, never takes effect.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

from relspec.core.spec import DEFAULT_CACHE_POLICY, Builder, CachePolicy, Kind, TaskSpec
from relspec.core.suggest import closest
from relspec.core.warning import WarningCode

OPTIONS = ("name", "output", "kind", "cache_policy", "priority", "allow")
#: An output becomes a file name with a suffix, and file systems stop at 255 bytes.
NAME_LENGTH_MAX = 120
#: The name of a relation that the published DuckDB file uses for itself.
RESERVED_OUTPUTS = frozenset({"relspec_revision"})

_DEPENDENCY_OPTIONS = frozenset({"inputs", "input", "deps", "depends_on", "dependencies", "requires"})
_NAME = re.compile(r"\w[\w.-]*")
_OUTPUT = re.compile(r"\w+")

Choice = TypeVar("Choice", bound=StrEnum)


class Fault(msgspec.Struct, frozen=True):
    """One wrong option: a sentence and a hint."""

    option: str
    message: str
    hint: str | None


def declare(options: Mapping[str, object], default: str, builder: Builder, line: int) -> TaskSpec | Fault:
    """Make the spec of a task whose name and output default to `default`."""
    name, output, priority = options.get("name", default), options.get("output", default), options.get("priority", 0)
    fault = _unknown_option(options) or _wrong_text("name", name, _NAME) or _wrong_priority(priority)
    if fault is not None:
        return fault
    kind = _choice(Kind, "kind", options.get("kind", Kind.MATERIALIZATION))
    if isinstance(kind, Fault):
        return kind
    policy = _choice(CachePolicy, "cache_policy", options.get("cache_policy", DEFAULT_CACHE_POLICY[kind]))
    if isinstance(policy, Fault):
        return policy
    allow = _allowed(options.get("allow", ()))
    if isinstance(allow, Fault):
        return allow
    fault = _clash(kind, policy) or wrong_output(output)
    if fault is not None:
        return fault
    assert isinstance(priority, int)
    return TaskSpec(str(name), str(output), kind, policy, priority, builder, line, allow)


def wrong_output(output: object) -> Fault | None:
    """Say why a value cannot name an output; `None` when it can."""
    fault = _wrong_text("output", output, _OUTPUT)
    if fault is None and str(output).lower() in RESERVED_OUTPUTS:
        fault = Fault("output", f"the output {output!r} is reserved for the tool itself", "choose another name")
    return fault


def _unknown_option(options: Mapping[str, object]) -> Fault | None:
    for option in options:
        if option in _DEPENDENCY_OPTIONS:
            message = f"{option}= is not an option: what a task reads is inferred from its query, down to the column"
            return Fault(option, message, "remove it; a declared list could be wrong or out of date, the query cannot")
        if option not in OPTIONS:
            near = closest(option, OPTIONS)
            hint = f"did you mean {near!r}?" if near else f"the options are {', '.join(OPTIONS)}"
            return Fault(option, f"a task has no option {option!r}", hint)
    return None


def _wrong_text(option: str, value: object, pattern: re.Pattern[str]) -> Fault | None:
    if not isinstance(value, str):
        return Fault(option, f"{option} must be a text, not {value!r}", f'write {option}="..."')
    if len(value) > NAME_LENGTH_MAX:
        return Fault(option, f"{option} has {len(value)} characters, at most {NAME_LENGTH_MAX} are allowed", None)
    if pattern.fullmatch(value) is None:
        more = ", dots and dashes" if option == "name" else ""
        hint = f"use letters, digits and underscores{more}" + ("; it becomes a table and a file" if not more else "")
        return Fault(option, f"{value!r} cannot be the {option} of a task", hint)
    return None


def _wrong_priority(value: object) -> Fault | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    return Fault("priority", f"priority must be a whole number, not {value!r}", "lower runs earlier; the default is 0")


def _choice(choices: type[Choice], option: str, value: object) -> Choice | Fault:
    known = [choice.value for choice in choices]
    if isinstance(value, str) and value in known:
        return choices(value)
    near = closest(value, known) if isinstance(value, str) else None
    hint = f"did you mean {near!r}?" if near else f"it is one of {', '.join(known)}"
    return Fault(option, f"{option} cannot be {value!r}", hint)


def _allowed(value: object) -> tuple[WarningCode, ...] | Fault:
    """Read codes of warnings: one text with `+` between them (commas part options), or several texts."""
    words = value.split("+") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)):
        return Fault("allow", f"allow must be codes of warnings, not {value!r}", 'write allow="float-sum"')
    found = []
    for word in words:
        code = _choice(WarningCode, "allow", word)
        if isinstance(code, Fault):
            return code
        found.append(code)
    return tuple(found)


def _clash(kind: Kind, policy: CachePolicy) -> Fault | None:
    if kind is not Kind.VIEW or policy is CachePolicy.NONE:
        return None
    message = f"a view is never stored, so cache_policy={policy.value!r} cannot be kept"
    return Fault("cache_policy", message, 'leave cache_policy out, or make it kind="compute"')
