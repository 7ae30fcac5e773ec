"""A file made for the user: it appears under its name when it is whole, or not at all.

An export goes where the user says, which may be a stick without links or a card that is full. So
it is written beside its place, synced, and only then given its name; a file that is there already
stays, unless replacing it was asked for.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from gaitpi.errors import UsageError

STDOUT: Final = Path("-")
"""The name that stands for standard output."""


@contextlib.contextmanager
def new_file(path: Path, *, force: bool = False, text: bool = False) -> Iterator[BinaryIO]:
    """A binary file that becomes ``path`` when the block ends without an error.

    ``-`` is standard output; unless it is ``text``, a terminal is refused. ``force`` replaces a
    file that is there (a link itself, not what it leads to). Raises UsageError when it is there
    and when it cannot be written; what was begun is then removed.
    """
    if path == STDOUT:
        with _stdout(text) as file:
            yield file
        return
    if not force:
        _refuse_to_replace(path)
    elif path.is_dir():
        raise UsageError(f"{path} is a folder.", "Name a file.")
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with scratch.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_name(scratch, path, force)
        _sync(path.parent)
    except OSError as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{path} cannot be written: {reason}.", "Nothing is left of it; name another place."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def _stdout(text: bool) -> Iterator[BinaryIO]:
    if not text and sys.stdout.isatty():
        raise UsageError("this is no text for a terminal.", "Name a file, or add > FILE.")
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _refuse_to_replace(path: Path) -> None:
    # a link that leads nowhere is there too
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already.", "Name another file, or add --force.")


def _give_name(scratch: Path, path: Path, force: bool) -> None:
    if force:
        scratch.replace(path)
        return
    try:
        path.hardlink_to(scratch)  # unlike a rename it fails where somebody was quicker
    except FileExistsError:
        _refuse_to_replace(path)
    except OSError:  # a stick without links
        _refuse_to_replace(path)
        scratch.rename(path)


def _sync(folder: Path) -> None:
    """Make the name survive a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
