"""What the daemon hears and thinks right now, for a live view: made only while somebody looks.

Read by quick commands: neither numpy nor numba is imported.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gaitpi.device.radio import RadioStatus
from gaitpi.device.status import STARTING

if TYPE_CHECKING:
    from gaitpi.coach.policy import Status as Thought
    from gaitpi.coach.types import Cue
    from gaitpi.config import CoachConfig
    from gaitpi.device.pipeline import Output, Pipeline
    from gaitpi.imu.batch import Batch
    from gaitpi.runs.recorder import Recorder

LIVE_S: Final = 0.1
"""How often it is made, s: as often as the coach is asked."""
THOUGHT_S: Final = 0.5
"""How often the coach is asked why it is silent, s: he has to weigh all his evidence for it."""


class LiveCue(Struct, frozen=True, kw_only=True):
    """A cue as it was decided; ``time_s`` run time."""

    time_s: float
    cue: str
    metric: str
    rule: str
    reason: str


class Live(Struct, frozen=True, kw_only=True):
    """One moment. What is not known is NaN here and null in JSON, and so is an open end of a band.

    ``state`` as in the status; ``run_id`` None without a run file; ``time_s`` run time of the last
    sample; ``lean_deg`` over both feet. ``metric`` is what the coach speaks about, ``value`` its
    mean that is compared with ``band``, ``rule`` and ``reason`` why it is silent ("ready": it
    watches; "listening": there is no target). ``cadence_band`` (spm) and ``lean_band`` (deg) are
    None where none is known. ``muted_s`` how long the runner's own mute still lasts; ``resting``
    why cues rest for the whole run ("" = they do not). ``gaps``, ``gap_s`` (lost, s), ``clipped``
    (samples), ``steps`` and ``cues`` are of this run, ``counters`` faults by name since the daemon
    started. ``queued_s`` samples that wait for the card, s;
    ``recorder_problem`` is "" when all is well; ``radio`` as in the status.
    """

    state: str
    run_id: str | None = None
    time_s: float = math.nan
    activity: int = 0
    cadence_spm: float = math.nan
    lean_deg: float = math.nan
    metric: str = ""
    value: float = math.nan
    band: tuple[float, float] | None = None
    target_spm: float | None = None
    cadence_band: tuple[float, float] | None = None
    lean_band: tuple[float, float] | None = None
    rule: str = ""
    reason: str = ""
    muted_s: float = 0.0
    resting: str = ""
    belt: int = 0
    last_cue: LiveCue | None = None
    steps: int = 0
    cues: int = 0
    gaps: int = 0
    gap_s: float = 0.0
    clipped: int = 0
    counters: Mapping[str, int] = {}
    queued_s: float = 0.0
    recorder_problem: str = ""
    radio: RadioStatus | None = None


def starting(doing: str) -> Live:
    """The moment of a daemon that starts; ``doing`` what keeps it, in words."""
    return Live(state=STARTING, reason=doing)


class Seen:
    """What is noted of one run for a live view: references and sums, which cost nothing."""

    def __init__(self) -> None:
        self._out: Output | None = None
        self._cue: Cue | None = None
        self._gaps = 0
        self._gap_s = 0.0
        self._clipped = 0
        self._thought: Thought | None = None
        self._thought_s = -math.inf

    def took(self, batches: "list[Batch]", out: "Output") -> None:
        """These samples came, and this came of them."""
        self._out = out
        for batch in batches:
            self._gaps += batch.gap_s > 0.0
            self._gap_s += batch.gap_s
            self._clipped += batch.clipped

    def cued(self, cue: "Cue") -> None:
        """A cue was decided."""
        self._cue = cue

    def look(
        self,
        now_s: float,
        pipeline: "Pipeline",
        coach: "CoachConfig",
        *,
        state: str,
        run_id: str | None,
        muted_s: float,
        resting: str,
        belt: int,
        steps: int,
        cues: int,
        counters: Mapping[str, int],
        recorder: "Recorder | None",
        recorder_problem: str,
        radio: RadioStatus | None = None,
        unknown: str = "",
    ) -> Live:
        """The moment at host time ``now_s``; ``unknown`` why the samples say nothing of it."""
        if self._thought is None or now_s >= self._thought_s + THOUGHT_S:
            self._thought, self._thought_s = pipeline.status, now_s
        thought, cue = self._thought, self._cue
        trace = self._out.trace if self._out is not None else None
        known = trace is not None and len(trace.time_s) > 0
        fresh = known and not unknown
        return Live(
            state=state,
            run_id=run_id,
            time_s=float(trace.time_s[-1]) if trace is not None and known else math.nan,
            activity=int(trace.activity[-1]) if trace is not None and fresh else 0,
            cadence_spm=float(trace.cadence_spm[-1]) if trace is not None and fresh else math.nan,
            lean_deg=math.nan if unknown else pipeline.lean_deg,
            metric=thought.metric,
            value=math.nan if unknown else thought.value,
            band=thought.band,
            target_spm=None if coach.target_spm is None else pipeline.coach.target_spm,
            cadence_band=_cadence_band(coach, pipeline.coach.target_spm),
            lean_band=_lean_band(coach),
            rule="quiet.gap" if unknown else thought.rule,
            reason=unknown or thought.reason,
            muted_s=muted_s,
            resting=resting,
            belt=belt,
            last_cue=None
            if cue is None
            else LiveCue(
                time_s=cue.time_s,
                cue=cue.cue,
                metric=cue.metric,
                rule=cue.rule,
                reason=cue.reason,
            ),
            steps=steps,
            cues=cues,
            gaps=self._gaps,
            gap_s=self._gap_s,
            clipped=self._clipped,
            counters=counters,
            queued_s=0.0 if recorder is None else recorder.queued_s,
            recorder_problem=recorder_problem,
            radio=radio,
        )


def _cadence_band(coach: "CoachConfig", target_spm: float) -> tuple[float, float] | None:
    if coach.target_spm is None:
        return None
    return target_spm * (1.0 - coach.band_low), math.inf


def _lean_band(coach: "CoachConfig") -> tuple[float, float] | None:
    if coach.usual_lean_deg is None:
        return None
    return (
        coach.usual_lean_deg - coach.lean_band_deg,
        coach.usual_lean_deg + coach.lean_band_deg,
    )
