"""Names of signals, for sentences about how a process ended."""

import signal


def signal_name(number: int) -> str:
    """Name a signal; those of real time have no names, and a process can die of them as well."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
