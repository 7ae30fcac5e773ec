"""Switches the machine off, as the user of the service may where polkit lets it."""

import subprocess
from collections.abc import Sequence
from typing import Final

from gaitpi.errors import OutputError

POWER_OFF: Final = ("systemctl", "poweroff", "--no-ask-password")


def power_off(command: Sequence[str] = POWER_OFF, timeout_s: float = 10.0) -> None:
    """Ask the system to switch off, and return while it does. Raises OutputError if it refuses."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        why = "" if done.returncode == 0 else done.stderr.strip() or f"exit {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    if why:
        raise OutputError(
            f"The Pi cannot be switched off ({why.splitlines()[0].rstrip('.')}).",
            "The run is closed and safe. Install systemd/50-gaitpi-poweroff.rules (see README).",
        )
