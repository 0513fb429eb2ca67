"""User code, kept away from the daemon: a warm parent that has none of it forks a child for each session.

`client` is the daemon's side, `parent` the warm process, `child` what a session's process does. User files reach a
child by `importing` alone, which reads each one once and knows who imported what.
"""
