"""What is done, kept: a file of one answer a line, each behind its checksum.

An answer is named by content, code and parameters (:mod:`gaitpi.reanalysis.task`): the same one is
never asked for twice, another one never taken for it. A line is on the disk before the next is
begun, so an end at any moment costs the recordings in work; a line that is torn is no line. At a
good end the lines are sorted, so that the file depends on what was asked, not on who was first.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.config import replace_file
from gaitpi.errors import ConfigError, GaitpiError, UsageError
from gaitpi.reanalysis.task import is_result

FORMAT: Final = 1
LINE_MAX: Final = 4 * 1024 * 1024
"""Longest line read, bytes; one that is longer is no record."""
SIZE_MAX: Final = 1024**3
"""Largest file read, bytes: some hundred thousand recordings."""

Key = tuple[str, str, str]


class _Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line: what the file is."""

    holds: str = "gaitpi reanalyse"
    format: int = FORMAT


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer, and what it is one to; ``file`` as it was called then."""

    sha256: str
    code: str
    parameters: str
    file: str
    result: dict[str, Any]

    @property
    def key(self) -> Key:
        """What names it."""
        return self.sha256, self.code, self.parameters


class StoreError(GaitpiError, OSError):
    """The file of results cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Store:
    """The file, locked while it is open. Use it in a ``with`` statement.

    ``damaged`` counts the lines that were no records. Raises StoreError, or UsageError where
    the file is something else or in use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._records: dict[Key, Record] = {}
        self._fd = self._open()
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._records)

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def get(self, key: Key) -> dict[str, Any] | None:
        """The result to that name; None when it is not there."""
        record = self._records.get(key)
        return None if record is None else record.result

    def add(self, record: Record) -> None:
        """Keep an answer: on the disk when this returns. Raises StoreError."""
        self._write(jsonlines.pack(record))
        self._records[record.key] = record

    def sort(self) -> None:
        """Write it anew in the order of names, at one stroke. Raises StoreError."""
        lines = [jsonlines.pack(_Head())]
        lines += [jsonlines.pack(self._records[key]) for key in sorted(self._records)]
        text = b"".join(lines)
        with contextlib.suppress(OSError):
            if self.path.read_bytes() == text:
                return
        try:
            replace_file(self.path, text.decode())
        except ConfigError as error:
            raise StoreError(error.found, error.todo) from error

    def _open(self) -> int:
        """A descriptor of the file, locked; it is made where it is not there."""
        try:
            while True:
                fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(os.fstat(fd), self.path.stat()):
                        return fd
                except BlockingIOError as error:
                    os.close(fd)
                    raise UsageError(
                        f"{self.path} is in use by another reanalyse.",
                        "Wait for it, or name another file with --out.",
                    ) from error
                except BaseException:
                    os.close(fd)
                    raise
                os.close(fd)  # it was replaced between opening and locking
        except OSError as error:
            if isinstance(error, GaitpiError):
                raise
            raise StoreError(
                f"{self.path} cannot be written: {error.strerror}.", "Name another place."
            ) from error

    def _read(self) -> None:
        """Take in what is there; a new file gets its first line."""
        try:
            if os.fstat(self._fd).st_size > SIZE_MAX:
                raise UsageError(f"{self.path} is larger than {SIZE_MAX // 1024**2} MiB.")
            lines = list(self._lines())
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}.") from error
        head = jsonlines.pack(_Head()).rstrip(b"\n")
        if not lines or (len(lines) == 1 and head.startswith(lines[0])):
            if lines and lines[0] != head:  # it was cut off at once
                os.ftruncate(self._fd, 0)
                lines = []
            if not lines:
                self._write(head + b"\n")
            return
        first: _Head | None = jsonlines.unpack(lines[0], _Head)
        if first is None or first.holds != _Head().holds:
            raise UsageError(
                f"{self.path} is there already, and holds no results of gaitpi reanalyse.",
                "Name another file with --out.",
            )
        if first.format > FORMAT:
            raise UsageError(f"{self.path} was written by a newer gaitpi.", "Name another file.")
        for line in lines[1:]:
            record: Record | None = jsonlines.unpack(line, Record)
            if record is None or not is_result(record.result):
                self.damaged += 1
            else:
                self._records[record.key] = record

    def _lines(self) -> Iterator[bytes]:
        """The lines that are not empty."""
        with open(self._fd, "rb", closefd=False) as file:
            file.seek(0)
            while line := file.readline(LINE_MAX):
                if line := line.rstrip(b"\n"):
                    yield line

    def _write(self, line: bytes) -> None:
        try:
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":
                line = b"\n" + line  # a torn line stays by itself
            while line:
                line = line[os.write(self._fd, line) :]
            os.fsync(self._fd)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written: {error.strerror}.",
                "What is in it stays; the next reanalyse goes on.",
            ) from error
