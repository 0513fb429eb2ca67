"""What a `gc` dropped, and why the rest stayed."""

from collections.abc import Mapping
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.text import counted, pad, size

_KEPT = {
    "current": "of tables as they are",
    "reader": "that somebody may still read",
    "pinned": "of pinned outputs",
    "recent": "of recent executions",
    "young": "written a moment ago",
}
_FREED = (
    ("executions", "remembered execution"),
    ("extractions", "extraction"),
    ("digests", "digest"),
    ("runs", "run"),
)


def gc_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show one line for what went, and one for each reason that something stayed."""
    freed = document["freed"]
    what = [f"{counted(freed['objects'], 'object')} ({size(freed['bytes'])})"]
    what += [counted(freed[key], noun) for key, noun in _FREED if freed[key]]
    verb = "would free" if document["dry_run"] else "freed"
    lines = [f"{page.paint(verb, 'green')} {', '.join(what)}"]
    kept = [entry for entry in document["kept"] if entry["objects"]]
    lines += [_kept_line(entry) for entry in kept]
    if document["oldest_reader"] is not None:
        known = f"revision {document['oldest_reader']}"
        lines.append(f"  somebody has {known if document['oldest_reader'] else 'a revision of an unknown number'} open")
    lines += [_unknown_line(entry, page) for entry in document["unknown_pins"]]
    return lines


def _unknown_line(entry: Mapping[str, Any], page: Page) -> str:
    guess = "" if entry["likely"] is None else f"; did you mean {entry['likely']!r}?"
    return f"{page.paint('warning', 'yellow')} gc.pinned: no task makes {entry['name']!r}{guess}"


def _kept_line(entry: Mapping[str, Any]) -> str:
    what = f"{counted(entry['objects'], 'object')} ({size(entry['bytes'])})"
    return f"kept {pad(what, 24)}  {_KEPT[entry['why']]}"
