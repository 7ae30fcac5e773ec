"""gaitpi by the clock of a scene: ``python -m calibration.scenetime SECONDS [COMMAND ...]``.

The clock begins at SECONDS since 1970 and goes on from there. What asks for the time in another way
than ``time.time()`` has the machine's; those of the monotonic clock are as ever.
"""

import sys
import time


def main() -> int:
    """Run the command of gaitpi."""
    at_s, real, began_s = float(sys.argv[1]), time.time, time.time()
    time.time = lambda: at_s + (real() - began_s)
    from gaitpi.cli import main as gaitpi

    return gaitpi(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
