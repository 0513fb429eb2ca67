"""Puts core and edges together: the build, the daemon, the read model."""
