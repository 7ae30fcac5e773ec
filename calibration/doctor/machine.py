"""A healthy Raspberry Pi as the doctor sees it, every part of which can be spoilt.

Files in a scratch folder (/sys, /proc, /dev, config.txt), the virtual chip on its bus, and
gpiozero's own mock pins, of which the buzzer's shakes the chip. The doctor that looks at it is the
real one.
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import msgspec
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gaitpi import calibrationfile, pairedfile
from gaitpi.ble.readings import Role
from gaitpi.calibrationfile import StandRecord
from gaitpi.config import Config, CuesConfig, ImuConfig
from gaitpi.cues.button import Button
from gaitpi.cues.outputs import Outputs, open_outputs
from gaitpi.device import layout
from gaitpi.device.doctor import again, outputs, software
from gaitpi.device.doctor.bus import untouched
from gaitpi.device.doctor.finding import Finding
from gaitpi.device.doctor.sensor import Patient
from gaitpi.device.doctor.surroundings import Person, Surroundings
from gaitpi.device.doctor.virtual import on_bench
from gaitpi.device.layout import Version
from gaitpi.device.status import SensorStatus, Status
from gaitpi.errors import SensorError
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.transport import Transport
from gaitpi.imu.virtual.bench import Bench
from gaitpi.imu.virtual.chip import VirtualChip
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.kernelcache import cache_directory, warm_mark
from gaitpi.pairedfile import Paired

NOW: Final = 1_780_000_000.0  # May 2026
ADDRESS: Final = 0x68


class EventfulClock(VirtualClock):
    """A virtual clock at which things happen.

    ``at`` holds (time, what); ``late`` (every n-th sleep, s) is a machine that is held up.
    """

    def __init__(self, start_s: float, wall_s: float) -> None:
        super().__init__(start_s, wall_s)
        self.at: list[tuple[float, Callable[[], None]]] = []
        self.late: tuple[int, float] | None = None
        self._sleeps = 0

    def sleep(self, seconds: float) -> None:
        """Let time pass, and what lies in it happen."""
        super().sleep(seconds)
        self._sleeps += 1
        if self.late is not None and self._sleeps % self.late[0] == 0:
            super().sleep(self.late[1])
        while self.at and self.at[0][0] <= self.monotonic():
            self.at.pop(0)[1]()


class Wire:
    """A transport with faults.

    ``nack`` share of transfers unanswered, ``flip`` share of reads with a wrong bit; ``hang`` a
    wire held low; ``byte_s`` each byte takes; ``stall`` (every n-th transfer, s) a clock that is
    held low for a while; ``cut_s`` when it comes off.
    """

    name = "virtual"

    def __init__(self, inner: Transport, clock: VirtualClock) -> None:
        self._inner = inner
        self._clock = clock
        self.nack = self.flip = 0.0
        self.hang = False
        self.byte_s = 0.0
        self.cut_s = float("inf")
        self.stall: tuple[int, float] | None = None
        self._counts = {"nack": 0, "flip": 0, "stall": 0}

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        """As the transport, with the faults."""
        self._fail(len(out) + n + 2)
        data = self._inner.write_read(address, out, n)
        if self._strikes("flip", self.flip):
            data = bytes((data[0] ^ 0x08, *data[1:]))
        return data

    def write(self, address: int, out: bytes) -> None:
        """As the transport, with the faults."""
        self._fail(len(out) + 1)
        self._inner.write(address, out)

    def close(self) -> None:
        """As the transport."""
        self._inner.close()

    def _strikes(self, what: str, share: float) -> bool:
        # every so many, not at random: the same each time
        self._counts[what] += 1
        return share > 0.0 and self._counts[what] % round(1.0 / share) == 0

    def _fail(self, n: int) -> None:
        self._clock.advance(n * self.byte_s)
        if self.stall is not None and self._strikes("stall", 1.0 / self.stall[0]):
            self._clock.advance(self.stall[1])
        if self.hang:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        if self._clock.monotonic() >= self.cut_s or self._strikes("nack", self.nack):
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))


class Machine:
    """A healthy Raspberry Pi in ``folder``; a fault changes one of its parts."""

    def __init__(self, folder: Path, *, feeling: bool = False) -> None:
        self.root = folder / "root"
        self.runs = folder / "runs"
        self.cache = folder / "cache"
        self.clock = EventfulClock(1000.0, NOW)
        self.imu: dict[str, Any] = {}
        self.cues: dict[str, Any] = {"pwm": "software"}
        self.bench: dict[str, Any] = {}
        self.chip: dict[str, Any] = {}
        self.part = 0x68
        self.others: list[VirtualChip] = []
        self.broken: int | None = None
        self.wire: dict[str, Any] = {}
        self.change: dict[str, Any] = {}
        self.answers: dict[str, bool] = {"hear": True, "LED": True}
        self.sync: Sequence[float] | OSError = [0.004] * 19 + [0.02]
        self.commands: list[tuple[str, ...]] = []
        self.unplugged = self.stuck = False
        self.kept: list[Any] = []
        self.hold: tuple[int, float] | None = None
        self.person = Person(
            "pi",
            1000,
            frozenset({"pi", "gaitpi", "i2c", "gpio"}),
            frozenset({"gaitpi", "i2c", "gpio"}),
        )
        self.refused: frozenset[str] = frozenset()
        self.factory = MockFactory(pin_class=self._pins())
        self._feeling = feeling
        self._made: Bench | None = None
        self._healthy()

    # -- files

    def write(self, name: str, text: str | bytes) -> None:
        """A file under the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def remove(self, name: str) -> None:
        """Take a file away."""
        (self.root / name).unlink()

    def _healthy(self) -> None:
        self.write("proc/device-tree/model", "Raspberry Pi Zero 2 W Rev 1.0\0")
        self.write("boot/firmware/config.txt", "dtparam=audio=on\n[pi4]\narm_boost=1\n")
        self.write("dev/i2c-1", "")
        self.write("dev/gpiochip0", "")
        clock = "sys/bus/i2c/devices/i2c-1/of_node/clock-frequency"
        self.write(clock, (400_000).to_bytes(4, "big"))
        self.flags(0)
        self.write("sys/class/thermal/thermal_zone0/temp", "48312\n")
        self.write("sys/class/rtc/rtc0/name", "rpi_rtc\n")
        self.write("sys/class/bluetooth/hci0/address", "")
        self.blocked(False)
        self.write("sys/fs/ext4/mmcblk0p2/errors_count", "0\n")
        self.mounted("ext4", "rw,noatime")
        self.runs.mkdir(parents=True)
        self.kernels(metadata.version("numba"))
        self.installed()
        calibrationfile.add(calibrationfile.path_in(self.runs), stand())

    @property
    def version(self) -> Version:
        """The installed version."""
        return Version(self.root / "opt/gaitpi/versions/1.0-abc-py311")

    def installed(self) -> None:
        """The service, whole and warm, with its files in the system; one more version beside it."""
        for name in ("0.9-old-py311", self.version.id):
            version = f"opt/gaitpi/versions/{name}"
            for file in ("gaitpi.service", "udev-99-gaitpi.rules"):
                self.write(f"{version}/share/gaitpi/systemd/{file}", f"# {file} of {name}\n")
            self.write(f"{version}/{layout.MARK}", '{"version": "1"}\n')
        where = layout.Layout(self.root)
        layout.switch(where.previous, self.root / "opt/gaitpi/versions/0.9-old-py311")
        layout.switch(where.current, self.version.path)
        for path, data in where.system_files(self.version).items():
            layout.replace(path, data)
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants / "gaitpi.service").symlink_to("../gaitpi.service")
        mark = warm_mark(cache_directory({"NUMBA_CACHE_DIR": str(where.cache)}), self.kernels_at)
        mark.parent.mkdir(parents=True)
        mark.touch()
        self.write("sys/class/watchdog/watchdog0/state", "active\n")
        self.write("sys/class/watchdog/watchdog0/timeout", "14\n")

    @property
    def kernels_at(self) -> Path:
        """Where the kernels of the installed version lie."""
        return self.version.site / "gaitpi" / "gait"

    def flags(self, value: int) -> None:
        """The firmware's word about the supply."""
        self.write("sys/devices/platform/soc/soc:firmware/get_throttled", f"{value:x}\n")

    def blocked(self, on: bool) -> None:
        """The radio's switch."""
        self.write("sys/class/rfkill/rfkill0/type", "bluetooth\n")
        self.write("sys/class/rfkill/rfkill0/soft", f"{on:d}\n")
        self.write("sys/class/rfkill/rfkill0/hard", "0\n")

    def paired(self, *roles: Role) -> None:
        """A strap and a pod of the runner's own."""
        devices = [
            Paired(wall_s=NOW, role=role, address=f"F0:0D:00:00:00:0{n}", name=f"my {role}")
            for n, role in enumerate(roles)
        ]
        pairedfile.add(pairedfile.path_in(self.runs), devices)

    def linux(self, version: str, debian: str = "") -> None:
        """Another kernel; Debian tells the whole of its number elsewhere."""
        self.write("proc/sys/kernel/osrelease", f"{version}\n")
        self.write("proc/version", f"Linux version {version} (gcc) #1 SMP Debian {debian}\n")

    def mounted(self, kind: str, flags: str) -> None:
        """What the runs lie on."""
        line = f"/dev/mmcblk0p2 / ext4 rw 0 0\n/dev/mmcblk0p3 {self.runs} {kind} {flags} 0 0\n"
        self.write("proc/mounts", line)

    def kernels(self, version: str) -> None:
        """Compiled kernels as numba ``version`` leaves them: its name begins each index."""
        folder = self.cache / "gait_1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kernel.step-1.py311.nbi").write_bytes(b"\x80\x04\x8c\x06" + version.encode())

    # -- parts

    def _pins(self) -> type:
        machine = self

        class ShakingPin(MockPWMPin):  # type: ignore[misc]
            """A pin whose square wave shakes the bench, if it is the buzzer's and plugged in."""

            def _set_state(self, value: float) -> None:
                super()._set_state(value)
                bench, cues = machine._made, machine.config.cues
                if bench is not None and self.info.name == f"GPIO{cues.buzzer_pin}":
                    on = value > 0 and not machine.unplugged
                    bench.buzz(self.frequency or 0.0, 1.0 if on else 0.0)

        return ShakingPin

    @property
    def config(self) -> Config:
        """The configuration with this machine's changes."""
        return Config(imu=ImuConfig(**self.imu), cues=CuesConfig(**self.cues))

    def transport(self) -> Transport:
        """The bus with the chips on it."""
        chips = list(self.others)
        self.clock.late = self.hold
        if self._feeling:
            self._made = Bench(self.clock.monotonic, **self.bench)
            chip = on_bench(self.clock, self._made, self.part)
        else:
            # nothing is played: many samples at once, which is quicker
            bench = Bench(self.clock.monotonic, **self.bench)
            chip = on_bench(self.clock, bench, self.part, look_ahead=256, **self.chip)
        if self.broken is not None:
            chip.break_axis(self.broken)
        wire = Wire(VirtualTransport([chip, *chips]), self.clock)
        for name, value in self.wire.items():
            setattr(wire, name, value)
        return wire

    def _open(self, said: Callable[[str], None]) -> Outputs:
        return open_outputs(
            self.config.cues, self.factory, pwm=self.root / "sys/class/pwm", said=said
        )

    def _button(self) -> Button:
        pin = self.config.cues.button_pin
        assert pin is not None
        button = Button(pin, self.factory, self.clock)
        if self.stuck:
            self.factory.pin(pin).drive_low()
        return button

    def _ask(self, question: str) -> bool | None:
        return next((yes for word, yes in self.answers.items() if word in question), None)

    def _say(self, _text: str) -> None:
        """A person hears it, and presses the button a second later."""
        pin = self.factory.pin(self.config.cues.button_pin or 27)
        now = self.clock.monotonic()
        if self.answers.get("press", True):
            self.clock.at += [(now + 1.0, pin.drive_low), (now + 1.2, pin.drive_high)]

    def _sync(self, _folder: Path) -> Sequence[float]:
        if isinstance(self.sync, OSError):
            raise self.sync
        return self.sync

    def surroundings(self) -> Surroundings:
        """What the doctor is given."""
        s = Surroundings(
            root=self.root,
            config=self.config,
            config_file=self.root / "etc/gaitpi/config.toml",
            config_problem="",
            runs=self.runs,
            cache=self.cache,
            status=None,
            clock=self.clock,
            person=self.person,
            environ={},
            transport=self.transport,
            outputs=self._open,
            button=self._button,
            may=lambda path: not any(name in str(path) for name in self.refused),
            synchronised=lambda: True,
            load=lambda _seconds: None,
            free_bytes=lambda _folder: 20_000_000_000,
            sync_s=self._sync,
            command=lambda command: self.commands.append(tuple(command)),
            ask=self._ask,
            say=self._say,
            has_pins=True,
            sound=True,
        )
        return replace(s, **self.change)


