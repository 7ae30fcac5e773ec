"""What happened to the programme: started, run, skipped, stopped, prescribed. One line each.

The file only ever grows: a line is appended and synced, never rewritten. Every line has a
checksum; one that is torn or damaged stays where it is, is left out, and is said so.

Which sessions were run follows from the run files (:mod:`gaitpi.review.programme`); what is kept
here of a run is a copy, so that a run file may be deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.coach.programme import ENOUGH, MINUTE_S, Part, Plan
from gaitpi.errors import GaitpiError

NAME: Final = "programme.jsonl"
NAME_SIMULATED: Final = "programme-simulated.jsonl"


class ProgrammeFileError(GaitpiError, OSError):
    """The file of the programme cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Started(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="started"):
    """A programme was started, or taken up again.

    ``wall_s`` seconds since 1970; ``id`` goes into the run files; ``target`` in force then (spm or
    deg); ``own`` the runner's own cadence and its standard uncertainty, spm, None = not known.
    """

    wall_s: float
    id: str
    plan: Plan
    target: float | None = None
    own: float | None = None
    own_sd: float | None = None


class Done(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="done"):
    """A run under the programme, in numbers.

    ``minutes`` planned; ``coached_s`` running after warm-up, ``cued_s`` of that in minutes with
    cues; ``cues`` corrections given, ``recoveries`` seconds back into the band, one for each
    return; ``cued_in`` of ``cued_known`` seconds with cues, and ``free_in`` of ``free_known``
    without, were in band; ``cadence_spm`` mean of coached running and its standard uncertainty by
    the runner's own long-range noise (None = not known), from ``strides`` of them; ``lean_deg``
    mean lean.
    """

    wall_s: float
    id: str
    run_id: str
    part: Part
    number: int
    share: float
    minutes: float
    coached_s: float
    cued_s: float = 0.0
    cues: int = 0
    answered: int = 0
    judged: int = 0
    recoveries: tuple[float, ...] = ()
    cued_in: int = 0
    cued_known: int = 0
    free_in: int = 0
    free_known: int = 0
    cadence_spm: float | None = None
    cadence_sd_spm: float | None = None
    strides: int = 0
    lean_deg: float | None = None

    @property
    def enough(self) -> bool:
        """Whether it was long enough to count."""
        return self.coached_s >= ENOUGH * self.minutes * MINUTE_S


class Skipped(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="skipped"):
    """A session or test was left out."""

    wall_s: float
    id: str
    part: Part
    number: int
    reason: str = ""


class Stopped(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="stopped"):
    """The programme was ended by the runner."""

    wall_s: float
    id: str
    reason: str = ""


class Prescribed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="prescribed"):
    """A prescription was taken over: its text as it came, the SHA-256 of that, and the baseline.

    ``baseline_spm`` is the cadence the prescription is measured against, ``baseline_from`` where
    that comes from ("file", "runs").
    """

    wall_s: float
    sha256: str
    text: str
    kind: str
    baseline_spm: float | None = None
    baseline_from: str = ""


Record = Started | Done | Skipped | Stopped | Prescribed


@dataclass(frozen=True, slots=True)
class Journal:
    """All records, in the order they were written; ``damaged`` lines were left out.

    ``prescription_lost``: one of those, after the last whole prescription, was a prescription.
    """

    records: tuple[Record, ...] = ()
    damaged: int = 0
    prescription_lost: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the file, in sentences."""
        if not self.damaged:
            return ()
        lines = f"{self.damaged} damaged line{'s' * (self.damaged > 1)}"
        return (f"{lines} in {NAME} left out; what is not in the list below must be done again.",)


def path_in(runs_directory: Path, *, simulated: bool = False) -> Path:
    """The file that belongs to a folder of runs; simulated runs have one of their own."""
    return runs_directory / (NAME_SIMULATED if simulated else NAME)


_FILE: Final = jsonlines.Kind(
    "the file of the programme, {path},", "a programme", ProgrammeFileError
)


def load(path: Path) -> Journal:
    """Read the file; a missing one is empty. Raises ProgrammeFileError when it cannot be."""
    lines = _FILE.read(path)
    records, lost = list[Record](), False
    for line in lines:
        record: Record | None = jsonlines.unpack(line, Record)
        if record is not None:
            records.append(record)
            lost = lost and not isinstance(record, Prescribed)
        else:
            lost = lost or b'"prescribed"' in line
    return Journal(tuple(records), len(lines) - len(records), lost)


def add(path: Path, records: Iterable[Record]) -> None:
    """Append records, synced. Raises ProgrammeFileError; at worst the last line is then torn."""
    _FILE.append(path, map(jsonlines.pack, records))
