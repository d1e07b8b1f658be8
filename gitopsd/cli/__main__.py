"""`python -m gitopsd.cli` is the command `gitopsd`."""

import sys

from gitopsd.cli import main

if __name__ == "__main__":
    sys.exit(main())
