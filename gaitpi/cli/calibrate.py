"""``gaitpi calibrate``: measure sensor and runner over ssh, and show what is kept."""

import argparse
import contextlib
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitpi import calibrationfile
from gaitpi.calibrationfile import (
    BowRecord,
    CalibrationError,
    Calibrations,
    Measured,
    RestRecord,
    SixRecord,
    StandRecord,
)
from gaitpi.cli import actions_of, common_options, complain, load_config, print_json
from gaitpi.config import Config, runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError
from gaitpi.plaintext import plain
from gaitpi.units import DEG_PER_RAD, G0

if TYPE_CHECKING:
    from gaitpi.device.biasline import BiasLine
    from gaitpi.device.bow import Bow
    from gaitpi.device.calibrating import Site
    from gaitpi.device.sixpositions import Fit, Noticed, SixPositions
    from gaitpi.device.stand import Stand
    from gaitpi.hostclock import HostClock
    from gaitpi.imu.batch import Batch
    from gaitpi.imu.reader import Reader
    from gaitpi.imu.virtual.source import SignalSource

HELP: Final = (
    "What the sensor reads wrongly, how you stand and where forward is: measured once, kept, and"
    " used by every later run. 'stand' comes first (with the belt on; the button does the same when"
    " held for 5 s); 'six' is for a new sensor. Cadence needs none of it. Without an action: check."
)
EPILOG: Final = """examples:
  gaitpi calibrate stand
  gaitpi calibrate bow
  gaitpi calibrate six --edges
  gaitpi calibrate check
  gaitpi calibrate six --virtual"""

