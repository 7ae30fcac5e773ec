"""What a file is by its name and first bytes. No numpy."""

import stat
from pathlib import Path

from gaitpi.errors import InputFileError
from gaitpi.runs.schema import SUFFIX


def is_run(path: Path) -> bool:
    """Whether ``path`` is to be read as a run file. Raises InputFileError if it cannot be read."""
    return path.suffix == SUFFIX or _is_sqlite(path)


def _is_sqlite(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise InputFileError(f"{path} is not a file.", "Give a CSV or a run file.")
        with path.open("rb") as file:
            return file.read(15) == b"SQLite format 3"
    except OSError as error:
        raise InputFileError(
            f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from error
