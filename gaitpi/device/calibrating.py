"""Measuring in the daemon: ticks while it lasts, the answer, and the file it is kept in.

What is measured follows from where the pack is when the button was held. Worn, it is the stand, and
for ten seconds after its chord a bow is taken too. On a table it is the bias at rest, and after its
chord the other five sides may follow, each turned up in turn: six positions.

Measuring is ``stand``, ``bow`` and ``sixpositions``; here are the sounds, the light and the thread
that waits for the card.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaitpi import calibrationfile
from gaitpi.calibrationfile import (
    BowRecord,
    Calibrations,
    Measured,
    Record,
    RestRecord,
    SixRecord,
    StandRecord,
    Vector,
)
from gaitpi.device import bow as bowing
from gaitpi.device import sixpositions
from gaitpi.device.biasline import BiasLine, line_of
from gaitpi.device.bow import Bow, BowMeasurement
from gaitpi.device.correction import misfit, of
from gaitpi.device.sixpositions import HOLD, Fit, Position, SixPositions
from gaitpi.device.stand import Stand, StandMeasurement, axis_up
from gaitpi.device.start import Known, best_bias, from_record
from gaitpi.errors import GaitpiError
from gaitpi.gait import Start
from gaitpi.imu.batch import Floats, SensorInfo
from gaitpi.units import DEG_PER_RAD, G0

TICK_S: Final = 3.0
"""Between two double ticks while it lasts, s: after each the body has time to be still."""
MOVING_S: Final = 3.0
"""How long the light of too much movement is shown, s."""
PATIENCE_S: Final = 5.0
"""Without a sample for this long the measurement is given up, s."""
BOW_S: Final = 10.0
"""After the chord of a stand a bow may begin for this long, s."""
SIDES_S: Final = 60.0
"""After the last side was taken the next is waited for this long, s."""


@dataclass(frozen=True, slots=True)
class Site:
    """When, where and with what something was measured."""

    info: SensorInfo
    wall_s: float
    boot_id: str
    temperature_c: float = math.nan

    def fields(self) -> dict[str, Any]:
        """The fields that all records have, but for ``why``."""
        return {
            "wall_s": self.wall_s,
            "boot_id": self.boot_id,
            "chip": self.info.chip,
            "address": self.info.address,
            "temperature_c": self.temperature_c if math.isfinite(self.temperature_c) else None,
        }


def record_of(
    stand: Stand,
    info: SensorInfo,
    *,
    wall_s: float,
    boot_id: str,
    temperature_c: float = math.nan,
) -> StandRecord | RestRecord:
    """A usable stand as it is kept; where nobody stood it is a rest."""
    assert stand.verdict in ("good", "fair", "lying")
    measured = {
        **Site(info, wall_s, boot_id, temperature_c).fields(),
        "why": stand.why,
        "gyro_bias": stand.gyro_bias,
        "gyro_bias_sd": stand.gyro_bias_sd,
        "gravity": stand.gravity,
        "acc_noise": stand.acc_noise,
        "gyro_noise": stand.gyro_noise,
        "seconds": stand.seconds,
    }
    if not stand.upright:
        return RestRecord(**measured)
    return StandRecord(grade=stand.verdict, up=stand.up, up_sd=stand.up_sd, **measured)


def six_record(
    fit: Fit, positions: Sequence[Position], site: Site, *, gravity: float = G0
) -> SixRecord:
    """Usable six positions as they are kept."""
    assert fit.grade != "poor"
    rates = [sum(p.gyr[k] for p in positions) / len(positions) for k in range(3)]
    spread = max(
        math.sqrt(sum((p.gyr[k] - rates[k]) ** 2 for p in positions) / len(positions))
        for k in range(3)
    )
    return SixRecord(
        **site.fields(),
        why=fit.why,
        grade=fit.grade,
        matrix=fit.matrix,
        offset=fit.offset,
        cross=fit.cross,
        offset_sd=fit.offset_sd,
        scale_sd=fit.scale_sd,
        cross_sd=fit.cross_sd,
        residual=fit.residual if math.isfinite(fit.residual) else None,
        local_g=gravity,
        read=tuple(p.acc for p in positions),
        gyro_bias=(rates[0], rates[1], rates[2]),
        gyro_bias_sd=max(spread / math.sqrt(len(positions)), 1e-5),
    )


def bow_record(bow: Bow, site: Site) -> BowRecord:
    """A usable bow as it is kept."""
    assert bow.verdict == "good"
    return BowRecord(
        **site.fields(),
        why=bow.why,
        grade=bow.verdict,
        up=bow.up,
        front=bow.front,
        front_sd=bow.front_sd,
        depth_deg=bow.depth_deg,
    )


def told(stand: Stand) -> str:
    """The result in a sentence."""
    if not stand.usable:
        again = "Stand still and try again." if stand.verdict == "moved" else "Nothing was kept."
        return f"Not measured: {stand.why}. {again}"
    bias = ", ".join(f"{b * DEG_PER_RAD:+.2f}" for b in stand.gyro_bias)
    zero = f"up is {axis_up(stand.up)}" if stand.upright else "no upright zero"
    return f"Measured ({stand.verdict}): gyro bias {bias} deg/s, {zero}; {stand.why}."


class Stands:
    """The kept measurements of one sensor. ``path`` None: none are read or kept (for a recording).

    ``problem`` says what was wrong with the file, in a sentence.
    """

    def __init__(self, path: Path | None, boot_id: str) -> None:
        self._path = path
        self.boot_id = boot_id
        self.problem = ""
        self._kept = Calibrations()
        if path is None:
            return
        try:
            self._kept = calibrationfile.load(path)
        except GaitpiError as error:
            self.problem = str(error)
            return
        if unread := self._kept.unread:
            lines = "line" if unread == 1 else "lines"
            self.problem = f"{unread} {lines} of {path.name} cannot be read and are not used."

    def why_not(self, info: SensorInfo, wall_s: float) -> str:
        """Why something is kept but not used, in sentences; else ""."""
        kept = (("stand", self._kept.last()), ("measurement of six sides", self._kept.six()))
        whys = [
            f"The {name} that was kept is not used: {why}."
            for name, record in kept
            if record is not None and (why := self._why_not(record, info, wall_s))
        ]
        return " ".join(whys)

    @staticmethod
    def _why_not(record: Measured, info: SensorInfo, wall_s: float) -> str:
        return calibrationfile.why_not(record, info.chip, info.address, wall_s)

    def known(self, info: SensorInfo, wall_s: float, temperature_c: float = math.nan) -> Known:
        """What an estimator may start from now, its sensor at ``temperature_c``."""
        stand, six, bow = self._kept.last(), self._kept.six(), self._kept.bow()
        if stand is not None and self._why_not(stand, info, wall_s):
            stand = None
        if six is not None and self._why_not(six, info, wall_s):
            six = None
        # put on again, a belt sits otherwise round the waist: as good as not known
        if bow is not None and (
            bow.boot_id != self.boot_id or self._why_not(bow, info, wall_s) or not self.boot_id
        ):
            bow = None
        correction = of(six)
        start = Start()
        if stand is not None:
            start = from_record(stand, boot_id=self.boot_id, wall_s=wall_s, correction=correction)
        usable = [r for r in self._kept.biases() if not self._why_not(r, info, wall_s)]
        best = best_bias(usable, self.line(info), wall_s=wall_s, temperature_c=temperature_c)
        bias_from = ""
        if best is not None:
            start = replace(start, gyro_bias=best[0], gyro_bias_sd=best[1])
            bias_from = best[2]
        if bow is not None:
            start = replace(start, front=bow.front)
        return Known(start, stand, correction, six, bow, bias_from, temperature_c)

    def line(self, info: SensorInfo) -> BiasLine | None:
        """The gyro bias of this sensor over its temperature, of all that is kept."""
        return line_of(self._kept, info.chip, info.address)

    def use(self, record: Record) -> None:
        """Use this measurement from now on."""
        self._kept = replace(self._kept, records=(*self._kept.records, record))

    def keep(self, record: Record) -> None:
        """Write a measurement. Raises CalibrationError."""
        if self._path is not None:
            calibrationfile.add(self._path, record)


@dataclass(frozen=True, slots=True)
class Result:
    """What a measurement gave: ``kind`` of event, ``text`` and ``detail`` for the run file.

    ``kept``: there is something new to start from.
    """

    kind: str
    text: str
    kept: bool
    detail: dict[str, object] = field(default_factory=dict)


class Calibrating:
    """What is being measured, or nothing. The callables sound, show a light, and say a sentence.

    ``light`` "" brings back the usual one. ``threaded`` keeps the result from a thread of its own.
    """

    def __init__(
        self,
        stands: Stands,
        *,
        sound: Callable[[str], None],
        light: Callable[[str], None],
        said: Callable[[str], None],
        threaded: bool,
    ) -> None:
        self._stands = stands
        self._sound = sound
        self._light = light
        self._said = said
        self._threaded = threaded
        self._measurement: StandMeasurement | None = None
        self._bow: BowMeasurement | None = None
        self._six: SixPositions | None = None
        self._until_s = 0.0
        self._rate_hz = 0.0
        self._front: Vector | None = None
        self._keeper: threading.Thread | None = None
        self._kept = ""
        self._error: GaitpiError | None = None
        self._site: Site | None = None
        self._tick_s = 0.0
        self._fed_s = 0.0
        self._light_until_s: float | None = None

    @property
    def measuring(self) -> bool:
        """Whether samples are wanted."""
        return self._measurement is not None or self._bow is not None or self._six is not None

    def begin(
        self, info: SensorInfo, rate_hz: float, now_s: float, front: Vector | None = None
    ) -> None:
        """Measure from now on; a measurement under way begins anew.

        ``front`` (3,) where forward is known to lie in the sensor, for a bow.
        """
        self._site = Site(info, 0.0, self._stands.boot_id)
        self._rate_hz, self._front = rate_hz, front
        self._measurement = StandMeasurement(rate_hz)
        self._bow = self._six = None
        self._tick_s = self._fed_s = now_s
        self._light_until_s = None
        self._light("calibrating")

    def samples(
        self,
        acc: Floats,
        gyr: Floats,
        time_s: Floats,
        *,
        now_s: float,
        wall_s: float,
        temperature_c: float = math.nan,
    ) -> list[Result]:
        """Take samples (n, 3), (n, 3), (n,) as read; the results there are, already answered."""
        if self._site is None:
            return []
        self._site = replace(self._site, wall_s=wall_s, temperature_c=temperature_c)
        self._fed_s = now_s
        if self._measurement is not None:
            self._measurement.add(acc, gyr, time_s)
            stand = self._measurement.stand
            return [] if stand is None else [self._stood(stand, self._site, now_s)]
        if self._bow is not None:
            self._bow.add(acc, gyr, time_s)
            bow = self._bow.bow
            return [] if bow is None else [self._bowed(bow, self._site)]
        if self._six is not None:
            return self._turned(self._six, (acc, gyr, time_s), self._site, now_s)
        return []

    # ---------------------------------------------------------------- stand, rest

    def _stood(self, stand: Stand, site: Site, now_s: float) -> Result:
        self._measurement = None
        detail: dict[str, object] = {
            "verdict": stand.verdict,
            "gyro_bias_rad_s": stand.gyro_bias,
            "up": stand.up,
        }
        text = f"{stand.verdict}: {stand.why}"
        if not stand.usable:
            self._refuse(stand, now_s)
            return Result("stand", text, False, detail)
        record = record_of(
            stand,
            site.info,
            wall_s=site.wall_s,
            boot_id=site.boot_id,
            temperature_c=site.temperature_c,
        )
        correction = self._stands.known(site.info, site.wall_s).correction
        doubt = misfit(correction, stand.up, stand.gravity)
        self._keep(record, f"{told(stand)} {doubt}".rstrip())
        if stand.upright:
            self._light("")
            self._bow = BowMeasurement(self._rate_hz, stand.gyro_bias, self._front)
            self._until_s = now_s + BOW_S
            return Result("stand", text, True, detail)
        first = Position(
            sixpositions.side_of(np.array(stand.force)),
            stand.force,
            stand.gyro_bias,
            stand.acc_noise / math.sqrt(HOLD),
            site.temperature_c,
        )
        self._six = SixPositions(self._rate_hz, first=(first,))
        self._until_s = now_s + SIDES_S
        return Result("rest", text, True, detail)

    def _refuse(self, stand: Stand, now_s: float) -> None:
        moved = stand.verdict == "moved"
        self._sound("not-still" if moved else "no")
        if moved:
            self._moving(now_s)
        else:
            self._light("")
        self._said(told(stand))

    def _moving(self, now_s: float) -> None:
        self._light("moving")
        self._light_until_s = now_s + MOVING_S

    # ---------------------------------------------------------------- bow

    def _bowed(self, bow: Bow, site: Site) -> Result:
        self._bow = None
        detail: dict[str, object] = {"verdict": bow.verdict, "front": bow.front}
        if bow.usable:
            self._keep(bow_record(bow, site), bowing.told(bow))
        else:
            self._sound("no")
            self._said(bowing.told(bow))
        return Result("bow", f"{bow.verdict}: {bow.why}", bow.usable, detail)

    # ---------------------------------------------------------------- six positions

    def _turned(
        self, six: SixPositions, samples: tuple[Floats, Floats, Floats], site: Site, now_s: float
    ) -> list[Result]:
        six.temperature_c = site.temperature_c
        for noticed in six.add(*samples):
            self._until_s = now_s + SIDES_S
            if noticed.what == "taken":
                left = len(six.missing)
                self._said(f"Side {noticed.side} is in, {left} to go.")
                if left:
                    self._sound("mark")
            elif noticed.what == "repeated":
                self._sound("no")
                self._said(f"Side {noticed.side} is in already: turn it to another.")
            else:
                self._sound("not-still")
                self._moving(now_s)
                self._said("It moved: leave it still for four seconds.")
        if not six.done:
            return []
        self._six = None
        self._light_until_s = None
        self._light("")
        fit = sixpositions.solve(six.positions)
        if fit.usable:
            self._keep(six_record(fit, six.positions, site), sixpositions.told(fit))
        else:
            self._sound("no")
            self._said(sixpositions.told(fit))
        return [Result("six", f"{fit.grade}: {fit.why}", fit.usable, {"offset_ms2": fit.offset})]

    # ---------------------------------------------------------------- keeping

    def _keep(self, record: Record, sentence: str) -> None:
        def work() -> None:
            try:
                self._stands.keep(record)
            except GaitpiError as error:
                self._error = error

        self.close()
        self._stands.use(record)
        self._kept, self._error = sentence, None
        self._keeper = threading.Thread(target=work, name="gaitpi-keeping", daemon=True)
        if self._threaded:
            self._keeper.start()
        else:
            work()
            self._keeper = None
            self._answer()

    def _answer(self) -> None:
        """It is on the card, or it is not: say so."""
        sentence, self._kept = self._kept, ""
        if not sentence:
            return
        self._said(sentence)
        if self._error is None:
            self._sound("set")
        else:
            self._sound("no")
            self._said(f"It is used now but not kept: {self._error}")

    def tick(self, now_s: float) -> None:
        """Call at every round of the loop: ticks, the light's end, the answer."""
        if self._keeper is not None and not self._keeper.is_alive():
            self._keeper = None
            self._answer()
        if self._light_until_s is not None and now_s >= self._light_until_s:
            self._light_until_s = None
            self._light("calibrating" if self._six is not None else "")
        if not self.measuring:
            return
        if now_s - self._fed_s > PATIENCE_S:
            self._measurement = self._bow = self._six = None
            self._sound("no")
            self._light("")
            self._said("Not measured: no samples from the sensor.")
        elif self._measurement is None:
            self._wait_on(now_s)
        elif now_s >= self._tick_s:
            self._tick_s += TICK_S
            self._sound("measuring")

    def _wait_on(self, now_s: float) -> None:
        """A bow or a side that does not come is no longer waited for; nobody asked for it."""
        begun = self._bow is not None and self._bow.depth_deg >= bowing.TRIED_DEG
        if now_s < self._until_s or (begun and now_s < self._until_s + bowing.LONGEST_S):
            return
        if self._six is not None:
            self._light("")
            missing = ", ".join(self._six.missing)
            self._said(f"Six positions left unfinished: {missing} missing. The bias is kept.")
        self._bow = self._six = None

    def close(self) -> None:
        """Wait for the card, if something is being kept."""
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
