"""A run as a FIT activity, with the running dynamics that watches and their services know.

One record a second. FIT counts strides of one foot where gaitpi counts steps of both: cadence is
halved in this module and nowhere else. Belt lean, side lean and their uncertainty have
no field of FIT's and go into fields of our own. What is not known stays not known: heart rate,
speed, distance, step length and vertical ratio are there only where strap, pod or an imported file
know them (:mod:`gaitpi.review.outside`), balance where sides are known.
"""

import bisect
import itertools
import math
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gaitpi import __version__
from gaitpi.errors import InputFileError
from gaitpi.importfile import NOTHING, Imports
from gaitpi.review import fitprofile as fit
from gaitpi.review.fitprofile import Field, Message
from gaitpi.review.fitwriter import FitWriter, Value
from gaitpi.review.ledger import CORRECTIONS
from gaitpi.review.outside import mean_step_m, outside, step_m
from gaitpi.review.phases import WARM_UP, Phase, phases
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import RUNNING, CueRow, EventRow, SecondRow, StepRow

APPLICATION: Final = uuid.UUID("5d0b1a0e-7a3c-4b57-9a0f-6761697470b1")
"""By this the fields of our own are known to be gaitpi's."""
PRODUCT: Final = 1
AROUND_S: Final = 1.0
"""A record's dynamics are means over the steps of its second and so much before and after."""
BALANCE_S: Final = 15.0
"""The same of balance, which needs many steps of each foot."""
BALANCE_STEPS: Final = 8
"""Steps of each foot below which balance is not known."""
PAUSE_S: Final = 2.0
"""Seconds missing in the run beyond this stop the timer."""
_MARKS: Final = frozenset({"mark", "pain"})
_EARLIEST: Final = 0x1000_0000
"""FIT times below this are no dates."""
_STRIDE: Final = 128


def strides(cadence_spm: float) -> tuple[int, int] | None:
    """Steps per minute of both feet as FIT has them: strides per minute, and 128ths of one.

    None where it is not known or FIT cannot hold it.
    """
    if not math.isfinite(cadence_spm):
        return None
    whole, part = divmod(round(cadence_spm / 2.0 * _STRIDE), _STRIDE)
    return (whole, part) if 0 <= whole < fit.UINT8.invalid else None


def _cadence(cadence_spm: float, before: str = "") -> dict[str, Value]:
    both = strides(cadence_spm)
    if both is None:
        return {}
    fraction = f"{before}fractional_cadence"
    return {f"{before}cadence": both[0], fraction: both[1] / _STRIDE}


@dataclass(slots=True)
class _Sums:
    """Sums over running steps; means of them are what is written."""

    steps: int = 0
    step_s: float = 0.0
    timed: int = 0
    contact_s: float = 0.0
    contacts: int = 0
    share_contact_s: float = 0.0
    share_step_s: float = 0.0
    bounce_m: float = 0.0
    bounces: int = 0
    left_s: float = 0.0
    lefts: int = 0
    right_s: float = 0.0
    rights: int = 0

    def add(self, step: StepRow) -> None:
        self.steps += 1
        if step.step_s > 0.0:
            self.step_s += step.step_s
            self.timed += 1
        if math.isfinite(step.bounce_m):
            self.bounce_m += step.bounce_m
            self.bounces += 1
        if not math.isfinite(step.contact_s):
            return
        self.contact_s += step.contact_s
        self.contacts += 1
        if step.step_s > 0.0:
            self.share_contact_s += step.contact_s
            self.share_step_s += step.step_s
        if step.side < 0:
            self.left_s += step.contact_s
            self.lefts += 1
        elif step.side > 0:
            self.right_s += step.contact_s
            self.rights += 1

    def plus(self, other: "_Sums", sign: int = 1) -> "_Sums":
        return _Sums(
            *(getattr(self, name) + sign * getattr(other, name) for name in self.__slots__)
        )

    @property
    def cadence_spm(self) -> float:
        return 60.0 * self.timed / self.step_s if self.step_s > 0.0 else math.nan

    @property
    def bounce_mm(self) -> float:
        return 1000.0 * self.bounce_m / self.bounces if self.bounces else math.nan

    @property
    def contact_ms(self) -> float:
        return 1000.0 * self.contact_s / self.contacts if self.contacts else math.nan

    @property
    def contact_percent(self) -> float:
        """Contact as a share of the stride, which is two steps."""
        if self.share_step_s <= 0.0:
            return math.nan
        return 100.0 * self.share_contact_s / (2.0 * self.share_step_s)

    @property
    def balance_percent(self) -> float:
        """The left foot's part of the two mean contact times."""
        if min(self.lefts, self.rights) < BALANCE_STEPS:
            return math.nan
        left, right = self.left_s / self.lefts, self.right_s / self.rights
        return 100.0 * left / (left + right) if left + right > 0.0 else math.nan


