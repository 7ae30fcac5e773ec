"""The stand in the daemon: ticks while it lasts, the answer, and the file it is kept in.

Measuring is ``stand``; here are the sounds, the light and the thread that waits for the card.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gaitpi import calibrationfile
from gaitpi.calibrationfile import StandRecord
from gaitpi.device.stand import Stand, StandMeasurement, axis_up
from gaitpi.device.start import Known, from_record
from gaitpi.errors import GaitpiError
from gaitpi.gait import Start
from gaitpi.imu.batch import Floats, SensorInfo
from gaitpi.units import DEG_PER_RAD

TICK_S: Final = 3.0
"""Between two double ticks while it lasts, s: after each the body has time to be still."""
MOVING_S: Final = 3.0
"""How long the light of too much movement is shown, s."""
PATIENCE_S: Final = 5.0
"""Without a sample for this long the measurement is given up, s."""


def record_of(stand: Stand, info: SensorInfo, *, wall_s: float, boot_id: str) -> StandRecord:
    """A usable stand as it is kept."""
    assert stand.verdict in ("good", "fair", "lying")
    return StandRecord(
        wall_s=wall_s,
        boot_id=boot_id,
        chip=info.chip,
        address=info.address,
        grade=stand.verdict,
        why=stand.why,
        gyro_bias=stand.gyro_bias,
        gyro_bias_sd=stand.gyro_bias_sd,
        up=stand.up if stand.upright else None,
        up_sd=stand.up_sd,
        gravity=stand.gravity,
        acc_noise=stand.acc_noise,
        gyro_noise=stand.gyro_noise,
        seconds=stand.seconds,
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
    """The kept stands of one sensor. ``path`` None: none are read or kept (a recording is played).

    ``problem`` says what was wrong with the file, in a sentence.
    """

    def __init__(self, path: Path | None, boot_id: str) -> None:
        self._path = path
        self.boot_id = boot_id
        self.problem = ""
        self._record: StandRecord | None = None
        if path is None:
            return
        try:
            kept = calibrationfile.load(path)
        except GaitpiError as error:
            self.problem = str(error)
            return
        self._record = kept.last()
        if kept.unread:
            lines = "line" if kept.unread == 1 else "lines"
            self.problem = f"{kept.unread} {lines} of {path.name} cannot be read and are not used."

    def why_not(self, info: SensorInfo, wall_s: float) -> str:
        """Why there is a stand but it is not used, in a sentence; else ""."""
        if self._record is None:
            return ""
        why = calibrationfile.why_not(self._record, info.chip, info.address, wall_s)
        return f"The stand that was kept is not used: {why}." if why else ""

    def known(self, info: SensorInfo, wall_s: float) -> Known:
        """What an estimator may start from now."""
        record = self._record
        if record is None or self.why_not(info, wall_s):
            return Known(Start())
        return Known(from_record(record, boot_id=self.boot_id, wall_s=wall_s), record)

    def use(self, record: StandRecord) -> None:
        """Use this stand from now on."""
        self._record = record

    def keep(self, record: StandRecord) -> None:
        """Write a stand. Raises CalibrationError."""
        if self._path is not None:
            calibrationfile.add(self._path, record)


class Calibrating:
    """A stand being measured, or none. The callables sound, show a light, and say a sentence.

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
        self._keeper: threading.Thread | None = None
        self._kept: Stand | None = None
        self._error: GaitpiError | None = None
        self._info: SensorInfo | None = None
        self._tick_s = 0.0
        self._fed_s = 0.0
        self._light_until_s: float | None = None

    @property
    def measuring(self) -> bool:
        """Whether samples are wanted."""
        return self._measurement is not None

    def begin(self, info: SensorInfo, rate_hz: float, now_s: float) -> None:
        """Measure from now on; a measurement under way begins anew."""
        self._info = info
        self._measurement = StandMeasurement(rate_hz)
        self._tick_s = self._fed_s = now_s
        self._light_until_s = None
        self._light("calibrating")

    def samples(
        self, acc: Floats, gyr: Floats, time_s: Floats, *, now_s: float, wall_s: float
    ) -> Stand | None:
        """Take samples (n, 3), (n, 3), (n,); the result when there is one, already answered."""
        measurement, info = self._measurement, self._info
        if measurement is None or info is None:
            return None
        self._fed_s = now_s
        measurement.add(acc, gyr, time_s)
        stand = measurement.stand
        if stand is None:
            return None
        self._measurement = None
        if stand.usable:
            self._light("")
            self._keep(stand, record_of(stand, info, wall_s=wall_s, boot_id=self._stands.boot_id))
        else:
            self._refuse(stand, now_s)
        return stand

    def _refuse(self, stand: Stand, now_s: float) -> None:
        moved = stand.verdict == "moved"
        self._sound("not-still" if moved else "no")
        self._light("moving" if moved else "")
        self._light_until_s = now_s + MOVING_S if moved else None
        self._said(told(stand))

    def _keep(self, stand: Stand, record: StandRecord) -> None:
        def work() -> None:
            try:
                self._stands.keep(record)
            except GaitpiError as error:
                self._error = error

        self.close()
        self._stands.use(record)
        self._kept, self._error = stand, None
        self._keeper = threading.Thread(target=work, name="gaitpi-keeping", daemon=True)
        if self._threaded:
            self._keeper.start()
        else:
            work()
            self._keeper = None
            self._answer()

    def _answer(self) -> None:
        """It is on the card, or it is not: say so."""
        stand, self._kept = self._kept, None
        if stand is None:
            return
        self._said(told(stand))
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
            self._light("")
        if not self.measuring:
            return
        if now_s - self._fed_s > PATIENCE_S:
            self._measurement = None
            self._sound("no")
            self._light("")
            self._said("Not measured: no samples from the sensor.")
        elif now_s >= self._tick_s:
            self._tick_s += TICK_S
            self._sound("measuring")

    def close(self) -> None:
        """Wait for the card, if something is being kept."""
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
