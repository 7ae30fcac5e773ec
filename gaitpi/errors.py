"""Errors that speak to the person who has to mend something.

Each carries what was found and what to do about it, and the exit code of the command
that ends with it. Nothing but these reaches the terminal: a traceback there is a bug.
"""

from typing import Final

from gaitpi.plaintext import plain_lines

EXIT_OK: Final = 0
EXIT_PROBLEM: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONFIG: Final = 78


class GaitpiError(Exception):
    """A problem in words: ``found`` is the sentence, ``todo`` what the reader can do.

    They may quote a file or a name: signs that a terminal would obey are escaped.
    """

    exit_code: int = EXIT_PROBLEM

    def __init__(self, found: str, todo: str = "") -> None:
        self.found, self.todo = plain_lines(found), plain_lines(todo)
        super().__init__(f"{self.found} {self.todo}".strip())


class ConfigError(GaitpiError, ValueError):
    """The configuration cannot be used (unknown key, wrong type, out of range)."""

    exit_code = EXIT_CONFIG


class SensorError(GaitpiError, OSError):
    """No usable sensor: no bus, no permission, nothing there, or not the chip expected."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class OutputError(GaitpiError, OSError):
    """A buzzer, LED or button pin cannot be used."""


class InputFileError(GaitpiError, ValueError):
    """A file given to gaitpi is not what it should be (truncated, foreign, empty)."""


class RunFileError(InputFileError):
    """A file is not a gaitpi run file, or a newer or damaged one."""


class MeasurementError(GaitpiError, ValueError):
    """What a radio sent is not what its characteristic holds (truncated, too long)."""


class ControlError(GaitpiError, OSError):
    """The running daemon cannot be asked, or does not do what it was asked for."""


class StartingError(ControlError):
    """The daemon starts, and cannot be asked yet; ``doing`` what keeps it, in words."""

    def __init__(self, doing: str) -> None:
        super().__init__(f"gaitpi is starting: {doing}.", "Ask again in a minute.")
        self.doing = doing


class UsageError(GaitpiError, ValueError):
    """A command was called with something that cannot work."""

    exit_code = EXIT_USAGE