class _Steps:
    """Running steps by second, so that any stretch of a run is summed at once."""

    def __init__(self, steps: Iterable[StepRow], seconds: Sequence[SecondRow]) -> None:
        self._times = [second.time_s for second in seconds]
        sums = [_Sums() for _ in seconds]
        for step in steps:
            if step.activity == RUNNING:
                at = step.ic_s if math.isfinite(step.ic_s) else step.known_s
                # the first second takes what fell before it, the last what came after
                sums[max(0, bisect.bisect_right(self._times, at) - 1)].add(step)
        self._before = list(itertools.accumulate(sums, _Sums.plus, initial=_Sums()))

    def within(self, begin_s: float, end_s: float) -> _Sums:
        """Sums over the seconds that begin from ``begin_s`` on and before ``end_s``."""
        begin, end = (bisect.bisect_left(self._times, t) for t in (begin_s, end_s))
        return self._before[max(begin, end)].plus(self._before[begin], -1)


def activity(run: RunReader, imports: Imports = NOTHING) -> bytes:
    """``run`` as the bytes of a FIT activity. Raises RunFileError when its tables are damaged.

    Raises InputFileError where it has no date (its clock was never set), or no second.
    """
    return _Export(run, imports).file()


class _Export:
    def __init__(self, run: RunReader, imports: Imports) -> None:
        self._run = run
        self._totals = run.totals()
        self._start_s = run.started.timestamp() - fit.EPOCH_S
        self._begin_s, self._end_s = run.start_s, run.end_s
        last = max(0.0, self._end_s)
        if not _EARLIEST <= self._start_s <= self._start_s + last < fit.UINT32.invalid - 1:
            raise InputFileError(
                f"{run.path.name} has no date FIT can hold: its clock was never set.",
                "CSV and Parquet count from the start of the run.",
            )
        self._recorded = list(_in_order(run.whole.seconds(), run.whole.end_s))
        self._seconds = [s for s in self._recorded if run.keeps(s.time_s)]
        if not self._seconds:
            raise InputFileError(
                f"{run.path.name} has no whole second in it: there is nothing to export.",
                "Nothing is wrong with a run this short.",
            )
        self._steps = _Steps(run.steps(), self._seconds)
        self._outside = outside(run, imports)
        self._product = f"gaitpi{' simulated' * run.virtual}"

    def file(self) -> bytes:
        """The whole file."""
        out = FitWriter()
        self._head(out)
        timed = [*self._timer(), *self._cues(), *self._marks(), *self._records(), *self._beats()]
        # what happened in a second stands before its record; the timer starts before all
        for _, _, message, values in sorted(timed, key=lambda one: one[:2]):
            out.put(message, values)
        laps = phases(self._run.config, self._recorded, self._end_s, self._begin_s)
        for number, lap in enumerate(laps):
            out.put(fit.LAP, self._lap(number, lap, number == len(laps) - 1))
        out.put(fit.SESSION, self._session(len(laps)))
        offset_s = round(self._run.anchors()[-1].utc_offset_s)
        out.put(
            fit.ACTIVITY,
            {
                "timestamp": self._stamp(self._end_s),
                "total_timer_time": self._timed(self._begin_s, self._end_s),
                "num_sessions": 1,
                "type": 0,
                "event": fit.ACTIVITY_EVENT,
                "event_type": fit.STOP,
                "local_timestamp": self._stamp(self._end_s) + offset_s,
            },
        )
        return out.whole()

    def _stamp(self, time_s: float) -> int:
        """Run time as FIT has it: whole seconds."""
        return math.floor(self._start_s + time_s)

    def _head(self, out: FitWriter) -> None:
        version = _version()
        out.put(
            fit.FILE_ID,
            {
                "type": fit.FILE_ACTIVITY,
                "manufacturer": fit.DEVELOPMENT,
                "product": PRODUCT,
                "time_created": self._stamp(self._begin_s),
                "product_name": self._product,
            },
        )
        out.put(fit.FILE_CREATOR, {"software_version": version})
        out.put(
            fit.DEVELOPER_DATA_ID,
            {
                "application_id": APPLICATION.bytes,
                "developer_data_index": 0,
                "application_version": version,
            },
        )
        for message in (fit.EVENT, fit.RECORD, fit.LAP):
            for field in message.fields:
                if field.developer:
                    out.put(fit.FIELD_DESCRIPTION, description(message, field))
        out.put(
            fit.DEVICE_INFO,
            {
                "timestamp": self._stamp(self._begin_s),
                "device_index": 0,
                "manufacturer": fit.DEVELOPMENT,
                "product": PRODUCT,
                "software_version": version / 100,
                "source_type": fit.LOCAL_SOURCE,
                "product_name": self._product,
            },
        )

    def _timer(self) -> Iterator["_Timed"]:
        """The timer runs from the first to the last second, and rests where there are none."""
        edges = [(self._begin_s, True), (self._end_s, False)]
        for begin_s, end_s in self._pauses():
            edges += [(begin_s, False), (end_s, True)]
        for time_s, starts in edges:
            kind = fit.START if starts else fit.STOP_ALL
            stamp = self._stamp(time_s)
            values: dict[str, Value] = {
                "timestamp": stamp,
                "event": fit.TIMER,
                "event_type": kind,
                "data": 0,
                "event_group": 0,
            }
            yield stamp, 0 if starts else 3, fit.EVENT, values

    def _pauses(self) -> Iterator[tuple[float, float]]:
        for a, b in itertools.pairwise(self._seconds):
            if b.time_s - (a.time_s + 1.0) > PAUSE_S:
                yield a.time_s + 1.0, b.time_s

    def _timed(self, begin_s: float, end_s: float) -> float:
        """Time without pauses, s."""
        rest = sum(max(0.0, min(b, end_s) - max(a, begin_s)) for a, b in self._pauses())
        return end_s - begin_s - rest

    def _cues(self) -> Iterator["_Timed"]:
        for cue in self._run.cues():
            if math.isfinite(cue.played_s):
                yield self._event(cue.played_s, _alert(cue), cue.cue, cue.reason)

    def _marks(self) -> Iterator["_Timed"]:
        for event in self._run.events():
            if event.kind in _MARKS:
                yield self._event(event.time_s, {"event": fit.MARKER}, event.kind, _said(event))

    def _event(self, time_s: float, values: dict[str, Value], cue: str, reason: str) -> "_Timed":
        stamp = self._stamp(min(max(time_s, self._begin_s), self._end_s))
        more: dict[str, Value] = {"cue": cue, "reason": reason}
        given = values | {"timestamp": stamp, "event_type": fit.MARKED} | more
        return stamp, 1, fit.EVENT, given

    def _beats(self) -> Iterator["_Timed"]:
        """RR intervals, after the record of the second in which they were told.

        Not those of a strap that felt no skin.
        """
        for row in self._run.hearts():
            if row.contact != 0.0 and self._begin_s <= row.time_s < self._end_s:
                stamp = self._stamp(row.time_s)
                for rr_s in row.intervals_s:
                    yield stamp, 4, fit.HRV, {"time": rr_s}

    def _records(self) -> Iterator["_Timed"]:
        for second in self._seconds:
            stamp = self._stamp(second.time_s)
            yield stamp, 2, fit.RECORD, self._record(second) | {"timestamp": stamp}

    def _record(self, second: SecondRow) -> dict[str, Value]:
        at, middle = second.time_s, second.time_s + 0.5
        row = _cadence(second.cadence_spm)
        speed_ms = self._outside.speed.at(middle)
        if second.activity == RUNNING:
            near = self._steps.within(at - AROUND_S, at + 1.0 + AROUND_S)
            row |= _dynamics(near, step_m(speed_ms, second.cadence_spm))
            wide = self._steps.within(at - BALANCE_S, at + 1.0 + BALANCE_S)
            row["stance_time_balance"] = wide.balance_percent
        return row | {
            "activity_type": fit.ACTIVITY_TYPES.get(second.activity),
            "heart_rate": self._outside.heart.at(middle),
            "distance": self._outside.distance_at(middle),
            "enhanced_speed": speed_ms,
            "belt_lean": second.lean_deg,
            "side_lean": second.side_lean_deg,
            "lean_sd": second.lean_sd_deg,
        }

    def _mean_speed(self, seconds: Iterable[SecondRow]) -> float:
        """Mean of the speeds that are known, m/s."""
        speeds = (self._outside.speed.at(s.time_s + 0.5) for s in seconds)
        known = [speed for speed in speeds if math.isfinite(speed)]
        return math.fsum(known) / len(known) if known else math.nan

    def _summary(self, begin_s: float, end_s: float) -> dict[str, Value]:
        """What lap and session share."""
        inside = [s for s in self._seconds if begin_s <= s.time_s < end_s]
        running = [s for s in inside if s.activity == RUNNING]
        known = [s.cadence_spm for s in running if math.isfinite(s.cadence_spm)]
        whole = (begin_s, end_s) == (self._begin_s, self._end_s)
        sums = self._steps.within(begin_s, end_s)
        cadence = self._totals.cadence_spm if whole else sums.cadence_spm
        steps = self._totals.running_steps if whole else sums.steps
        around = self._outside
        # of the seconds whose speed is known, as everywhere: it may have been known when fast alone
        paced = ((around.speed.at(s.time_s + 0.5), s.cadence_spm) for s in running)
        return {
            "timestamp": self._stamp(end_s),
            "start_time": self._stamp(begin_s),
            "total_elapsed_time": end_s - begin_s,
            "total_timer_time": self._timed(begin_s, end_s),
            "total_distance": around.way.between(begin_s, end_s),
            "total_cycles": steps // 2,
            "total_fractional_cycles": steps % 2 / 2,
            **_cadence(cadence, "avg_"),
            **_cadence(max(known, default=math.nan), "max_"),
            "avg_heart_rate": around.heart.mean(begin_s, end_s),
            "max_heart_rate": around.heart.most(begin_s, end_s),
            "enhanced_avg_speed": self._mean_speed(inside),
            **{f"avg_{name}": value for name, value in _dynamics(sums, mean_step_m(paced)).items()},
            "avg_stance_time_balance": sums.balance_percent,
            "sport": fit.RUNNING_SPORT,
            "sub_sport": fit.VIRTUAL_SUB if self._run.virtual else fit.GENERIC_SUB,
            "event_type": fit.STOP,
        }

    def _lap(self, number: int, lap: Phase, last: bool) -> dict[str, Value]:
        trigger = fit.TRIGGER_END if last else fit.TRIGGER_TIME
        warm = lap.name == WARM_UP
        return self._summary(lap.begin_s, lap.end_s) | {
            "message_index": number,
            "event": fit.LAP_EVENT,
            "intensity": fit.INTENSITY_WARMUP if warm else fit.INTENSITY_ACTIVE,
            "lap_trigger": trigger,
            "phase": lap.name,
        }

    def _session(self, laps: int) -> dict[str, Value]:
        return self._summary(self._begin_s, self._end_s) | {
            "message_index": 0,
            "event": fit.LAP_EVENT,
            "first_lap_index": 0,
            "num_laps": laps,
            "trigger": 0,
        }


