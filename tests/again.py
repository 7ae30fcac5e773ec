"""Runs what failed once more: ``python -m tests.again CODE [arguments of pytest]``.

Only where it is little: much runs in real time, and a shared machine that stood still for a second
fails a test or two. Both times are in what is printed; what fails again fails.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

LAST: Final = Path(".pytest_cache/v/cache/lastfailed")
MOST: Final = 3
FAILED: Final = 1
"""pytest's code for tests that failed; any other is no reason to try again."""


def main(argv: list[str]) -> int:
    """The exit code: of the second run, or the first one's where there is none."""
    code, *arguments = argv
    try:
        failed = sorted(json.loads(LAST.read_text()))
    except (OSError, ValueError):
        failed = []
    if int(code) != FAILED or not 1 <= len(failed) <= MOST:
        return int(code)
    print("Once more, by itself, what failed:", *failed, sep="\n  ", flush=True)
    again = [sys.executable, "-m", "pytest", "--last-failed", "--last-failed-no-failures", "none"]
    return subprocess.run([*again, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
