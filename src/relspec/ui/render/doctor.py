"""What a check-up found, a line each."""

from collections.abc import Mapping
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.text import pad

_STYLES = {"ok": "green", "note": "blue", "mended": "yellow", "wrong": "red"}


def doctor_lines(document: Mapping[str, Any], page: Page) -> list[str]:
    """Show each check with its verdict, and below it what to do."""
    lines = []
    for check in document["checks"]:
        verdict = page.paint(pad(check["verdict"], 6), _STYLES[check["verdict"]])
        lines.append(f"{verdict}  {pad(check['name'], 12)}  {check['message']}")
        if check["hint"] is not None:
            lines.append(f"{' ' * 22}{page.paint(check['hint'], 'dim')}")
    return lines
