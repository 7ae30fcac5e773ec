"""What a virtual chip feels: a signal in SI units, sampled at the rate the chip asks for.

A source is a pure function of the sample number, so a chip that browns out, sleeps or loses
its FIFO comes back to a body that has moved on, as on a real belt.
"""

import io
import json
import math
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gaitpi.errors import InputFileError

Floats = NDArray[np.float64]


MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of the largest array of an .npz: counts of seven hours at 208 Hz have 31 MB."""

REST_NOISE = math.radians(0.1)
"""Noise of a gyroscope at rest, rad/s RMS (MPU-6050 at about 100 Hz bandwidth)."""


class SignalSource(Protocol):
    """A signal to play through a virtual chip."""

    rate_hz: float | None
    """The source's own rate in Hz (a recording); None when it can be sampled at any rate."""

    duration_s: float
    """Length in seconds; ``math.inf`` for a source without end."""

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples ``first`` … ``first + n - 1``; sample k lies at ``k / rate_hz`` seconds.

        Returns acceleration (n, 3) in m/s² (specific force) and angular rate (n, 3) in rad/s.
        Past the end the last sample is held: the sensor lies still. The same numbers are
        given for the same question however it is cut into pieces.
        """


class RecordingSource:
    """A recording, played at its own rate.

    ``acc`` (n, 3) m/s²; ``gyr`` (n, 3) rad/s or None (``has_gyr`` False): a chip then shows
    the noise of a gyroscope at rest, since no living one reads the same for long, and whoever
    plays the recording knows that it means nothing.
    Raises ValueError where shapes or numbers make no recording.
    """

    def __init__(self, acc: ArrayLike, gyr: ArrayLike | None, rate_hz: float) -> None:
        self._acc = _vectors(acc, "acc")
        self.has_gyr = gyr is not None
        noise = np.random.default_rng(0).normal(0.0, REST_NOISE, self._acc.shape)
        self._gyr = noise if gyr is None else _vectors(gyr, "gyr")
        if self._gyr.shape != self._acc.shape:
            raise ValueError(f"acc has {len(self._acc)} samples and gyr {len(self._gyr)}")
        if not (math.isfinite(rate_hz) and rate_hz > 0):
            raise ValueError(f"rate_hz must be positive, not {rate_hz}")
        self._rate = float(rate_hz)
        self.rate_hz: float | None = self._rate
        self.duration_s = len(self._acc) / self._rate

    def __len__(self) -> int:
        """Samples recorded."""
        return len(self._acc)

    @classmethod
    def from_si(cls, acc: ArrayLike, gyr: ArrayLike | None, rate_hz: float) -> "RecordingSource":
        """From SI arrays: ``acc`` (n, 3) m/s², ``gyr`` (n, 3) rad/s or None."""
        return cls(acc, gyr, rate_hz)

    @classmethod
    def from_counts(
        cls, acc: ArrayLike, gyr: ArrayLike | None, rate_hz: float, acc_lsb: float, gyr_lsb: float
    ) -> "RecordingSource":
        """From counts (n, 3) with ``acc_lsb`` m/s² and ``gyr_lsb`` rad/s per count."""
        gyr_si = None if gyr is None else np.asarray(gyr, dtype=np.float64) * gyr_lsb
        return cls(np.asarray(acc, dtype=np.float64) * acc_lsb, gyr_si, rate_hz)

    @classmethod
    def from_npz(cls, path: str | Path) -> "RecordingSource":
        """From an ``.npz`` with counts ``acc``, optionally ``gyr``, ``fs`` (Hz) and ``meta``.

        ``meta`` is JSON text with ``acc_lsb`` (m/s² per count) and ``gyr_lsb`` (rad/s per
        count). Raises InputFileError when the file is not one of these.
        """
        name = Path(path).name
        try:
            if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would be waited for
                raise InputFileError(f"{name} is not a file.", "Check the path.")
            with zipfile.ZipFile(path) as file:
                meta = json.loads(str(_array(file, "meta")))
                gyr = _array(file, "gyr") if "gyr.npy" in file.namelist() else None
                return cls.from_counts(
                    _array(file, "acc"),
                    gyr,
                    float(_array(file, "fs")),
                    float(meta["acc_lsb"]),
                    float(meta["gyr_lsb"]),
                )
        except InputFileError:
            raise
        except OSError as error:
            raise InputFileError(
                f"{name} cannot be read: {error.strerror or error}.", "Check the path."
            ) from error
        except (
            *(KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error),
            *(RuntimeError, OverflowError),  # encrypted, nested too deeply; beyond any number
        ) as error:
            raise InputFileError(
                f"{name} is not a recording of counts ({str(error)[:80]}).",
                "It needs acc (n, 3), fs in Hz and meta with acc_lsb and gyr_lsb.",
            ) from error

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`SignalSource`; at any rate but its own ValueError.

        A recording is never resampled: what comes out is what was measured.
        """
        if rate_hz != self._rate:
            raise ValueError(f"a recording at {self._rate} Hz cannot be played at {rate_hz} Hz")
        last = len(self._acc) - 1
        if first + n <= len(self._acc):
            return self._acc[first : first + n], self._gyr[first : first + n]
        at = np.minimum(np.arange(first, first + n), last)
        return self._acc[at], self._gyr[at]


def _array(file: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """The array ``name``, no pickle in it. Raises what zipfile and numpy raise, ValueError.

    Its size is known before anything is made of it: a few bytes can pretend to be, or unpack to,
    more than there is memory.
    """
    with file.open(f"{name}.npy") as member:
        data = member.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} unpacks to more than {MAX_BYTES // 1024**2} MiB")
    raw = io.BytesIO(data)
    version = np.lib.format.read_magic(raw)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(raw)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(raw)
    else:
        raise ValueError(f"{name} is in version {version}")
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - raw.tell():
        raise ValueError(f"{name} is not what its beginning says")
    raw.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(raw, allow_pickle=False)
    return array


def _vectors(values: ArrayLike, name: str) -> Floats:
    """``values`` as a finite float array (n ≥ 1, 3)."""
    out = np.asarray(values, dtype=np.float64)
    if out.ndim != 2 or out.shape[1] != 3 or len(out) == 0:
        raise ValueError(f"{name} must have shape (n, 3) with n >= 1, not {out.shape}")
    if not np.isfinite(out).all():
        raise ValueError(f"{name} has values that are not numbers")
    return out