def stand(**changes: Any) -> StandRecord:
    """A good stand of this morning."""
    record = StandRecord(
        wall_s=NOW - 20_000.0,
        boot_id="one",
        chip="MPU-6050",
        address=ADDRESS,
        grade="good",
        why="stood still",
        gyro_bias=(0.02, -0.03, 0.01),
        gyro_bias_sd=0.001,
        up=(0.0, 0.0, 1.0),
        up_sd=0.01,
        gravity=9.8,
        acc_noise=0.04,
        gyro_noise=0.001,
        seconds=10.0,
    )
    return msgspec.structs.replace(record, **changes)


def running(**changes: Any) -> Status:
    """What a content daemon says."""
    sensor = SensorStatus(
        chip="MPU-6050", address=ADDRESS, bus="/dev/i2c-1", identity="tested", rate_hz=200.0
    )
    fields: dict[str, Any] = {
        "pid": 321,
        "version": "1",
        "boot_id": "one",
        "since_s": 10.0,
        "updated_s": 1000.0,
        "state": "waiting for a run",
        "sensor": sensor,
        "rate_hz": 199.1,
    }
    return Status(**(fields | changes))


# ---------------------------------------------------------------------------- one check


def findings(machine: Machine, check: str) -> Iterator[Finding]:
    """What the doctor says, as far as ``check`` needs it."""
    s = machine.surroundings()
    one = again(s, check)
    if one is not None:
        yield one
    elif check in ("outputs", "buzzer", "LED pin", "LED", "button"):
        yield from outputs.findings(replace(s, config=_without_heard(s, check)), None)
    elif check == "heard":
        yield heard(s)
    elif check == "stand":
        yield software.stand(s, "MPU-6050", ADDRESS)
    elif (known := untouched(s)) is not None:
        yield known
    else:
        patient = Patient(s)
        try:
            yield from patient.findings()
        finally:
            patient.close()


def heard(s: Surroundings) -> Finding:
    """The buzzer and the sensor together, through the reader."""
    reader = open_reader(s.transport(), s.clock, s.config.imu)
    opened = s.outputs(lambda _text: None)
    try:
        reader.start()
        return outputs.heard(s, opened, reader)
    except SensorError as error:
        return Finding("heard", "fail", str(error))
    finally:
        opened.close()
        reader.close()


def _without_heard(s: Surroundings, check: str) -> Config:
    """For the LED and the button nothing need be played."""
    if check in ("LED", "button"):
        cues = msgspec.structs.replace(s.config.cues, buzzer="none")
        return msgspec.structs.replace(s.config, cues=cues)
    return s.config


def first(machine: Machine, check: str) -> Finding | None:
    """The finding called ``check``; None where there is none."""
    return next((one for one in findings(machine, check) if one.name == check), None)
