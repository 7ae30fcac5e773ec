"""What is asked of a worker, what it answers, and what names both. Loads neither numpy nor numba.

A task is a pure function of three things: the bytes of the recording, the code, the parameters.
Each is named by a checksum; the three together name the answer.
"""

import functools
import hashlib
import json
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

Against = Literal["recorded", "today"]
"""What the new numbers are compared with: the rows in the file, or today's code without ``--set``.
"""

Kind = Literal["run", "csv"]

PACKAGE: Final = Path(__file__).parents[1]
NOT_IN_CODE: Final = "cli"
"""Folder of the package that no number of a run comes from."""


class Parameters(Struct, frozen=True, kw_only=True):
    """How a recording is computed.

    ``config`` the JSON of a whole configuration, ``base`` that without ``sets``; both None = the
    run's own, with ``sets`` (KEY=VALUE) laid over it. ``gait`` are fields of ``GaitParams``.
    """

    config: str | None = None
    base: str | None = None
    sets: tuple[str, ...] = ()
    gait: dict[str, float] = {}
    against: Against = "recorded"

    @property
    def name(self) -> str:
        """Their checksum."""
        return _checksum(msgspec.json.encode(self, order="deterministic"))


class Task(Struct, frozen=True, kw_only=True):
    """One recording to be computed.

    ``file`` is its bare name; it lies at ``path`` or comes along as ``data`` (with ``journal``,
    where a commit of it was cut off). ``sha256`` of the content, ``size`` and ``changed_ns`` of
    the file when that was taken (None with ``data``); ``code`` as :func:`code_name` gives it.
    """

    file: str
    kind: Kind
    sha256: str
    parameters: Parameters
    code: str
    path: str | None = None
    size: int | None = None
    changed_ns: int | None = None
    data: bytes | None = None
    journal: bytes | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the answer: content, code, parameters."""
        return self.sha256, self.code, self.parameters.name


class Answer(Struct, frozen=True, kw_only=True):
    """``result`` is what was found out (see docs/reanalyse.md), None where ``problem`` is told."""

    result: dict[str, Any] | None = None
    problem: str | None = None


Count = Annotated[int, Meta(ge=0, le=10**9)]
Number = Annotated[float, Meta(ge=-1e12, le=1e12)]


class _Figures(Struct, frozen=True, kw_only=True):
    """As :func:`gaitpi.reanalysis.compare.figures` gives them."""

    seconds: Count
    samples: Annotated[int, Meta(ge=0)]
    steps: Count
    running_steps: Count
    running_s: Count
    cadence_spm: Number | None
    lean_deg: Number | None
    contact_ms: Number | None
    bounce_mm: Number | None
    cues: Count


class _Column(Struct, frozen=True, kw_only=True):
    rows: Count
    largest: float | None = None


class _Table(Struct, frozen=True, kw_only=True):
    old: Count
    new: Count
    same: Count
    changed: Count
    gone: Count
    added: Count
    columns: dict[str, _Column]


class _Withheld(Struct, frozen=True, kw_only=True):
    old: Count
    new: Count
    exact: bool


class _Cues(Struct, frozen=True, kw_only=True):
    same: Count
    moved: Count
    gone: Count
    new: Count
    exact: bool
    rounding: bool
    withheld: _Withheld
    changes: list[dict[str, Any]]


class _Computed(Struct, frozen=True, kw_only=True):
    kind: Kind
    against: Against
    status: Literal["computed"]
    new: _Figures
    digest: str
    notes: list[str]


class _Compared(Struct, frozen=True, kw_only=True):
    kind: Kind
    against: Against
    status: Literal["same", "alike", "changed"]
    old: _Figures
    new: _Figures
    steps: _Table
    seconds: _Table
    cues: _Cues
    digest: str
    notes: list[str]


def is_result(value: Any) -> bool:
    """Whether ``value`` has the shape of a result: a file or a worker may hold anything."""
    try:
        computed = value.get("status") == "computed"
        msgspec.convert(value, _Computed if computed else _Compared)
    except (msgspec.ValidationError, AttributeError, RecursionError):
        return False
    return True


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@functools.cache
def code_name(package: Path = PACKAGE) -> str:
    """The checksum of what computes: our code, and the versions of Python, numpy and numba.

    Any change in the package counts, but for the commands: to do some runs once more costs less
    than to believe a number that another code made.
    """
    text = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if inside.parts[0] == NOT_IN_CODE or path.suffix not in (".py", ".sql"):
            continue
        text.update(f"{inside.as_posix()}\0{path.stat().st_size}\0".encode())
        text.update(path.read_bytes())
    versions = [platform.python_version(), *(metadata.version(n) for n in ("numpy", "numba"))]
    text.update(json.dumps([*versions, sys.byteorder]).encode())
    return text.hexdigest()
