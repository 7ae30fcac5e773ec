"""What a process did to the files of a folder, in order and with times, by strace."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from gaitpi.errors import GaitpiError

Kind = Literal["create", "write", "truncate", "sync", "rename", "unlink", "mkdir"]

CALLS: Final = (
    *("open", "openat", "creat", "close", "lseek", "write", "pwrite64", "writev", "pwritev"),
    *("pwritev2", "truncate", "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range"),
    *("msync", "mmap", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "mkdir"),
    *("mkdirat", "link", "linkat", "symlink", "symlinkat", "copy_file_range", "sendfile", "dup"),
    *("dup2", "dup3"),
)
"""Everything that can change a file or make a change safe."""

_READ_ONLY: Final = {"lseek", "dup", "dup2", "dup3", "sync_file_range"}


class TraceError(GaitpiError):
    """Nothing can be traced here, or the trace holds what is not understood."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A finished call on ``path``, from ``start`` to ``end`` (CLOCK_MONOTONIC, s).

    write: ``data`` at ``offset``, None = at the end. truncate: to ``size``. rename: to ``target``.
    sync: of a file (content and size) or of a folder (the names in it).
    """

    kind: Kind
    path: str
    start: float
    end: float
    offset: int | None = 0
    data: bytes = b""
    size: int = 0
    target: str = ""

    def told(self, folder: str = "") -> str:
        """In words, paths from ``folder`` on."""
        what = f"{self.kind} {self.path.removeprefix(folder).lstrip('/') or '.'}"
        if self.kind == "write":
            where = "the end" if self.offset is None else self.offset
            return f"{what}, {len(self.data)} bytes at {where}"
        if self.kind == "truncate":
            return f"{what} to {self.size}"
        return f"{what} to {Path(self.target).name}" if self.kind == "rename" else what


def command(arguments: Sequence[str], trace: Path) -> list[str]:
    """``arguments`` under strace, which writes ``trace``. Raises TraceError without strace."""
    strace = shutil.which("strace")
    if strace is None:
        raise TraceError("strace is missing.", "sudo apt install strace")
    options = ["-f", "--seccomp-bpf", "-qq", "-ttt", "-T", "-y", "-xx", "-s", "16777216"]
    calls = ",".join(f"?{name}" for name in CALLS)
    selected = ["-e", f"trace={calls}", "-e", "signal=none"]
    return [strace, *options, *selected, "-o", str(trace), *arguments]


def possible() -> str:
    """Why nothing can be traced here, in words; "" when it can be."""
    try:
        arguments = command(["true"], Path(os.devnull))
    except TraceError as error:
        return str(error)
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        return ""
    return f"strace does not work here: {done.stderr.strip()[:200] or done.returncode}"


_LINE: Final = re.compile(r"^(\d+)\s+(\d+\.\d+) (.*)$", re.DOTALL)
_CALL: Final = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)(.*?) <(\d+\.\d+)>$", re.DOTALL)
_UNFINISHED: Final = " <unfinished ...>"
_RESUMED: Final = re.compile(r"^<\.\.\. \w+ resumed>(.*)$", re.DOTALL)
_TOKEN: Final = re.compile(
    r'"(?P<text>(?:\\x[0-9a-f]{2})*)"(?P<more>\.\.\.)?'
    r"|(?P<fd>-?\w+)<(?P<path>(?:\\x[0-9a-f]{2})+)>(?P<gone>\(deleted\))?"
    r"|(?P<plain>[^\s,\[\]{}]+)"
)


@dataclass(frozen=True, slots=True)
class _Argument:
    """``text`` of a string, ``path`` of a descriptor, or the ``plain`` word."""

    text: bytes | None = None
    path: str = ""
    plain: str = ""


@dataclass(slots=True)
class _Open:
    append: bool
    at: int = 0


def _bytes(shown: str) -> bytes:
    return bytes.fromhex(shown.replace("\\x", ""))


def _arguments(shown: str) -> list[_Argument]:
    found = []
    for token in _TOKEN.finditer(shown):
        if token["text"] is not None:
            if token["more"]:
                raise TraceError("The trace holds a text that was cut short.")
            found.append(_Argument(text=_bytes(token["text"])))
        elif token["fd"] is not None:
            path = "" if token["gone"] else _bytes(token["path"]).decode()
            found.append(_Argument(path=path, plain=token["fd"]))
        else:
            found.append(_Argument(plain=token["plain"]))
    return found


def _calls(lines: Iterable[str]) -> Iterator[tuple[float, str, str, int, float]]:
    """(start, name, arguments, result, seconds) of every finished call, in order of its end."""
    begun: dict[str, tuple[float, str]] = {}
    for line in lines:
        parts = _LINE.match(line.rstrip("\n"))
        if parts is None:
            continue
        pid, start, rest = parts[1], float(parts[2]), parts[3]
        if rest.endswith(_UNFINISHED):
            begun[pid] = start, rest.removesuffix(_UNFINISHED)
            continue
        resumed = _RESUMED.match(rest)
        if resumed is not None:
            start, head = begun.pop(pid)
            rest = head + resumed[1]
        call = _CALL.match(rest)
        if call is not None:
            yield start, call[1], call[2], int(call[3]), float(call[5])


def read(trace: Path, folder: Path, *, mono_less_wall: float) -> list[Operation]:
    """The operations on what lies in ``folder`` (absolute, no links), by their start.

    ``mono_less_wall`` CLOCK_MONOTONIC less wall clock, s. Raises TraceError when the trace holds
    a call that changes such a file in a way not known here (a shared mapping, for instance).
    """
    reader = _Reader(str(folder))
    with trace.open(encoding="ascii") as lines:
        for start, name, shown, result, seconds in _calls(lines):
            if result >= 0:
                begun = start + mono_less_wall
                reader.take(name, _arguments(shown), result, begun, begun + seconds)
    return sorted(reader.found, key=lambda operation: operation.start)


class _Reader:
    """Calls to operations; it knows how each file was opened and where it is written next."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._open: dict[str, _Open] = {}
        self.found: list[Operation] = []

    def _inside(self, path: str) -> bool:
        return path == self._folder or path.startswith(f"{self._folder}/")

    def _named(self, arguments: list[_Argument], at: int) -> str:
        """The path that argument ``at`` names, by itself or from the folder before it."""
        text = arguments[at].text or b""
        base = arguments[at - 1].path if at else ""
        return os.path.normpath(Path(base, text.decode()))

    def take(self, name: str, arguments: list[_Argument], result: int, s: float, e: float) -> None:
        """One finished call, from ``s`` to ``e``."""
        if name in ("open", "creat", "openat"):
            self._opened(name, arguments, result, s, e)
        elif name in ("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"):
            path = self._named(arguments, 1 if name.endswith("at") else 0)
            kind: Kind = "mkdir" if name.startswith("mkdir") else "unlink"
            self._add(kind, path, s, e)
        elif name.startswith("rename"):
            at = (0, 1) if name == "rename" else (1, 3)
            old, new = (self._named(arguments, i) for i in at)
            if self._inside(old) != self._inside(new):
                raise TraceError(f"{old} was renamed across the edge of the folder.")
            self._add("rename", old, s, e, target=new)
        elif arguments and arguments[0].path:
            self._on_descriptor(name, arguments, result, s, e)
        elif name == "mmap":
            path = next((a.path for a in arguments if a.path), "")
            if self._inside(path) and any("MAP_SHARED" in a.plain for a in arguments):
                raise TraceError(f"{path} was mapped shared: what is written so is not seen.")
        elif any(a.text and self._inside(a.text.decode("utf-8", "replace")) for a in arguments):
            raise TraceError(f"{name} is not understood.")

    def _opened(
        self, name: str, arguments: list[_Argument], result: int, s: float, e: float
    ) -> None:
        at = 1 if name == "openat" else 0
        path = self._named(arguments, at)
        if not self._inside(path):
            return
        flags = "O_CREAT|O_TRUNC" if name == "creat" else arguments[at + 1].plain
        self._open[str(result)] = _Open("O_APPEND" in flags)
        if "O_CREAT" in flags:
            self._add("create", path, s, e)
        if "O_TRUNC" in flags:
            self._add("truncate", path, s, e)

    def _on_descriptor(
        self, name: str, arguments: list[_Argument], result: int, s: float, e: float
    ) -> None:
        file = arguments[0]
        if not self._inside(file.path) or name in _READ_ONLY:
            return
        opened = self._open.get(file.plain, _Open(append=False))
        if name == "close":
            self._open.pop(file.plain, None)
        elif name in ("fsync", "fdatasync"):
            self._add("sync", file.path, s, e)
        elif name == "ftruncate":
            self._add("truncate", file.path, s, e, size=int(arguments[1].plain))
        elif name == "pwrite64":
            data = (arguments[1].text or b"")[:result]
            self._add("write", file.path, s, e, offset=int(arguments[3].plain), data=data)
        elif name == "write":
            data = (arguments[1].text or b"")[:result]
            at = None if opened.append else opened.at
            opened.at += result
            self._add("write", file.path, s, e, offset=at, data=data)
        else:
            raise TraceError(f"{name} on {file.path} is not understood.")

    def _add(
        self,
        kind: Kind,
        path: str,
        s: float,
        e: float,
        *,
        offset: int | None = 0,
        data: bytes = b"",
        size: int = 0,
        target: str = "",
    ) -> None:
        if self._inside(path):
            self.found.append(Operation(kind, path, s, e, offset, data, size, target))
