"""Files of one record a line: JSON behind its checksum, as the journals beside the runs are.

A line is ``["crc32 in hex",{...}]``. One that is torn or damaged is no record; the rest is.
"""

import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from gaitpi.config import make_folder, replace_file, sync_folder
from gaitpi.errors import ConfigError, GaitpiError

SIZE_LIMIT: Final = 4 * 1024 * 1024
"""Largest file read, bytes: some ten thousand records."""

T = TypeVar("T")


def pack(record: object) -> bytes:
    """The line of a record, its end included."""
    text = msgspec.json.encode(record)
    return b'["%08x",%s]\n' % (zlib.crc32(text), text)


def unpack(line: bytes, kind: type[T] | Any) -> T | None:
    """The record of a line; None when it is torn, damaged or of another kind."""
    try:
        crc, text = msgspec.json.decode(line, type=tuple[str, msgspec.Raw])
        if crc != f"{zlib.crc32(text):08x}":
            return None
        record: T = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return record


@dataclass(frozen=True, slots=True)
class Kind:
    """How such a file is spoken of, and the error that says what is wrong with it.

    ``held`` what is in it, with ``{path}`` ("the calibration in {path}"); ``name`` what it is
    ("a calibration"); ``error`` takes a sentence and what to do.
    """

    held: str
    name: str
    error: type[GaitpiError]

    def read(self, path: Path) -> list[bytes]:
        """The lines that are not empty; a missing file has none. Raises ``error``."""
        try:
            with path.open("rb") as file:
                raw = file.read(SIZE_LIMIT + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self.error(
                f"{self.held.format(path=path)} cannot be read: {error.strerror}.",
                "Check the permissions, or run it as the user of the service.",
            ) from error
        if len(raw) > SIZE_LIMIT:
            raise self.error(f"{path} is too large to be {self.name}.", "Move it away.")
        return [line for line in raw.split(b"\n") if line]

    def replace(self, path: Path, lines: Iterable[bytes]) -> None:
        """Write the file anew at one stroke, synced. Raises ``error``; then it is as before."""
        text = b"".join(line.rstrip(b"\n") + b"\n" for line in lines)
        try:
            # a damaged line may hold any byte: those that are no text are marked, it stays damaged
            replace_file(path, text.decode("utf-8", "backslashreplace"))
        except ConfigError as error:
            raise self.error(error.found, error.todo) from error

    def append(self, path: Path, lines: Iterable[bytes]) -> None:
        """Add lines at the end, synced. Raises ``error``; at worst the last one is then torn."""
        text = b"".join(lines)
        try:
            make_folder(path.parent)
            with path.open("ab+") as file:
                new = file.tell() == 0
                if not new:
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":
                        text = b"\n" + text  # a torn line stays by itself
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if new:
                sync_folder(path.parent)
        except OSError as error:
            todo = "Try it with sudo." if isinstance(error, PermissionError) else ""
            raise self.error(f"{path} cannot be written: {error.strerror}.", todo) from error
