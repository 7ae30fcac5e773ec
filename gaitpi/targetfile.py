"""Accepted targets, kept with the runs they come from: one line of JSON for each.

The file is replaced at one stroke and synced, every line has a checksum, and a line that is
torn or damaged is left out and said so: a target is what was accepted, or there is none.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.coach.targets import CAP
from gaitpi.config import Config, build
from gaitpi.errors import ConfigError, GaitpiError

NAME: Final = "targets.jsonl"
NAME_SIMULATED: Final = "targets-simulated.jsonl"
CLOCK_SET_S: Final = 1_704_067_200.0
"""1 January 2024: a clock that is earlier has never been set."""

Metric = Literal["cadence", "lean", "line"]


class TargetFileError(GaitpiError, OSError):
    """The accepted targets cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Accepted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A target of the runner, with what it rests on.

    ``wall_s`` seconds since 1970 by the clock then; ``session`` type of session ("" = the usual
    one); ``value`` spm for cadence, deg for lean; ``how`` "accept" or "set"; ``reason`` why a
    limit was passed; ``own`` and ``spread`` the runner's own value and its spread at that time
    (None = not known), ``runs`` the ids they come from and ``steady_s`` the running in them.
    "line" is the own cadence over speed: ``value`` its slope in spm per m/s and ``spread`` the
    uncertainty of that, ``own`` the cadence at ``at_ms``, known from ``low_ms`` to ``high_ms``;
    ``off`` ends it. For lean ``lean_from``, ``segment`` and ``mount`` say how it was measured.
    """

    wall_s: float
    metric: Metric
    value: float
    how: Literal["accept", "set"]
    session: str = ""
    reason: str = ""
    own: float | None = None
    spread: float | None = None
    steady_s: float = 0.0
    runs: tuple[str, ...] = ()
    lean_from: int = 0
    segment: str = ""
    mount: str = ""
    at_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    off: bool = False

    @property
    def dated(self) -> bool:
        """False when the clock had never been set."""
        return self.wall_s >= CLOCK_SET_S


@dataclass(frozen=True, slots=True)
class Targets:
    """All accepted targets, oldest first; ``damaged`` lines were left out."""

    records: tuple[Accepted, ...] = ()
    damaged: int = 0

    def last(self, metric: Metric, session: str = "") -> Accepted | None:
        """The one in force; lean and line have one for all types of session."""
        for record in reversed(self.records):
            if record.metric == metric and (metric != "cadence" or record.session == session):
                return record
        return None


def path_in(runs_directory: Path, *, simulated: bool = False) -> Path:
    """The file that belongs to a folder of runs; that of the simulated runner no run uses."""
    return runs_directory / (NAME_SIMULATED if simulated else NAME)


_FILE: Final = jsonlines.Kind(
    "the accepted targets in {path}", "a file of targets", TargetFileError
)


def load(path: Path) -> Targets:
    """Read the file; a missing one has no targets. Raises TargetFileError when it cannot be."""
    lines = _FILE.read(path)
    found: list[Accepted | None] = [jsonlines.unpack(line, Accepted) for line in lines]
    records = tuple(record for record in found if record is not None)
    return Targets(records, len(lines) - len(records))


def add(path: Path, records: Iterable[Accepted]) -> None:
    """Add records to the file, synced. Raises TargetFileError; then it is as before."""
    kept = load(path).records
    _FILE.replace(path, map(jsonlines.pack, (*kept, *records)))


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration with the accepted targets in it.

    ``cadence_from`` and ``lean_from`` say where each comes from: "config", "accepted" or "none";
    ``problems`` what was wrong, in sentences.
    """

    config: Config
    cadence_from: str
    lean_from: str
    problems: tuple[str, ...] = ()


def lay_under(config: Config, fixed: Iterable[str], targets: Targets) -> InForce:
    """``config`` with the accepted targets where it fixes none.

    ``fixed`` the names of keys set in the configuration, also to "none": that wins. A target
    that does not fit the rest of the configuration is left out, and said: the coach must start.
    """
    fixed = set(fixed)
    problems = []
    if targets.damaged:
        problems.append(
            f"{targets.damaged} damaged line{'s' * (targets.damaged > 1)} in the file of accepted "
            "targets left out. 'gaitpi target show' says what is in force."
        )
    cadence = None if "coach.target_spm" in fixed else targets.last("cadence", config.coach.session)
    lean = None if "coach.usual_lean_deg" in fixed else targets.last("lean")
    origins = {"cadence": "config" if "coach.target_spm" in fixed else "none"}
    origins["lean"] = "config" if "coach.usual_lean_deg" in fixed else "none"
    if cadence is not None:
        config, problem = _with(config, {"target_spm": cadence.value})
        problems += [problem] if problem else []
        origins["cadence"] = "none" if problem else "accepted"
    line = targets.last("line")
    if line is not None and not line.off and "coach.follow_speed" not in fixed:
        config, problem = _with(config, follow(line, config.coach.target_spm, cadence))
        problems += [problem] if problem else []
    if lean is not None and (lean.segment, lean.mount) != (config.mount.segment, config.mount.axes):
        problems.append(
            "The accepted lean was measured with the pack mounted otherwise: it is not used."
        )
    elif lean is not None:
        values = {"usual_lean_deg": lean.value, "usual_lean_from": lean.lean_from}
        config, problem = _with(config, values)
        problems += [problem] if problem else []
        origins["lean"] = "none" if problem else "accepted"
    return InForce(config, origins["cadence"], origins["lean"], tuple(problems))


def follow(
    line: Accepted, target_spm: float | None, cadence: Accepted | None
) -> dict[str, float | bool]:
    """Settings of a target that follows the speed along an accepted line; none without a target.

    The target belongs to the speed at which the runner's own cadence was what it was made of.
    """
    known = (line.own, line.at_ms, line.low_ms, line.high_ms)
    own, at_ms, low_ms, high_ms = (math.nan if value is None else value for value in known)
    if target_spm is None or not all(map(math.isfinite, (own, at_ms, low_ms, high_ms))):
        return {}
    base = cadence.own if cadence is not None and cadence.own is not None else own
    if line.value > 0.0:
        at_ms = min(max(at_ms + (base - own) / line.value, low_ms), high_ms)
        own += line.value * (at_ms - (line.at_ms or at_ms))
    return {
        "follow_speed": True,
        "follow_slope": line.value,
        "follow_at_ms": at_ms,
        "follow_low_ms": low_ms,
        "follow_high_ms": high_ms,
        "follow_own_spm": own,
        "follow_most_spm": CAP * own,
    }


def _with(config: Config, values: Mapping[str, float | bool]) -> tuple[Config, str]:
    """``config`` with coach settings changed, or as it was and what does not fit."""
    data = msgspec.to_builtins(config)
    data["coach"].update(values)
    try:
        return build(data, "the accepted target"), ""
    except ConfigError as error:
        return config, f"The accepted target is not used: {error.found}"
