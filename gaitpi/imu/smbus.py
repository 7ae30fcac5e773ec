"""A real I2C adapter of the kernel, through smbus2 and ``/dev/i2c-N``."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Any, Final

from gaitpi.errors import SensorError

_I2C_RDWR: Final = 0x0707  # linux/i2c-dev.h
_I2C_TIMEOUT: Final = 0x0702  # linux/i2c-dev.h: adapter timeout, in units of 10 ms
_TIMEOUT_10MS: Final = 5
# The kernel's own default is 1 s: one stuck wire would stop the reader for a second.


class SMBusTransport:
    """Bus ``bus`` (``/dev/i2c-N``) as a :class:`gaitpi.imu.transport.Transport`.

    Transfers use I2C_RDWR (pointer write, repeated start, read), so a FIFO burst is not cut at
    the 32 bytes of an SMBus block. A stalled transfer ends after 50 ms with ETIMEDOUT.
    ``devices`` is the folder of the device files. Raises SensorError, in words, when the bus
    cannot be opened.
    """

    def __init__(self, bus: int, devices: Path = Path("/dev")) -> None:
        import smbus2.smbus2  # late: programs that only read run files must not need it

        path = devices / f"i2c-{bus}"
        self.name = str(path)
        self._message = smbus2.i2c_msg
        self._together = smbus2.smbus2.i2c_rdwr_ioctl_data.create
        self._bus = smbus2.SMBus()
        try:
            self._bus.open(str(path))
            fd = self._bus.fd
            assert fd is not None  # open() has set it or raised
            fcntl.ioctl(fd, _I2C_TIMEOUT, _TIMEOUT_10MS)
        except OSError as error:
            self._bus.close()
            raise opening_error(error, path) from error

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        """Write ``out``, repeated start, read ``n`` bytes. Raises OSError."""
        read = self._message.read(address, n)
        self._transfer(self._message.write(address, out), read)
        return bytes(read)

    def write(self, address: int, out: bytes) -> None:
        """Write ``out`` (register, then values). Raises OSError."""
        self._transfer(self._message.write(address, out))

    def _transfer(self, *messages: Any) -> None:
        fd = self._bus.fd
        if fd is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        need_all(fcntl.ioctl(fd, _I2C_RDWR, self._together(*messages)), len(messages))

    def close(self) -> None:
        """Release the adapter; calling it again does nothing."""
        self._bus.close()


def need_all(done: int, asked: int) -> None:
    """Raise OSError unless all messages of a transfer went through.

    The kernel gives the number of messages done, and an adapter's driver may end a transfer that
    was not acknowledged with fewer and no error (linux/i2c.h, master_xfer; i2c-virtio does). What
    was to be read is zeros then. smbus2's own call does not look.
    """
    if done != asked:
        raise OSError(errno.EREMOTEIO, f"{done} of {asked} messages of a transfer went through")


def opening_error(error: OSError, path: Path) -> SensorError:
    """Why ``path`` could not be opened as an I2C bus, and what to do about it."""
    present = sorted(p.name for p in path.parent.glob("i2c-*"))
    others = f"Buses here: {', '.join(str(path.parent / name) for name in present)}."
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        if present:
            return SensorError(
                f"{path} does not exist. {others}",
                "Set imu.bus to one of them, or switch this one on: "
                "sudo raspi-config nonint do_i2c 0, then restart the Pi.",
            )
        return SensorError(
            f"{path} does not exist: I2C is off, no bus is there at all.",
            "Switch it on: sudo raspi-config nonint do_i2c 0 (or dtparam=i2c_arm=on in "
            "/boot/firmware/config.txt), then restart the Pi.",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return SensorError(
            f"{path} may not be opened by this user.",
            "Add the user to the group i2c: sudo usermod -aG i2c $USER, then log in again.",
        )
    if error.errno in (errno.ENOTTY, errno.EINVAL):
        return SensorError(f"{path} is not an I2C bus. {others}", "Check imu.bus.")
    return SensorError(
        f"{path} cannot be opened: {error.strerror or error}. {others}",
        "Check that no other program holds the bus.",
    )