POLL_S: Final = 0.05
PATIENCE_S: Final = 5.0
"""Without a sample for this long it is given up, s."""
REST_S: Final = 30.0
"""A rest is measured for so long, s."""
UPRIGHT_S: Final = 3.0
"""Before a bow somebody stands still for so long, s."""
BOW_S: Final = 20.0
"""A bow is waited for so long, s."""
SIDE_S: Final = 300.0
"""The next of six positions is waited for so long, s."""
G_RANGE: Final = (9.76, 9.84)
"""Gravity on Earth, m/s², with a margin."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    common = common_options(argparse.SUPPRESS)
    for one in (parser, common):  # before the action or after it
        one.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )
        one.add_argument(
            "--virtual",
            action="store_true",
            default=argparse.SUPPRESS,
            help="somebody simulated, on the virtual chip",
        )
    parser.set_defaults(action=_check, json=False, virtual=False, source=None)
    action = actions_of(parser, common)
    action("check", _check, "what is kept: grade, age and expiry", "check")
    action("stand", _stand, "belt on, stand still: gyroscope's bias and upright", "stand")
    action("bow", _bow, "belt on, bow once slowly: where forward is", "bow")
    action("rest", _rest, "lying still for half a minute: gyroscope's bias", "rest")
    six = action("six", _six, "the accelerometer, on its six sides", "six --edges")
    six.add_argument(
        "--edges",
        action="store_true",
        help="six tilted positions as well: they show the cross-axis terms, however it is put down",
    )
    six.add_argument(
        "--squared",
        action="store_true",
        help="the sides are set against a right angle on a level table: that shows them too",
    )
    six.add_argument(
        "--gravity",
        type=float,
        default=G0,
        metavar="MS2",
        help="gravity of the place, m/s2 (default %(default)s; 9.780 equator, 9.832 pole)",
    )


def run(args: argparse.Namespace) -> int:
    """Do the action; 0, or 1 where there is nothing that can be used."""
    code: int = args.action(args)
    return code


def _path(config: Config, args: argparse.Namespace) -> Path:
    return calibrationfile.path_in(runs_directory(config), virtual=args.virtual)


# -------------------------------------------------------------------------------- check


def _check(args: argparse.Namespace) -> int:
    path = _path(load_config(args), args)
    kept = calibrationfile.load(path)
    now = time.time()
    records = _newest(kept)
    if args.json:
        print_json({"file": str(path), "unread": kept.unread, **records, "line": _line_json(kept)})
    if kept.unread:
        complain(f"{kept.unread} of the lines in {path} cannot be read; they are left alone.")
    found = [record for record in records.values() if record is not None]
    if not found:
        complain("nothing is kept. Begin with a stand: gaitpi calibrate stand.")
        return EXIT_PROBLEM
    old = [record for record in found if record.age_s(now) > record.age_max_s]
    if not args.json:
        print("\n\n".join("\n".join(map(plain, lines(record, now))) for record in found))
        if words := _line_words(kept):
            print("\n" + "\n".join(map(plain, words)))
    for record in old:
        complain(
            f"the {_name(record)} is older than {record.age_max_s / 86_400:.0f} days and no longer"
            f" used: gaitpi calibrate {_name(record)}."
        )
    if records["stand"] is None:
        complain("no stand is kept. Stand for one: gaitpi calibrate stand.")
        return EXIT_PROBLEM
    return EXIT_PROBLEM if old else EXIT_OK


def _newest(kept: Calibrations) -> dict[str, Measured | None]:
    rests = [record for record in kept.records if isinstance(record, RestRecord)]
    return {
        "stand": kept.last(),
        "rest": rests[-1] if rests else None,
        "six": kept.six(),
        "bow": kept.bow(),
    }


def _name(record: Measured) -> str:
    return str(record.__struct_config__.tag)


def lines(record: Measured, now_s: float) -> list[str]:
    """A kept measurement in words; ``now_s`` the wall clock."""
    grade = getattr(record, "grade", "")
    head = _hang(_name(record), f"{grade}, {_age(record, now_s)}: {record.why}")
    warm = "" if record.temperature_c is None else f", {record.temperature_c:.0f} C"
    sensor = f"sensor     {record.chip} at {record.address:#04x}{warm}"
    if isinstance(record, StandRecord):
        body = _stand_lines(record)
    elif isinstance(record, RestRecord):
        body = [_bias_line(record), _noise_line(record)]
    elif isinstance(record, SixRecord):
        body = _six_lines(record)
    else:
        assert isinstance(record, BowRecord)
        body = _bow_lines(record)
    return [*head, sensor, *body, *_hang("used", _expiry(record))]


def _hang(label: str, text: str) -> list[str]:
    return textwrap.wrap(f"{label:<11}{text}", 80, subsequent_indent=" " * 11)


def _stand_lines(record: StandRecord) -> list[str]:
    from gaitpi.device.stand import axis_up

    off = record.gravity / G0 - 1.0
    upright = "nobody stood: not known"
    if record.up is not None:
        upright = f"sensor axis {axis_up(record.up)} (sd {record.up_sd * DEG_PER_RAD:.2f} deg)"
    return [
        _bias_line(record),
        f"upright    {upright}",
        f"gravity    {record.gravity / G0:.3f} g as read, {abs(off):.1%} "
        f"{'high' if off > 0 else 'low'}",
        _noise_line(record),
    ]


def _bias_line(record: StandRecord | RestRecord) -> str:
    bias = ", ".join(f"{b * DEG_PER_RAD:+.2f}" for b in record.gyro_bias)
    return f"gyro bias  {bias} deg/s (sd {record.gyro_bias_sd * DEG_PER_RAD:.2f})"


def _noise_line(record: StandRecord | RestRecord) -> str:
    return (
        f"noise      {record.acc_noise / G0 * 1000:.1f} mg, "
        f"{record.gyro_noise * DEG_PER_RAD:.2f} deg/s"
    )


def _six_lines(record: SixRecord) -> list[str]:
    mg = 1000.0 / G0
    offset = ", ".join(f"{b * mg:+.1f}" for b in record.offset)
    scale = ", ".join(f"{record.matrix[i][i] - 1.0:+.2%}" for i in range(3))
    cross = ", ".join(f"{record.matrix[i][j]:+.2%}" for i, j in ((0, 1), (0, 2), (1, 2)))
    how = {"none": "not measured", "tilted": cross, "squared": f"{cross} (sides squared)"}
    return [
        f"offset     {offset} mg (sd {record.offset_sd * mg:.1f})",
        f"scale      corrected by {scale} (sd {record.scale_sd:.2%})",
        f"cross-axis {how[record.cross]} (sd {record.cross_sd:.2%})",
        f"positions  {len(record.read)}, gravity taken as {record.local_g:.3f} m/s2",
    ]


def _bow_lines(record: BowRecord) -> list[str]:
    from gaitpi.device.stand import axis_up

    sd = record.front_sd * DEG_PER_RAD
    return [f"forward    sensor axis {axis_up(record.front)} (sd {sd:.0f} deg)"]


def _expiry(record: Measured) -> str:
    days = f"{record.age_max_s / 86_400:.0f} days"
    until = ""
    if record.dated:
        with contextlib.suppress(OverflowError, ValueError, OSError):  # an impossible time
            day = time.strftime("%d %b %Y", time.localtime(record.wall_s + record.age_max_s))
            until = f", until {day}"
    if isinstance(record, BowRecord):
        return "until the Pi is switched off: then the belt may sit otherwise"
    return f"for {days}{until}, with this sensor only"


def _age(record: Measured, now_s: float) -> str:
    age = record.age_s(now_s)
    if age != age:
        return "of unknown age"
    if age < 7200.0:
        return f"{age / 60:.0f} min old"
    return f"{age / 3600:.0f} h old" if age < 172_800.0 else f"{age / 86_400:.0f} days old"


def _line(kept: Calibrations) -> "BiasLine | None":
    from gaitpi.device.biasline import line_of

    biases = kept.biases()
    return line_of(kept, biases[-1].chip, biases[-1].address) if biases else None


def _line_json(kept: Calibrations) -> dict[str, object] | None:
    found = _line(kept)
    if found is None:
        return None
    return {
        "low_c": found.low_c,
        "high_c": found.high_c,
        "slope_rad_s_per_k": found.slope,
        "rests": found.rests,
        "left_out": found.left_out,
    }


def _line_words(kept: Calibrations) -> list[str]:
    found = _line(kept)
    if found is None:
        return []
    slope = ", ".join(f"{s * DEG_PER_RAD:+.3f}" for s in found.slope)
    out = f", {found.left_out} left out that does not belong" if found.left_out else ""
    return _hang(
        "bias line",
        f"{slope} deg/s per kelvin, from {found.low_c:.0f} to {found.high_c:.0f} C, of"
        f" {found.rests} rests{out}",
    )


# -------------------------------------------------------------------------------- measuring


@contextmanager
def _sensor(
    args: argparse.Namespace, simulated: Callable[[], "SignalSource"]
) -> Iterator["_Sensor"]:
    """The sensor, started; ``simulated`` makes what the virtual one feels, or ``args.source``."""
    from gaitpi.hostclock import HostClock, SystemClock, VirtualClock

    config = load_config(args)
    # simulated, and nobody watches it come: as fast as it goes
    hurry = args.virtual and not sys.stdout.isatty()
    clock: HostClock = VirtualClock(wall_s=time.time()) if hurry else SystemClock()
    if not args.virtual:
        _refuse_beside_the_daemon()
    reader = _reader(config, clock, (args.source or simulated)() if args.virtual else None)
    try:
        reader.start()
        yield _Sensor(config, clock, reader)
    finally:
        reader.close()


def _refuse_beside_the_daemon() -> None:
    from gaitpi.device import status

    found = status.find()
    if found is not None and not status.judge(found):
        raise CalibrationError(
            "the daemon is running and has the sensor.",
            "Hold the belt's button for 5 s instead, or stop it: sudo systemctl stop gaitpi.",
        )


def _reader(config: Config, clock: "HostClock", source: "SignalSource | None") -> "Reader":
    from gaitpi.imu.reader import open_reader
    from gaitpi.imu.transport import Transport

    transport: Transport
    if source is not None:
        from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
        from gaitpi.imu.virtual.transport import VirtualTransport

        transport = VirtualTransport([VirtualMpu6050(source, clock)])
    else:
        from gaitpi.imu.smbus import SMBusTransport

        transport = SMBusTransport(config.imu.bus)
    try:
        return open_reader(transport, clock, config.imu)
    except BaseException:
        transport.close()
        raise


class _Sensor:
    """Batches as they come, for as long as they are wanted."""

    def __init__(self, config: Config, clock: "HostClock", reader: "Reader") -> None:
        self.config = config
        self.clock = clock
        self.reader = reader
        self.temperature_c = float("nan")

    def batches(self) -> Iterator["Batch | None"]:
        """Batches; None after each look. Raises CalibrationError when none come any more."""
        last = self.clock.monotonic()
        while True:
            self.clock.sleep(POLL_S)
            now = self.clock.monotonic()
            for batch in self.reader.poll():
                last = now
                self.temperature_c = batch.temperature_c
                yield batch
            if now - last > PATIENCE_S:
                raise CalibrationError(
                    f"no samples from the sensor for {PATIENCE_S:.0f} s ({self.reader.reason}).",
                    "Check plug and wires.",
                )
            yield None

    def site(self) -> "Site":
        """Where and when it is."""
        from gaitpi.device.calibrating import Site
        from gaitpi.device.status import boot_id

        return Site(self.reader.info, self.clock.wall(), boot_id(), self.temperature_c)

    def stand(self, seconds: float, *, quiet: bool) -> "Stand":
        """Read until there is a stand, with a dot each second."""
        from gaitpi.device.stand import StandMeasurement

        measurement = StandMeasurement(self.reader.info.rate_hz, seconds)
        begin, shown = self.clock.monotonic(), 0
        for batch in self.batches():
            if batch is not None:
                acc, gyr = self.reader.info.si(batch.counts)
                measurement.add(acc, gyr, batch.times())
            passed = self.clock.monotonic() - begin
            if not quiet and measurement.settled and passed > shown + 1:
                shown = int(passed)
                print(".", end="", flush=True)
            if measurement.stand is not None:
                break
        if not quiet:
            print()
        assert measurement.stand is not None
        return measurement.stand


def _told(args: argparse.Namespace, path: Path, kept: bool, sentence: str, result: Any) -> int:
    """The end of a measurement."""
    if args.json:
        print_json({"file": str(path), "kept": kept, args.made: result})
    else:
        print(textwrap.fill(sentence, 80))
        if kept:
            print(f"Kept in {path}.")
    return EXIT_OK if kept else EXIT_PROBLEM


# -------------------------------------------------------------------------------- stand, rest


def _stand(args: argparse.Namespace) -> int:
    from gaitpi.device.calibrating import Stands, record_of, told
    from gaitpi.device.correction import misfit
    from gaitpi.device.stand import MEASURE_S, SETTLE_S

    args.made = "stand"
    with _sensor(args, _somebody) as sensor:
        path = _path(sensor.config, args)
        if not args.json:
            print(f"Stand tall and still: {SETTLE_S:.0f} s to settle, then {MEASURE_S:.0f} s.")
        stand = sensor.stand(MEASURE_S, quiet=args.json)
        site = sensor.site()
    sentence = told(stand)
    if stand.usable:
        record = record_of(
            stand,
            site.info,
            wall_s=site.wall_s,
            boot_id=site.boot_id,
            temperature_c=site.temperature_c,
        )
        correction = Stands(path, "").known(site.info, site.wall_s).correction
        calibrationfile.add(path, record)
        sentence = f"{sentence} {misfit(correction, stand.up, stand.gravity)}".rstrip()
    return _told(args, path, stand.usable, sentence, stand)


def _rest(args: argparse.Namespace) -> int:
    from gaitpi.device.calibrating import record_of, told
    from gaitpi.device.stand import SETTLE_S

    args.made = "rest"
    with _sensor(args, _table) as sensor:
        path = _path(sensor.config, args)
        if not args.json:
            print(f"Lay it down and leave it: {SETTLE_S:.0f} s to settle, then {REST_S:.0f} s.")
        rest = sensor.stand(REST_S, quiet=args.json)
        site = sensor.site()
    kept = rest.verdict == "lying"
    if kept:
        record = record_of(
            rest,
            site.info,
            wall_s=site.wall_s,
            boot_id=site.boot_id,
            temperature_c=site.temperature_c,
        )
        calibrationfile.add(path, record)
    sentence = told(rest)
    if rest.upright:
        sentence = f"Not kept: it {rest.why}, so somebody wears it. Lay it on a table."
    elif kept and site.temperature_c == site.temperature_c:
        sentence += f" The sensor has {site.temperature_c:.1f} C."
    return _told(args, path, kept, sentence, rest)


# -------------------------------------------------------------------------------- bow


def _bow(args: argparse.Namespace) -> int:
    from gaitpi.device.bow import told
    from gaitpi.device.calibrating import bow_record
    from gaitpi.device.calibrating import told as stand_told

    args.made = "bow"
    with _sensor(args, _bowing) as sensor:
        path = _path(sensor.config, args)
        if not args.json:
            print(f"Stand still for {UPRIGHT_S + 2:.0f} s, then bow once, slowly, and come up.")
        stand = sensor.stand(UPRIGHT_S, quiet=args.json)
        if not stand.upright:
            sentence = "Nobody stands: put the belt on." if stand.usable else stand_told(stand)
            return _told(args, path, False, sentence, None)
        if not args.json:
            print("Now bow.", flush=True)
        bow = _await_bow(sensor, stand)
        site = sensor.site()
    if bow.usable:
        calibrationfile.add(path, bow_record(bow, site))
    return _told(args, path, bow.usable, told(bow), bow)


def _await_bow(sensor: _Sensor, stand: "Stand") -> "Bow":
    from gaitpi.device.bow import BowMeasurement
    from gaitpi.gait import Mount

    info, axes = sensor.reader.info, sensor.config.mount.axes
    front = tuple(Mount.from_axes(axes).rotation[0].tolist()) if axes else None
    measurement = BowMeasurement(info.rate_hz, stand.gyro_bias, front)
    begin = sensor.clock.monotonic()
    for batch in sensor.batches():
        if batch is not None:
            measurement.add(*info.si(batch.counts), batch.times())
        if measurement.bow is not None:
            break
        if sensor.clock.monotonic() - begin > BOW_S:
            raise CalibrationError(
                f"no bow within {BOW_S:.0f} s.",
                "Stand still, bow by 30 degrees or so in two seconds, come up, stand still.",
            )
    assert measurement.bow is not None
    return measurement.bow


# -------------------------------------------------------------------------------- six


def _six(args: argparse.Namespace) -> int:
    from gaitpi.device import sixpositions
    from gaitpi.device.calibrating import six_record

    args.made = "six"
    if not G_RANGE[0] <= args.gravity <= G_RANGE[1]:
        raise UsageError(
            f"gravity of {args.gravity:g} m/s2 is nowhere on Earth.",
            f"{G_RANGE[0]:g} to {G_RANGE[1]:g} is; without --gravity {G0} is taken.",
        )
    if args.edges and args.squared:
        raise UsageError("--edges and --squared are two ways to the same.", "Choose one.")
    with _sensor(args, _box if not args.edges else _tilted_box) as sensor:
        path = _path(sensor.config, args)
        six = _turned(sensor, _show(args), edges=args.edges)
        site = sensor.site()
    fit = sixpositions.solve(six.positions, squared=args.squared, gravity=args.gravity)
    if fit.usable:
        calibrationfile.add(path, six_record(fit, six.positions, site, gravity=args.gravity))
    return _told(args, path, fit.usable, _explained(fit), fit)


def _explained(fit: "Fit") -> str:
    from gaitpi.device.sixpositions import tilt_deg, told

    if not fit.usable:
        return told(fit)
    return f"{told(fit)} Up was wrong by up to {tilt_deg(fit):.1f} deg without it."


def _turned(
    sensor: _Sensor, show: "Callable[[SixPositions, list[Noticed]], None]", *, edges: bool
) -> "SixPositions":
    """Read until all positions are in."""
    from gaitpi.device.sixpositions import SixPositions

    info = sensor.reader.info
    six = SixPositions(info.rate_hz, edges=edges)
    last = sensor.clock.monotonic()
    for batch in sensor.batches():
        noticed: list[Noticed] = []
        if batch is not None:
            six.temperature_c = batch.temperature_c
            noticed = six.add(*info.si(batch.counts), batch.times())
        show(six, noticed)
        if six.done:
            return six
        now = sensor.clock.monotonic()
        if any(one.what == "taken" for one in noticed):
            last = now
        elif now - last > SIDE_S:
            raise CalibrationError(
                f"no new position for {SIDE_S / 60:.0f} minutes; missing: "
                f"{', '.join(six.missing) or 'tilted ones'}.",
                "Nothing was kept. Begin again.",
            )
    raise AssertionError("unreachable: batches do not end")


def _show(args: argparse.Namespace) -> "Callable[[SixPositions, list[Noticed]], None]":
    if args.json:
        return lambda _six, _noticed: None
    live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return _Live() if live else _Lines()


def _words(six: "SixPositions", noticed: "Noticed") -> str:
    side = "a tilted one" if noticed.side == "tilted" else noticed.side
    if noticed.what == "repeated":
        return f"{side}: this position is in already, turn it to another."
    if noticed.what == "moved":
        return f"{side}: it moved before it was in. Let go of it for four seconds."
    left = ", ".join(six.missing)
    tilted = sum(p.side == "tilted" for p in six.positions)
    more = f"missing: {left}" if left else ""
    if six.edges and tilted < six.edges:
        more = f"{more}{'; ' if more else ''}{six.edges - tilted} tilted to go"
    return f"{side} is in. {more[:1].upper()}{more[1:]}{'.' if more else ''}".rstrip()


class _Lines:
    """A line for each thing that is noticed."""

    def __init__(self) -> None:
        print(
            "Lay it with each side of the sensor up, in any order; let go of it for 4 s.",
            flush=True,
        )

    def __call__(self, six: "SixPositions", noticed: "list[Noticed]") -> None:
        for one in noticed:
            print(_words(six, one), flush=True)


class _Live:
    """The picture, drawn over itself four times a second."""

    def __init__(self) -> None:
        self._word = "Lay it down with one side up."
        self._due_s = 0.0
        print("\x1b[2J", end="")

    def __call__(self, six: "SixPositions", noticed: "list[Noticed]") -> None:
        from gaitpi.cli.sixpicture import frame

        for one in noticed:
            self._word = _words(six, one)
        now = time.monotonic()
        if now < self._due_s and not six.done:
            return
        self._due_s = now + 0.25
        picture = "".join(f"{line}\x1b[K\n" for line in frame(six, self._word))
        print(f"\x1b[H{picture}\x1b[J", end="", flush=True)


# -------------------------------------------------------------------------------- simulated


def _errors() -> Any:
    """A sensor with the errors of a real MPU-6050 (docs/calibration.md)."""
    from gaitpi.imu.virtual.posed import REAL

    return REAL


def _somebody() -> "SignalSource":
    from gaitpi.imu.virtual.runner import RunnerParams
    from gaitpi.imu.virtual.standing import Standing

    return Standing(params=RunnerParams(gyr_bias=(0.02, -0.03, 0.01)))


def _table() -> "SignalSource":
    from gaitpi.imu.virtual.posed import SIX, box

    return box(SIX[4:5], _errors(), hold_s=60.0)


def _bowing() -> "SignalSource":
    from gaitpi.imu.virtual.posed import bow, upright

    return bow(upright(), quiet_s=8.0, errors=_errors(), sways=True)


def _box() -> "SignalSource":
    from gaitpi.imu.virtual.posed import SIX, box

    return box(SIX, _errors(), placed_deg=1.0)


def _tilted_box() -> "SignalSource":
    from gaitpi.imu.virtual.posed import SIX, TILTED, box

    return box((*SIX, *TILTED), _errors(), placed_deg=2.0)
