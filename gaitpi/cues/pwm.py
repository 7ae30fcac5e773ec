"""Hardware PWM through the kernel's sysfs: a tone that keeps its pitch whatever the CPU does.

The PWM of a Pi drives a pin only where config.txt says so (``dtoverlay=pwm,pin=18,func=2``), and
the number of its ``pwmchipN`` depends on model and kernel. So the chip is found by the address in
its device's name, and the device tree is asked which pins it drives; nothing is guessed.
Interface: Linux, Documentation/ABI/testing/sysfs-class-pwm. Pins: overlay ``pwm``, and for the
Pi 5 the RP1 peripherals document.
"""

import contextlib
import errno
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gaitpi.errors import OutputError

PWM_CLASS: Final = Path("/sys/class/pwm")
EXPORT_S: Final = 1.0
"""How long udev may take to hand a channel it has just seen to the group gpio, s."""
NS: Final = 1e9
IDLE_HZ: Final = 2700.0

_CHANNELS: Final = {
    "20c000.pwm": {12: 0, 13: 1, 18: 0, 19: 1},  # BCM2835 to 2711: Pi Zero to 4
    "98000.pwm": {12: 0, 13: 1, 18: 2, 19: 3},  # RP1: Pi 5
}
"""End of the device's name -> BCM pin -> channel."""

Write = Callable[[int, bytes], int]


def _pwrite(file: int, data: bytes) -> int:
    return os.pwrite(file, data, 0)


class SysfsPwm:
    """One channel of a PWM chip, silent until a tone is asked for.

    ``chip`` is the folder ``pwmchipN``; ``write(file, data)`` is what writes an attribute.
    Raises OutputError where the channel cannot be had.
    """

    def __init__(
        self, chip: Path, channel: int, *, write: Write = _pwrite, export_s: float = EXPORT_S
    ) -> None:
        self._chip = chip
        self._channel = channel
        self._write = write
        self._files: dict[str, int] = {}
        self._period = 0
        self._duty = 0
        try:
            self._export(export_s)
            for name in ("period", "duty_cycle", "enable"):
                self._files[name] = os.open(self._folder / name, os.O_RDWR)
            self._period = self._get("period")
            self._duty = self._get("duty_cycle")
            # somebody may have left it sounding; without a period the kernel takes nothing else
            self._set_duty(0)
            self._set_period(self._period or round(NS / IDLE_HZ))
            self._put("enable", 1)
        except (OSError, ValueError, IndexError) as error:
            self._give_back()
            raise self._refused(error) from error

    @property
    def _folder(self) -> Path:
        return self._chip / f"pwm{self._channel}"

    def tone(self, freq: float, duty: float) -> None:
        """A square wave of ``freq`` Hz with duty cycle ``duty`` (0 = silent, to 0.5).

        Raises OSError when the kernel refuses.
        """
        period = round(NS / freq)
        on = round(period * duty)
        # the kernel refuses a period shorter than the pulse, at any moment
        if period >= self._duty:
            self._set_period(period)
            self._set_duty(on)
        else:
            self._set_duty(on)
            self._set_period(period)

    def silence(self) -> None:
        """Pin low; the channel stays ours. Raises OSError when the kernel refuses."""
        self._set_duty(0)

    def close(self) -> None:
        """Silent and given back; again does nothing."""
        if not self._files:
            return
        try:
            self._put("duty_cycle", 0)
            self._put("enable", 0)
        finally:
            self._give_back()

    def _set_period(self, period: int) -> None:
        if period != self._period:
            self._put("period", period)
            self._period = period

    def _set_duty(self, duty: int) -> None:
        if duty != self._duty:
            self._put("duty_cycle", duty)
            self._duty = duty

    def _get(self, name: str) -> int:
        return int(os.pread(self._files[name], 32, 0).split()[0])

    def _put(self, name: str, value: int) -> None:
        # the line end also closes the number where an older, longer one stands behind it
        self._write(self._files[name], b"%d\n" % value)

    def _export(self, export_s: float) -> None:
        """Have the kernel make the channel's folder, and wait until it may be written."""
        if not self._folder.exists():
            try:
                (self._chip / "export").write_text(f"{self._channel}\n")
            except OSError as error:
                if error.errno != errno.EBUSY or not self._folder.exists():
                    raise
        end = time.monotonic() + export_s
        while not os.access(self._folder / "enable", os.W_OK) and time.monotonic() < end:
            time.sleep(0.01)

    def _give_back(self) -> None:
        files, self._files = self._files, {}
        for file in files.values():
            os.close(file)
        if files:
            with contextlib.suppress(OSError):  # silent and disabled: it only stays visible
                (self._chip / "unexport").write_text(f"{self._channel}\n")

    def _refused(self, error: Exception) -> OutputError:
        where, number = self._chip.name, getattr(error, "errno", None)
        if number in (errno.EACCES, errno.EPERM):
            todo = 'Add the user to the group "gpio" and log in again.'
        elif number == errno.EBUSY:
            todo = "Another program holds it (audio, a fan?): stop that, or use another pin."
        else:
            todo = "Look at 'cat /sys/kernel/debug/pwm' (as root) and dtoverlay=pwm in config.txt."
        why = getattr(error, "strerror", None) or error
        return OutputError(
            f"Hardware PWM {where} channel {self._channel} cannot be used: {why}.", todo
        )


