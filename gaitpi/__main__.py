"""Let ``python -m gaitpi`` be the same as the ``gaitpi`` command."""

import sys

from gaitpi.cli import main

if __name__ == "__main__":
    sys.exit(main())
