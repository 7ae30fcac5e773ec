"""``gaitpi calibrate``: measure the standing runner over ssh, and show what is kept."""

import argparse
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gaitpi import calibrationfile
from gaitpi.calibrationfile import AGE_MAX_S, CalibrationError, StandRecord
from gaitpi.cli import actions_of, common_options, complain, load_config, print_json
from gaitpi.config import Config, runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM
from gaitpi.units import DEG_PER_RAD, G0

if TYPE_CHECKING:
    from gaitpi.device.stand import Stand
    from gaitpi.hostclock import HostClock
    from gaitpi.imu.reader import Reader

HELP: Final = (
    "Stand tall and still for ten seconds with the belt on: the gyroscope's bias and upright are"
    " measured, and every later run starts from them. The button does the same when it is held"
    " for 5 s. Without an action: check."
)
EPILOG: Final = """examples:
  gaitpi calibrate stand
  gaitpi calibrate check
  gaitpi calibrate stand --virtual"""

POLL_S: Final = 0.05
PATIENCE_S: Final = 5.0
"""Without a sample for this long it is given up, s."""


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
    parser.set_defaults(action=_check, json=False, virtual=False)
    action = actions_of(parser, common)
    action("check", _check, "what is kept: grade and age", "check")
    action("stand", _stand, "measure for ten seconds, and keep it", "stand")


def run(args: argparse.Namespace) -> int:
    """Do the action; 0, or 1 where there is nothing that can be used."""
    code: int = args.action(args)
    return code


# -------------------------------------------------------------------------------- check


def _check(args: argparse.Namespace) -> int:
    path = _path(load_config(args), args)
    kept = calibrationfile.load(path)
    record, now = kept.last(), time.time()
    if args.json:
        print_json({"file": str(path), "unread": kept.unread, "stand": record})
    if kept.unread:
        complain(f"{kept.unread} of the lines in {path} cannot be read; they are left alone.")
    if record is None:
        complain("no stand is kept. Stand for one: gaitpi calibrate stand.")
        return EXIT_PROBLEM
    old = record.age_s(now) > AGE_MAX_S
    if not args.json:
        print("\n".join(lines(record, now)))
    if old:
        complain(f"it is older than {AGE_MAX_S / 86_400:.0f} days and no longer used: stand again.")
    return EXIT_PROBLEM if old else EXIT_OK


def lines(record: StandRecord, now_s: float) -> list[str]:
    """A kept stand in words; ``now_s`` the wall clock."""
    from gaitpi.device.stand import axis_up

    bias = ", ".join(f"{b * DEG_PER_RAD:+.2f}" for b in record.gyro_bias)
    off = record.gravity / G0 - 1.0
    upright = "nobody stood: not known"
    if record.up is not None:
        upright = f"sensor axis {axis_up(record.up)} (sd {record.up_sd * DEG_PER_RAD:.2f} deg)"
    return [
        f"stand      {record.grade}, {_age(record, now_s)}: {record.why}",
        f"sensor     {record.chip} at {record.address:#04x}",
        f"gyro bias  {bias} deg/s (sd {record.gyro_bias_sd * DEG_PER_RAD:.2f})",
        f"upright    {upright}",
        f"gravity    {record.gravity / G0:.3f} g, {abs(off):.1%} {'high' if off > 0 else 'low'}",
        f"noise      {record.acc_noise / G0 * 1000:.1f} mg, "
        f"{record.gyro_noise * DEG_PER_RAD:.2f} deg/s",
    ]


def _age(record: StandRecord, now_s: float) -> str:
    age = record.age_s(now_s)
    if age != age:
        return "of unknown age"
    if age < 7200.0:
        return f"{age / 60:.0f} min old"
    return f"{age / 3600:.0f} h old" if age < 172_800.0 else f"{age / 86_400:.0f} days old"


def _path(config: Config, args: argparse.Namespace) -> Path:
    return calibrationfile.path_in(runs_directory(config), virtual=args.virtual)


# -------------------------------------------------------------------------------- stand


def _stand(args: argparse.Namespace) -> int:
    from gaitpi.device.calibrating import record_of, told
    from gaitpi.device.status import boot_id
    from gaitpi.hostclock import SystemClock

    config, clock = load_config(args), SystemClock()
    path = _path(config, args)
    if not args.virtual:
        _refuse_beside_the_daemon()
    reader = _reader(config, clock, virtual=args.virtual)
    try:
        reader.start()
        stand = _measure(reader, clock, quiet=args.json)
        if stand.usable:
            record = record_of(stand, reader.info, wall_s=clock.wall(), boot_id=boot_id())
            calibrationfile.add(path, record)
    finally:
        reader.close()
    if args.json:
        print_json({"file": str(path), "kept": stand.usable, "stand": stand})
    else:
        print(textwrap.fill(told(stand), 80))
        if stand.usable:
            print(f"Kept in {path}.")
    return EXIT_OK if stand.usable else EXIT_PROBLEM


def _refuse_beside_the_daemon() -> None:
    from gaitpi.device import status

    found = status.find()
    if found is not None and not status.judge(found):
        raise CalibrationError(
            "the daemon is running and has the sensor.",
            "Hold the belt's button for 5 s instead, or stop it: sudo systemctl stop gaitpi.",
        )


def _reader(config: Config, clock: "HostClock", *, virtual: bool) -> "Reader":
    from gaitpi.imu.reader import open_reader
    from gaitpi.imu.transport import Transport

    transport: Transport
    if virtual:
        from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
        from gaitpi.imu.virtual.runner import RunnerParams
        from gaitpi.imu.virtual.standing import Standing
        from gaitpi.imu.virtual.transport import VirtualTransport

        somebody = Standing(params=RunnerParams(gyr_bias=(0.02, -0.03, 0.01)))
        transport = VirtualTransport([VirtualMpu6050(somebody, clock)])
    else:
        from gaitpi.imu.smbus import SMBusTransport

        transport = SMBusTransport(config.imu.bus)
    try:
        return open_reader(transport, clock, config.imu)
    except BaseException:
        transport.close()
        raise


def _measure(reader: "Reader", clock: "HostClock", *, quiet: bool) -> "Stand":
    """Read until there is a result, with a line each second."""
    from gaitpi.device.stand import MEASURE_S, SETTLE_S, StandMeasurement

    measurement = StandMeasurement(reader.info.rate_hz)
    if not quiet:
        print(f"Stand tall and still: {SETTLE_S:.0f} s to settle, then {MEASURE_S:.0f} s.")
    begin = last = clock.monotonic()
    shown = 0
    while measurement.stand is None:
        clock.sleep(POLL_S)
        now = clock.monotonic()
        for batch in reader.poll():
            last = now
            acc, gyr = reader.info.si(batch.counts)
            measurement.add(acc, gyr, batch.times())
        if now - last > PATIENCE_S:
            raise CalibrationError(
                f"no samples from the sensor for {PATIENCE_S:.0f} s ({reader.reason}).",
                "Check plug and wires.",
            )
        if not quiet and measurement.settled and now - begin > shown + 1:
            shown = int(now - begin)
            print(".", end="", flush=True)
    if not quiet:
        print()
    return measurement.stand
