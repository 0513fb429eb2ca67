"""What people and scripts meet: the command line, and how values are shown."""