_Timed = tuple[int, int, Message, dict[str, Value]]
"""FIT time, rank within it, and the message."""


def _in_order(seconds: Iterable[SecondRow], end_s: float) -> Iterator[SecondRow]:
    """The seconds by time, each once: a damaged file may have them in any order."""
    last_s = -1.0
    for row in sorted(seconds, key=lambda row: row.time_s):
        if row.time_s >= max(0.0, last_s + 1.0) and row.time_s <= end_s:
            last_s = row.time_s
            yield row


def _dynamics(sums: _Sums, length_m: float) -> dict[str, Value]:
    """The running dynamics of some steps of that length, which is known by a speed alone."""
    length_mm = 1000.0 * length_m
    ratio = 100.0 * sums.bounce_mm / length_mm if length_mm > 0.0 else math.nan
    return {
        "vertical_oscillation": sums.bounce_mm,
        "stance_time": sums.contact_ms,
        "stance_time_percent": sums.contact_percent,
        "vertical_ratio": ratio,
        "step_length": length_mm if length_mm > 0.0 else math.nan,
    }


def _alert(cue: CueRow) -> dict[str, Value]:
    """FIT's own alert for a low cadence, in strides; every other cue is a marker."""
    if cue.cue not in CORRECTIONS or cue.metric != "cadence":
        return {"event": fit.MARKER}
    return {"event": fit.CADENCE_LOW, "data": cue.low / 2.0}  # in whole strides


def _said(event: EventRow) -> str:
    return event.text if event.text != event.kind else ""


def description(message: Message, field: Field) -> dict[str, Value]:
    """The values that say what a field of our own is."""
    return {
        "developer_data_index": 0,
        "field_definition_number": field.number,
        "fit_base_type_id": field.kind.number,
        "field_name": field.name,
        "units": field.unit,
        "native_mesg_num": message.number,
    }


def _version() -> int:
    """The version as FIT has it: hundredths, "0.3.1" is 3."""
    numbers = [int(part) for part in __version__.split(".")[:2] if part.isdigit()]
    return numbers[0] * 100 + numbers[1] if len(numbers) == 2 else 0
