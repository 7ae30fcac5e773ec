"""Where a runner stands: own cadence, target in force, what may come next, and what is doubtful.

Joins the evidence of the runs with the accepted targets. No clock: the time now is handed in.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gaitpi.coach.targets import CAP, LISTEN_S, Limit, Own, Proposal, Usual, limit, propose
from gaitpi.errors import GaitpiError, UsageError
from gaitpi.review.listening import CLOCK_STEP_S, ORIGINS, Evidence, Heard
from gaitpi.runs.reader import clock
from gaitpi.targetfile import CLOCK_SET_S, Accepted, Targets

EARLY_S: Final = 60.0
"""A clock behind the end of the last run by more than this is wrong, s."""
SAME_DEG: Final = 0.05
"""A usual lean that differs by less is no news, deg."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """The cadence target of one type of session.

    ``own`` is None while too little is known; ``limit`` and ``proposal`` are then None too.
    ``since_s`` is the time from the last accepted target to the last run, by which it may rise.
    """

    session: str
    runs: tuple[Heard, ...]
    own: Own | None
    last: Accepted | None
    since_s: float
    limit: Limit | None
    proposal: Proposal | None
    doubts: tuple[str, ...]

    @property
    def steady_s(self) -> float:
        """Steady running found, s."""
        return sum(run.steady_s for run in self.runs)


@dataclass(frozen=True, slots=True)
class Lean:
    """The usual lean: the origin with most runs, ``usual`` None while they are too few."""

    origin: int
    segment: str
    mount: str
    runs: tuple[Heard, ...]
    usual: Usual | None
    last: Accepted | None

    @property
    def proposal(self) -> float | None:
        """The usual to be accepted, deg; None without news."""
        if self.usual is None:
            return None
        value = round(self.usual.lean_deg, 1)
        same = (self.origin, self.segment, self.mount)
        last = self.last
        if last is not None and (last.lean_from, last.segment, last.mount) == same:
            return None if abs(last.value - value) < SAME_DEG else value
        return value


def cadence(evidence: Evidence, targets: Targets, session: str, now_s: float) -> Cadence:
    """Where the cadence stands; ``now_s`` seconds since 1970."""
    runs = tuple(evidence.cadence_runs(session))
    own = evidence.own(session)
    last = targets.last("cadence", session)
    ran_s = min(evidence.last_ran_s(), now_s)
    since_s = 0.0
    if last is not None and last.dated and math.isfinite(ran_s):
        since_s = max(0.0, ran_s - last.wall_s)
    last_spm = None if last is None else last.value
    return Cadence(
        session=session,
        runs=runs,
        own=own,
        last=last,
        since_s=since_s,
        limit=None if own is None else limit(own, last_spm, since_s),
        proposal=None if own is None else propose(own, last_spm, since_s),
        doubts=tuple(_doubts(evidence, last, now_s)),
    )


def lean(evidence: Evidence, targets: Targets, segment: str, mount: str) -> Lean:
    """Where the usual lean stands, for the pack as it is mounted now."""
    by_origin = {origin: tuple(evidence.lean_runs(origin, segment, mount)) for origin in ORIGINS}
    origin = max(by_origin, key=lambda one: len(by_origin[one]))
    return Lean(
        origin=origin,
        segment=segment,
        mount=mount,
        runs=by_origin[origin],
        usual=evidence.usual(origin, segment, mount),
        last=targets.last("lean"),
    )


def _doubts(evidence: Evidence, last: Accepted | None, now_s: float) -> list[str]:
    """What is wrong with the dates, in sentences."""
    doubts = []
    newest_s = max((run.ended_s for run in evidence.runs), default=-math.inf)
    if now_s < CLOCK_SET_S:
        doubts.append(f"this machine's clock says {_day(now_s)}: it has not been set")
    elif now_s < newest_s - EARLY_S:
        doubts.append(f"the clock says {_day(now_s)}, but a run is dated {_day(newest_s)}")
    if last is not None and not last.dated:
        doubts.append("the last target was accepted with a clock that was not set: no time counted")
    elif last is not None and last.wall_s > now_s + EARLY_S:
        doubts.append(f"the last target is dated {_day(last.wall_s)}, later than now")
    moved = [r.run_id for r in evidence.runs if r.clock_step_s > CLOCK_STEP_S]
    if moved:
        doubts.append(
            f"the clock was set during {len(moved)} of the runs; their later time is used"
        )
    return doubts


def _day(wall_s: float) -> str:
    try:
        return f"{datetime.fromtimestamp(wall_s).astimezone():%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "an impossible time"


def date(targets: Targets, evidence: Evidence, now_s: float, *, reason: str = "") -> float:
    """The date of a target accepted now: never before what has been seen already.

    A clock that lags would let the target rise for time that has not passed. With a reason
    the dates of earlier targets do not bind: one from a clock that was ahead ends there.
    """
    seen = [run.ended_s for run in evidence.runs]
    if not reason:
        seen += [record.wall_s for record in targets.records]
    return max([now_s, *seen])


def accept_cadence(now: Cadence, wall_s: float) -> Accepted:
    """The proposal as a record. Raises GaitpiError when there is nothing to accept."""
    if now.own is None or now.proposal is None:
        raise GaitpiError(
            f"There is nothing to accept yet: {missing(now)}.", "Run easily, without a target."
        )
    if now.proposal.spm is None:
        raise GaitpiError(
            f"There is nothing to accept: {now.proposal.reason}.",
            "'gaitpi target set SPM' changes it within the limits.",
        )
    return _record(now, now.proposal.spm, "accept", "", wall_s)


def set_cadence(now: Cadence, spm: float, reason: str, wall_s: float) -> Accepted:
    """``spm`` as a record. Raises UsageError above the limit without a reason."""
    beyond = beyond_limit(now, spm)
    if beyond and not reason.strip():
        raise UsageError(beyond, 'If it must be: --reason "who says so, and why" (it is recorded).')
    return _record(now, spm, "set", reason.strip(), wall_s)


def beyond_limit(now: Cadence, spm: float) -> str:
    """Why ``spm`` needs a reason, as a sentence; empty when it does not."""
    if now.own is None or now.limit is None:
        if now.last is not None and spm <= now.last.value:
            return ""
        return f"{spm:g} spm cannot be judged: {missing(now)}."
    if spm <= now.limit.spm:
        return ""
    name = f"the cap of {CAP - 1:.0%}" if now.limit.rule == "cap" else "2 % a week"
    return f"{spm:g} spm is above {name}: at most {now.limit.spm:.1f} ({now.limit.reason})."


def missing(now: Cadence) -> str:
    """What is lacking for an own cadence, in words."""
    kind = f" of type {now.session!r}" if now.session else ""
    if not now.runs:
        return f"no run{kind} without a target has steady running in it"
    found = f"{clock(now.steady_s)} min of steady running in {len(now.runs)} listening run"
    return f"{found}{'s' * (len(now.runs) != 1)}{kind}, {clock(LISTEN_S)} are needed"


def _record(now: Cadence, spm: float, how: str, reason: str, wall_s: float) -> Accepted:
    return Accepted(
        wall_s=wall_s,
        metric="cadence",
        value=spm,
        how="accept" if how == "accept" else "set",
        session=now.session,
        reason=reason,
        own=None if now.own is None else now.own.cadence_spm,
        spread=None if now.own is None else now.own.spread_spm,
        steady_s=now.steady_s,
        runs=tuple(run.run_id for run in now.runs),
    )


def accept_lean(now: Lean, wall_s: float) -> Accepted | None:
    """The usual lean as a record; None when there is no news."""
    if now.usual is None or now.proposal is None:
        return None
    return Accepted(
        wall_s=wall_s,
        metric="lean",
        value=now.proposal,
        how="accept",
        own=now.usual.lean_deg,
        spread=now.usual.spread_deg,
        runs=tuple(run.run_id for run in now.runs),
        lean_from=now.origin,
        segment=now.segment,
        mount=now.mount,
    )
