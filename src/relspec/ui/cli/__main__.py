"""`python -P -m relspec.ui.cli`: how a detached daemon is started, whatever is on the path."""

import sys

from relspec.ui.cli import main

if __name__ == "__main__":
    sys.exit(main())
