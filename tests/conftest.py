"""What holds for all tests, however they were started."""

import signal

# A job of a script's ignores interrupts, and one under `nohup` hang-ups. Every daemon that a test starts would inherit
# that, and rightly ignore them too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
