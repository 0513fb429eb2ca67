"""The daemon as a service of the user's systemd: the text of a unit, with every path quoted.

In a unit `%` begins a specifier, `"`, `'`, a backslash and blanks have a meaning, and lines end. `$` would begin a
variable but for the colon before the command. The project is named in the command alone, where all of this can be
written: other settings take no quotes.
"""

from collections.abc import Sequence
from pathlib import Path

from relspec.core.digest import digest_of

NAME_CHARS_MAX = 60

_TEMPLATE = """\
# Save it as ~/.config/systemd/user/{name}, then:
#   systemctl --user daemon-reload && systemctl --user enable --now {name}
[Unit]
Description=relspec-watch: {title}

[Service]
Type=notify
NotifyAccess=main
ExecStart=:{command}
Restart=on-failure
RestartSec=5
# Wrong settings do not get right by trying again.
RestartPreventExitStatus=2
SuccessExitStatus=130
# Its children are the daemon's to end; what is left after its own end is killed.
KillMode=mixed
TimeoutStopSec=15
WatchdogSec=60

[Install]
WantedBy=default.target
"""


def unit(root: Path, command: Sequence[str]) -> str:
    """Write the unit of the daemon for the project at `root`, started by `command`."""
    words = " ".join(map(_quoted, command))
    title = "".join(c if c.isascii() and c.isprintable() and c not in "%\\" else "_" for c in root.name)
    return _TEMPLATE.format(name=unit_name(root), title=title, command=words)


def unit_name(root: Path) -> str:
    """A name for the unit's file, of letters that need no quoting; projects of one name differ in the end of it."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in root.name)
    return f"relspec-{plain[:NAME_CHARS_MAX]}-{digest_of(str(root))[:8]}.service"


def _quoted(word: str) -> str:
    return '"' + "".join(map(_written, word)) + '"'


def _written(character: str) -> str:
    match character:
        case "%":
            return "%%"
        case '"' | "\\":
            return f"\\{character}"
        case _ if character.isprintable():
            return character
        case _:
            return "".join(f"\\x{byte:02x}" for byte in character.encode())
