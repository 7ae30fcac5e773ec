"""Each fault the doctor must find, and what it must say of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gpiozero import DigitalOutputDevice

from calibration.doctor.machine import NOW, Machine, running, stand
from gaitpi import calibrationfile
from gaitpi.ble import trouble
from gaitpi.calibrationfile import StandRecord
from gaitpi.device.doctor.finding import Verdict
from gaitpi.device.doctor.surroundings import Person
from gaitpi.device.doctor.virtual import on_bench
from gaitpi.imu.virtual.bench import Bench
from gaitpi.units import G0, RAD_PER_DEG


@dataclass(frozen=True, slots=True)
class Fault:
    """``inject`` puts it in; the doctor must then say ``status`` with ``words`` in its line."""

    check: str
    what: str
    inject: Callable[[Machine], None] = field(repr=False)
    status: Verdict
    words: str


def _set(part: str, **values: Any) -> Callable[[Machine], None]:
    return lambda machine: getattr(machine, part).update(values)


def _attr(**values: Any) -> Callable[[Machine], None]:
    def inject(machine: Machine) -> None:
        for name, value in values.items():
            setattr(machine, name, value)

    return inject


def _file(name: str, text: str | bytes) -> Callable[[Machine], None]:
    return lambda machine: machine.write(name, text)


def _gone(*names: str) -> Callable[[Machine], None]:
    def inject(machine: Machine) -> None:
        for name in names:
            machine.remove(name)

    return inject


def _all(*faults: Callable[[Machine], None]) -> Callable[[Machine], None]:
    def inject(machine: Machine) -> None:
        for fault in faults:
            fault(machine)

    return inject


def _sags(machine: Machine) -> None:
    machine.change["load"] = lambda _seconds: machine.flags(0x10000)


def _heats_up(machine: Machine) -> None:
    machine.change["load"] = lambda _seconds: machine.flags(0x80008)


def _hwmon_alarm(machine: Machine) -> None:
    machine.remove("sys/devices/platform/soc/soc:firmware/get_throttled")
    machine.write("sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    machine.write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    alarm = machine.root / "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
    machine.change["load"] = lambda _seconds: alarm.write_text("1\n") and None


def _clock_set(seconds: float) -> Callable[[Machine], None]:
    return lambda machine: machine.clock.step_wall(seconds)


def _clock_jumps(machine: Machine) -> None:
    machine.clock.at = [(1000.5, lambda: machine.clock.step_wall(-3600.0))]


def _newer_run(machine: Machine) -> None:
    (machine.runs / "20270101-080000-cab6-59dd1f.gaitpi").touch()


def _no_time(machine: Machine) -> None:
    machine.remove("sys/class/rtc/rtc0/name")
    (machine.root / "sys/class/rtc/rtc0").rmdir()
    machine.change["synchronised"] = lambda: False


def _no_runs(machine: Machine) -> None:
    for path in machine.runs.iterdir():
        path.unlink()
    machine.runs.rmdir()


def _free(size: float) -> Callable[[Machine], None]:
    return lambda machine: machine.change.update(free_bytes=lambda _folder: int(size))


def _cold(machine: Machine) -> None:
    for path in machine.cache.glob("**/*.nbi"):
        path.unlink()


def _service_cold(machine: Machine) -> None:
    shutil.rmtree(machine.root / "var/cache/gaitpi")
    machine.change["kernels"] = machine.kernels_at


def _no_watchdog(machine: Machine) -> None:
    shutil.rmtree(machine.root / "sys/class/watchdog/watchdog0")


def _i2c_off(machine: Machine) -> None:
    machine.remove("dev/i2c-1")
    machine.remove("sys/bus/i2c/devices/i2c-1/of_node/clock-frequency")
    for part in ("of_node", "."):
        (machine.root / "sys/bus/i2c/devices/i2c-1" / part).resolve().rmdir()


def _second_sensor(machine: Machine) -> None:
    other = on_bench(machine.clock, Bench(machine.clock.monotonic), 0x6C, look_ahead=256)
    machine.others = [other]


def _stands(*records: StandRecord) -> Callable[[Machine], None]:
    def inject(machine: Machine) -> None:
        path = calibrationfile.path_in(machine.runs)
        path.unlink()
        for record in records:
            calibrationfile.add(path, record)

    return inject


def _pin_taken(pin: int) -> Callable[[Machine], None]:
    def inject(machine: Machine) -> None:
        machine.kept.append(DigitalOutputDevice(pin, pin_factory=machine.factory))

    return inject


def _no_pins(machine: Machine) -> None:
    machine.change["has_pins"] = False


def _who(who_am_i: int, **imu: Any) -> Callable[[Machine], None]:
    """The chip answers with an id nobody has."""

    def inject(machine: Machine) -> None:
        machine.imu.update(imu)
        machine.chip["who_am_i"] = who_am_i

    return inject


def _person(listed: frozenset[str] = frozenset()) -> Callable[[Machine], None]:
    """Whoever asks is in no group in this session."""
    return _attr(person=Person("pi", 1000, frozenset({"pi"}), listed))


def _stranger(listed: frozenset[str] = frozenset({"i2c", "gpio"})) -> Callable[[Machine], None]:
    """Whoever asks may use the wires; the group of the service is another matter."""
    return _attr(person=Person("pi", 1000, frozenset({"pi", "i2c", "gpio"}), listed))


_FLAGS = "sys/devices/platform/soc/soc:firmware/get_throttled"
_CONFIG_TXT = "boot/firmware/config.txt"
_OF_CLOCK = "sys/bus/i2c/devices/i2c-1/of_node/clock-frequency"
_DAY = 86_400.0


def _fault(
    check: str, what: str, status: Verdict, words: str, *inject: Callable[[Machine], None]
) -> Fault:
    return Fault(check, what, _all(*inject), status, words)


MACHINE: Final = (
    _fault(
        "config",
        "a value out of range",
        "fail",
        "imu.rate_hz is 3",
        _set("change", config_problem="imu.rate_hz is 3, not a number from 100 to 1000."),
    ),
    _fault(
        "daemon",
        "the daemon cannot record",
        "fail",
        "not recording: No space",
        _set("change", status=running(recorder_problem="No space left on device")),
    ),
    _fault(
        "service",
        "the link leads nowhere",
        "fail",
        "leads to no whole version",
        lambda machine: (machine.version.path / "release.json").unlink(),
    ),
    _fault(
        "service",
        "a unit is missing",
        "fail",
        "gaitpi.service is missing",
        _gone("etc/systemd/system/gaitpi.service"),
    ),
    _fault(
        "service",
        "a rule of another version",
        "fail",
        "99-gaitpi.rules is of another version",
        _file("etc/udev/rules.d/99-gaitpi.rules", "# older\n"),
    ),
    _fault(
        "service",
        "not started at boot",
        "warn",
        "not started at boot",
        _gone("etc/systemd/system/multi-user.target.wants/gaitpi.service"),
    ),
    _fault("service", "its cache was lost", "warn", "not compiled", _service_cold),
    _fault(
        "service",
        "not installed",
        "skip",
        "not installed as a service",
        _gone("opt/gaitpi/current"),
    ),
    _fault(
        "watchdog",
        "nobody sets it",
        "warn",
        "stays so",
        _file("sys/class/watchdog/watchdog0/state", "inactive\n"),
    ),
    _fault(
        "watchdog",
        "switched off in config.txt",
        "warn",
        "switched off",
        _no_watchdog,
    ),
    _fault(
        "watchdog",
        "switched on, not restarted",
        "warn",
        "though dtparam=watchdog=on",
        _no_watchdog,
        _file("boot/firmware/config.txt", "dtparam=watchdog=on\n"),
    ),
    _fault("members", "not in the group gaitpi", "warn", "not in gaitpi", _stranger()),
    _fault(
        "members",
        "in the groups since the last login",
        "warn",
        "not in this session",
        _stranger(frozenset({"gaitpi", "i2c", "gpio"})),
    ),
    _fault(
        "board", "another computer", "skip", "not a Raspberry Pi", _gone("proc/device-tree/model")
    ),
    _fault(
        "power", "under-voltage now", "fail", "under-voltage", lambda machine: machine.flags(0x1)
    ),
    _fault("power", "the supply sags under load", "fail", "under-voltage under 3 s of load", _sags),
    _fault(
        "power",
        "the same, told by hwmon alone",
        "fail",
        "under-voltage under 3 s of load",
        _hwmon_alarm,
    ),
    _fault(
        "power",
        "it had sagged before",
        "warn",
        "under-voltage, throttled since the start",
        lambda machine: machine.flags(0x50000),
    ),
    _fault("power", "too hot under load", "warn", "hot under 3 s of load", _heats_up),
    _fault("power", "a firmware that tells nothing", "skip", "tells nothing", _gone(_FLAGS)),
    _fault(
        "heat", "72 °C", "warn", "72 °C", _file("sys/class/thermal/thermal_zone0/temp", "72100\n")
    ),
    _fault(
        "heat", "84 °C", "fail", "84 °C", _file("sys/class/thermal/thermal_zone0/temp", "84000\n")
    ),
    _fault("clock", "never set", "fail", "never set", _clock_set(-NOW + 50.0)),
    _fault("clock", "set back behind the newest run", "fail", "before the newest run", _newer_run),
    _fault(
        "clock", "jumps by an hour while one looks", "warn", "jumped by -3600.00 s", _clock_jumps
    ),
    _fault("clock", "no network, no battery clock", "warn", "no battery clock", _no_time),
    _fault("storage", "no folder yet", "warn", "not there yet", _no_runs),
    _fault(
        "storage",
        "the runs lie in memory",
        "fail",
        "in memory (tmpfs)",
        lambda machine: machine.mounted("tmpfs", "rw"),
    ),
    _fault(
        "storage",
        "mounted read-only",
        "fail",
        "read-only",
        lambda machine: machine.mounted("ext4", "ro,noatime"),
    ),
    _fault(
        "storage",
        "may not be written",
        "fail",
        "cannot be written: Permission denied",
        _attr(sync=PermissionError(13, "Permission denied")),
    ),
    _fault(
        "storage",
        "the card is full",
        "fail",
        "cannot be written: No space left",
        _attr(sync=OSError(28, "No space left on device")),
    ),
    _fault("storage", "room for half an hour", "fail", "4 MB free: 0.4 h", _free(4.0e6)),
    _fault("storage", "room for five hours", "warn", "45 MB free: 5.0 h", _free(45.0e6)),
    _fault(
        "storage",
        "a card that takes 0.8 s to sync",
        "warn",
        "800 at worst",
        _attr(sync=[0.02] * 19 + [0.8]),
    ),
    _fault(
        "storage",
        "a card that takes 8 s to sync",
        "fail",
        "8000 at worst",
        _attr(sync=[0.02] * 19 + [8.0]),
    ),
    _fault(
        "card",
        "errors of the file system",
        "fail",
        "3 errors on mmcblk0p2",
        _file("sys/fs/ext4/mmcblk0p2/errors_count", "3\n"),
    ),
    _fault("cache", "nothing compiled", "warn", "not compiled", _cold),
    _fault(
        "cache",
        "compiled by another numba",
        "warn",
        "another numba",
        lambda machine: machine.kernels("0.1.2"),
    ),
    _fault(
        "cache",
        "a folder that may not be written",
        "fail",
        "compiled at every start",
        _attr(refused=frozenset({"cache"})),
    ),
    _fault(
        "cache",
        "compiling is switched off",
        "fail",
        "NUMBA_DISABLE_JIT",
        _set("change", environ={"NUMBA_DISABLE_JIT": "1"}),
    ),
    _fault(
        "radio",
        "a strap is paired, blocked by rfkill",
        "warn",
        "blocked by rfkill",
        lambda machine: machine.paired("heart"),
        lambda machine: machine.blocked(True),
    ),
    _fault(
        "radio",
        "a strap is paired, this user may not use BlueZ",
        "warn",
        "may not use Bluetooth",
        lambda machine: machine.paired("heart"),
        _set("change", bluetooth=lambda: trouble.DENIED),
    ),
    _fault(
        "radio",
        "a pod is paired, the Bluetooth service does not run",
        "warn",
        "service does not run",
        lambda machine: machine.paired("pod"),
        _set("change", bluetooth=lambda: trouble.NO_BLUEZ),
    ),
    _fault(
        "radio",
        "a strap is paired, a kernel that refuses its slower rhythm",
        "warn",
        "Linux 6.6.31 refuses",
        lambda machine: machine.paired("heart", "pod"),
        lambda machine: machine.linux("6.6.31+rpt-rpi-v8", "1:6.6.31-1+rpt1"),
    ),
    _fault("i2c", "switched off", "fail", "I2C is off", _i2c_off),
    _fault(
        "i2c",
        "switched on, not restarted",
        "fail",
        "is in config.txt",
        _i2c_off,
        _file(_CONFIG_TXT, "dtparam=i2c_arm=on\n"),
    ),
    _fault("i2c", "module i2c-dev not loaded", "fail", "i2c-dev is not loaded", _gone("dev/i2c-1")),
    _fault(
        "i2c",
        "another bus than imu.bus",
        "fail",
        "(here: i2c-20)",
        _i2c_off,
        _file("dev/i2c-20", ""),
    ),
    _fault("i2c", "100 kHz", "warn", "100 kHz", _file(_OF_CLOCK, (100_000).to_bytes(4, "big"))),
    _fault(
        "rights",
        "not in the group i2c",
        "fail",
        "pi may not use",
        _person(),
        _attr(refused=frozenset({"i2c-1"})),
    ),
    _fault(
        "rights",
        "in the group since the last login",
        "fail",
        "not in this session",
        _person(listed=frozenset({"i2c"})),
        _attr(refused=frozenset({"i2c-1"})),
    ),
    _fault(
        "rights",
        "in the group, udev gives it to root",
        "fail",
        "in spite of the group i2c",
        _attr(refused=frozenset({"i2c-1"})),
    ),
)
"""Faults of board, system and software."""

SENSOR: Final = (
    _fault("chip", "a wire off", "fail", "No sensor answers", _set("wire", cut_s=0.0)),
    _fault("chip", "SDA held low", "fail", "hangs: a wire is held low", _set("wire", hang=True)),
    _fault("chip", "an unknown id", "fail", "WHO_AM_I 0x55", _who(0x55)),
    _fault(
        "chip",
        "an unknown id that is allowed",
        "warn",
        "not a known id",
        _who(0x55, chip="mpu6050", allow_unknown=True),
    ),
    _fault("chip", "no power: all bits one", "fail", "all bits equal", _who(0xFF)),
    _fault("chip", "a copy (id 0x98)", "warn", "tolerated", _set("chip", who_am_i=0x98)),
    _fault("chip", "two sensors", "warn", "also LSM6DSOX at 0x6A", _second_sensor),
    _fault(
        "chip",
        "imu.chip names another",
        "fail",
        "is a MPU-6050, not a mpu6500",
        _set("imu", chip="mpu6500"),
    ),
    _fault(
        "chip",
        "the daemon met faults on the bus",
        "warn",
        "nack 12",
        _set("change", status=running(counters={"nack": 12})),
    ),
    _fault(
        "wire", "a hundredth of transfers unanswered", "warn", "faults", _set("wire", nack=0.01)
    ),
    _fault("wire", "wrong bits", "fail", "wrong", _set("wire", flip=0.005)),
    _fault(
        "wire", "slow: 40 kHz", "warn", "of it for the samples", _set("wire", byte_s=9 / 40_000)
    ),
    _fault(
        "self-test", "the y axis of acceleration is stuck", "fail", "acc y 0 mg", _attr(broken=1)
    ),
    _fault(
        "self-test",
        "the z axis of the gyroscope is stuck",
        "fail",
        "gyr z 0 deg/s",
        _attr(broken=5),
    ),
    _fault(
        "self-test",
        "the plug slips off in it",
        "fail",
        "stopped answering",
        _set("wire", cut_s=1001.0),
    ),
    _fault("rate", "12 % fast", "fail", "+12.0%", _set("chip", rate_error=0.12)),
    _fault("rate", "5 % slow", "warn", "-5.0%", _set("chip", rate_error=-0.05)),
    _fault("rate", "samples lost", "warn", "lost", _attr(hold=(40, 0.6))),
    _fault("rate", "the plug slips off", "fail", "samples in 5 s", _set("wire", cut_s=1003.2)),
    _fault(
        "jitter",
        "the bus's clock held low for 30 ms now and then",
        "warn",
        "ms beyond one sample",
        _set("wire", stall=(23, 0.03)),
    ),
    _fault(
        "jitter", "a host held up by 60 ms", "warn", "longest wait 110 ms", _attr(hold=(20, 0.06))
    ),
    _fault(
        "jitter", "a host held up by 250 ms", "fail", "longest wait 300 ms", _attr(hold=(20, 0.25))
    ),
    _fault("noise", "noise of 20 mg", "warn", "mg, 0.06", _set("bench", acc_noise=0.020 * G0)),
    _fault("noise", "noise of 60 mg", "fail", "mg", _set("bench", acc_noise=0.060 * G0)),
    _fault(
        "noise",
        "a gyroscope's noise of 2 deg/s",
        "fail",
        "2.0",
        _set("bench", gyr_noise=2.0 * RAD_PER_DEG),
    ),
    _fault("noise", "an axis is dead", "fail", "gyr x never changes", _attr(broken=3)),
    _fault("noise", "somebody holds it", "skip", "it was moved", _set("bench", hand=1.0)),
    _fault(
        "bias", "8 deg/s", "warn", "+8.0", _set("bench", gyr_bias=(8.0 * RAD_PER_DEG, 0.0, 0.0))
    ),
    _fault(
        "bias", "30 deg/s", "fail", "-30.0", _set("bench", gyr_bias=(0.0, 0.0, -30.0 * RAD_PER_DEG))
    ),
    _fault("gravity", "scale 8 % high", "warn", "1.080 g", _set("bench", acc_scale=1.08)),
    _fault("gravity", "the wrong range: half", "fail", "0.500 g", _set("bench", acc_scale=0.5)),
    _fault("stand", "none kept", "warn", "none kept", _stands()),
    _fault(
        "stand",
        "of another sensor",
        "warn",
        "measured with LSM6DSOX",
        _stands(stand(chip="LSM6DSOX", address=0x6A)),
    ),
    _fault(
        "stand", "120 days old", "warn", "120 days old", _stands(stand(wall_s=NOW - 120 * _DAY))
    ),
)
"""Faults of the sensor, its wire and what is kept of it."""

OUTPUTS: Final = (
    _fault("outputs", "no GPIO chip", "fail", "no /dev/gpiochip", _no_pins),
    _fault(
        "outputs",
        "another program has the buzzer's pin",
        "fail",
        "GPIO 18 (buzzer)",
        _pin_taken(18),
    ),
    _fault(
        "buzzer", "no overlay for hardware PWM", "warn", "software PWM", _set("cues", pwm="auto")
    ),
    _fault(
        "heard",
        "the buzzer's wire is off, nobody there",
        "warn",
        "does not feel it",
        _attr(unplugged=True, answers={}),
    ),
    _fault(
        "heard",
        "the buzzer's wire is off, somebody listens",
        "fail",
        "not heard by you",
        _attr(unplugged=True, answers={"hear": False}),
    ),
    _fault(
        "heard",
        "the sensor stops while it plays",
        "fail",
        "the sensor stopped",
        _set("wire", cut_s=1005.0),
    ),
    _fault(
        "LED",
        "the LED is the wrong way round",
        "fail",
        "not seen to blink",
        _attr(answers={"LED": False}),
    ),
    _fault("button", "short-circuited", "fail", "low all the time", _attr(stuck=True)),
    _fault(
        "button",
        "its wire is off: no press comes",
        "warn",
        "no press came",
        _attr(answers={"press": False}),
    ),
    _fault("button", "another program has its pin", "fail", "GPIO 27 (button)", _pin_taken(27)),
)
"""Faults of buzzer, LED and button."""

FAULTS: Final = (*MACHINE, *SENSOR, *OUTPUTS)
