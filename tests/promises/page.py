"""The page of promises: what is promised, how it is shown, and the figures of the campaigns' last runs."""

import datetime
import json
import os
from collections.abc import Mapping
from pathlib import Path

from tests.promises.promises import PROMISES, Promise

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
FIGURES = ROOT / "docs" / "reliability.json"

_HEAD = """# Reliability

What we promise, the tests that show it at each commit, and the commands that try harder for longer. The commands are
described in [testing](testing.md); with `--record` each of them writes the figures of its run into this page.
"""


def record(command: str, line: str, figures: str) -> None:
    """Keep the figures of one run of a campaign, in place of those of its last, and write the page anew."""
    known = _figures()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    known[command] = {"line": line, "figures": figures, "on": f"{today}, {os.cpu_count()} cores"}
    FIGURES.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
    PAGE.write_text(page())


def page() -> str:
    """The page as it has to be."""
    figures = _figures()
    return _HEAD + "".join(_section(promise, figures) for promise in PROMISES)


def _figures() -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return found


def _section(promise: Promise, figures: Mapping[str, Mapping[str, str]]) -> str:
    lines = [f"\n## {promise.number}. {promise.title}\n", f"{promise.text}\n", "Shown by:\n"]
    lines += [f"- `{test}`" for test in promise.tests]
    for command in promise.commands:
        lines.append(f"- `python -m tests.{command}`")
        if (found := figures.get(command)) is not None:
            lines.append(f"  - {found['on']}, `{found['line']}`: {found['figures']}")
    return "\n".join(lines) + "\n"
