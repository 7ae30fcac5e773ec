"""What a fuzzed reader is, and how one input is judged.

An input is right when the reader takes it, or refuses it with a GaitpiError. Anything else is a
finding: another exception, too much time or memory, something for the terminal that is no text,
a file written or removed outside the folder given, a network socket, another program, pickle.
"""

import contextlib
import json
import os
import random
import re
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitpi.errors import GaitpiError

SECONDS: Final = 5.0
"""CPU seconds an input of some KiB may cost."""
MEMORY: Final = 512 * 1024 * 1024
"""Address space it may need on top of what the interpreter has, bytes."""
LARGEST: Final = 128 * 1024
"""Bytes of the largest input made."""

Random = random.Random


class Broken(AssertionError):
    """An invariant of accepted input does not hold."""


@dataclass(frozen=True, slots=True)
class Target:
    """A reader. ``seeds(folder)`` good inputs; ``mutate`` one change that knows the format.

    ``read(data, folder)`` puts the input into ``folder``, reads it the way the commands do and
    checks what came out. It raises GaitpiError (refused), or anything else (a finding).
    """

    name: str
    seeds: Callable[[Path], Iterable[bytes]]
    mutate: Callable[[bytes, Random], bytes]
    read: Callable[[bytes, Path], None]
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``finding``: what is wrong, "" when nothing; ``words``: why it was refused, or "accepted".

    ``kind`` is the same for inputs that fare alike.
    """

    words: str
    finding: str = ""
    kind: str = ""


class Sentry:
    """Sees, by the interpreter's audit events, what must not happen while an input is read."""

    _WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    _NEVER = (
        *("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "os.fork"),
        *("os.posix_spawn", "pickle.find_class", "os.chmod", "os.chown", "os.symlink"),
    )
    _PATHS = (
        *("os.remove", "os.rename", "os.link", "os.mkdir", "os.rmdir", "os.truncate"),
        "shutil.rmtree",
    )

    def __init__(self) -> None:
        self._folder = ""
        self.seen: list[str] = []
        sys.addaudithook(self._hear)  # there is no way to take one off again

    def watch(self, folder: Path) -> None:
        """From now on: what is done outside ``folder`` is kept in ``seen``."""
        self.seen = []
        self._folder = str(folder.resolve()) + os.sep

    def rest(self) -> None:
        """Hear nothing."""
        self._folder = ""

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._folder:
            return
        if event == "open":
            path, mode, flags = args
            wrote = isinstance(flags, int) and flags & self._WRITES
            if wrote and not isinstance(path, int) and self._outside(path):
                self.seen.append(f"wrote {path!r} ({mode})")
        elif (event in self._NEVER and not (event == "os.chmod" and isinstance(args[0], int))) or (
            event in self._PATHS
            and any(self._outside(one) for one in args if isinstance(one, str | bytes | Path))
        ):
            self.seen.append(f"{event} {args!r:.80}")

    def _outside(self, path: Any) -> bool:
        whole = os.path.realpath(os.fsdecode(path))
        return whole != os.devnull and not (whole + os.sep).startswith(self._folder)


_sentry: list[Sentry] = []


def sentry() -> Sentry:
    """The one of this process."""
    if not _sentry:
        _sentry.append(Sentry())
    return _sentry[0]


def limit_memory(more: int = MEMORY) -> None:
    """Let this process have ``more`` bytes of address space beyond what it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + more, resource.RLIM_INFINITY)
    )


def judge(target: Target, data: bytes, folder: Path, seconds: float = SECONDS) -> Outcome:
    """Give ``data`` to the reader, in the empty folder ``folder``, and judge what it does."""
    watch = sentry()
    begun = time.process_time()
    finding, words, kind = "", "accepted", "accepted"
    watch.watch(folder)
    try:
        target.read(data, folder)
    except GaitpiError as error:
        words = str(error)
        plain = re.sub(r"'.*'|\".*\"|[^a-z ]+", "", error.found, flags=re.DOTALL)
        kind = f"{type(error).__name__} {plain[:60]}"
        if any(not c.isprintable() and c != "\n" for c in words):
            finding = f"signs for the terminal in {words!r:.100}"
    except Exception as error:
        words = f"{type(error).__name__}: {error}"[:200]
        finding = f"{type(error).__name__} at {_where(error)}: {words}"
        where = str(error)[:50] if isinstance(error, Broken) else _where(error)
        kind = f"{type(error).__name__} at {re.sub(r'[0-9]+', '', where)}"
        if not isinstance(error, Broken):
            kind = f"{type(error).__name__} at {where}"
    finally:
        watch.rest()
    spent = time.process_time() - begun
    if not finding and spent > seconds:
        finding = kind = f"{spent:.1f} s of CPU"
    if not finding and watch.seen:
        finding = kind = watch.seen[0]
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    return Outcome(words, finding, kind)


def _where(error: Exception) -> str:
    """The innermost line of gaitpi, or else of this folder."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f"{os.sep}gaitpi{os.sep}" in f.filename]
    frame = (ours or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def spoken(text: str) -> None:
    """Raise Broken unless ``text`` may go to a terminal."""
    bad = sorted({c for c in text if not c.isprintable() and c != "\n"})
    if bad:
        raise Broken(f"signs for the terminal: {bad!r}")


def must(holds: bool, what: str) -> None:
    """Raise Broken with ``what`` unless it ``holds``."""
    if not holds:
        raise Broken(what)


# Changes that know nothing of the format, for all targets.

TOKENS: Final = (
    *(
        b"\x00",
        b"\xff",
        b"\n",
        b"\r\n",
        b",",
        b"-",
        b"=",
        b'"',
        b"[",
        b"{",
        b"\x1b[2J",
        b"\xc2\x9b",
    ),
    *(b"nan", b"inf", b"-inf", b"1e308", b"1e-308", b"-0", b"9" * 40, b"9" * 5000, b"0x7f"),
    *(b"../../etc/passwd", b"/", b"\\", b"true", b"null", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    *(b"[" * 3000, b'{"a":' * 3000, b"\xe2\x80\xae", b"%s%n", b"' OR 1=1 --", b"1_0", b"\xd9\xa1"),
)


def scramble(data: bytes, rng: Random, tokens: tuple[bytes, ...] = TOKENS) -> bytes:
    """Some bytes changed, left out, doubled, moved, or replaced by a token."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        at = rng.randrange(len(out) + 1)
        size = min(rng.choice((1, 1, 2, 4, 8, 64, 1024)), len(out) - at)
        kind = rng.randrange(7)
        if kind == 0 and size:
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 1 and size:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del out[at : at + size]
        elif kind == 3:
            out[at:at] = out[at : at + size]
        elif kind == 4:
            out[at : at + rng.choice((0, size))] = rng.choice(tokens)
        elif kind == 5:
            out[at : at + size] = rng.randbytes(size)
        else:
            to = rng.randrange(len(out) + 1)
            out[to:to] = out[at : at + size]
    return bytes(out[:LARGEST])


NUMBERS: Final = (
    *(0, 1, -1, 2, 127, 128, 255, 256, 4096, 4097, 32767, 32768, 65535, 2**31 - 1, 2**31),
    *(-(2**31), 2**53, 2**62, 2**63 - 1, -(2**63)),
)
REALS: Final = (
    *(0.0, -0.0, 1.0, -1.0, 1e-9, 1e-300, 5e-324, 1e9, 1e15, 1e17, 1e300, -1e300, 1.7e308),
    *(float("inf"), float("-inf"), float("nan"), 0.5, 1e5, 253402300800.0, -62135596801.0),
)
TEXTS: Final = (
    *("", "x", "\x1b[31mred\x1b[0m", "\x9b2J", "../../etc/passwd", "/etc/passwd", "a\nb", "\u202e"),
    *("null", "[]", "{}", '{"a":NaN}', '{"coach":[]}', "{", "[" * 5000, '{"a":' * 2000, "9" * 5000),
    *('{"coach":{"target_spm":' + "9" * 400 + "}}", "x" * 50_000, "\x00", "\u0661", "Ã\x84"),
    *('{"seconds":' + "9" * 400 + "}", '{"from_s":1e400,"until_s":-1e400}', "\U0001f3c3" * 40),
)


def other_json(text: str, rng: Random) -> str:
    """Another value somewhere in a JSON text."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    place, key = data, None
    holder: Any = None
    while isinstance(place, dict | list) and place and (holder is None or rng.random() < 0.8):
        holder = place
        key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
        place = place[key]
    if holder is not None:
        holder[key] = rng.choice((*NUMBERS, *REALS, *TEXTS, None, [], {}, True, data))
    with contextlib.suppress(ValueError, RecursionError):
        return json.dumps(data)
    return text