def find_channel(pin: int, base: Path = PWM_CLASS) -> tuple[Path, int]:
    """(chip folder, channel) of the hardware PWM that drives ``pin`` (BCM number).

    ``base`` is the folder with the ``pwmchipN``. Raises OutputError saying why there is none.
    """
    chips = sorted(base.glob("pwmchip*")) if base.is_dir() else []
    if not any(pin in channels for channels in _CHANNELS.values()):
        raise OutputError(
            f"GPIO {pin} has no hardware PWM.", "Pins that have it: 12, 13, 18, 19 on every Pi."
        )
    for chip in chips:
        device = (chip / "device").resolve()
        for name, channels in _CHANNELS.items():
            if device.name.endswith(name) and pin in channels:
                driven = _driven(device / "of_node")
                if driven is not None and pin not in driven:
                    others = ", ".join(f"GPIO {other}" for other in sorted(driven)) or "no pin"
                    found = f"Hardware PWM is on for {others}, not for GPIO {pin}."
                    raise OutputError(found, _overlay(pin))
                return chip, channels[pin]
    raise OutputError("Hardware PWM is off.", _overlay(pin))


def _overlay(pin: int) -> str:
    function = 2 if pin in (18, 19) else 4
    return (
        f"Put dtoverlay=pwm,pin={pin},func={function} into /boot/firmware/config.txt and restart."
    )


def _driven(node: Path) -> set[int] | None:
    """The pins that the device tree gives to this PWM; None where it does not say.

    ``pinctrl-0`` names nodes by number (phandle); these say ``brcm,pins`` (32-bit numbers) or
    ``pins`` ("gpio18") [Linux, Documentation/devicetree/bindings/pinctrl].
    """
    try:
        wanted = set(_cells((node / "pinctrl-0").read_bytes()))
        # the pins' own nodes lie in the GPIO controller, which is a neighbour on every Pi
        named = [
            phandle.parent
            for phandle in node.resolve().parent.rglob("phandle")
            if not wanted.isdisjoint(_cells(phandle.read_bytes()))
        ]
        return set().union(*map(_pins_of, named)) if named else None
    except OSError:
        return None


def _pins_of(node: Path) -> set[int]:
    pins: set[int] = set()
    for inner in (node, *(child for child in node.iterdir() if child.is_dir())):
        if (inner / "brcm,pins").is_file():
            pins |= set(_cells((inner / "brcm,pins").read_bytes()))
        if (inner / "pins").is_file():
            names = (inner / "pins").read_bytes().decode("ascii", "replace").split("\0")
            pins |= {int(name[4:]) for name in names if name[:4] == "gpio" and name[4:].isdigit()}
    return pins


def _cells(raw: bytes) -> tuple[int, ...]:
    """The 32-bit numbers of a device tree property."""
    return struct.unpack(f">{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
