"""Decisions: values and pure functions. No I/O, no clock, no randomness, no threads in here."""
