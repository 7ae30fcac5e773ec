"""CSV of samples: ``time_s,ax,ay,az,gx,gy,gz`` in SI, the gyroscope's columns left out or not.

Numbers are written with every digit they have, so a run written and read again is the same run.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from gaitpi.errors import InputFileError, UsageError
from gaitpi.units import G0

Floats = NDArray[np.float64]

Block = tuple[Floats, Floats, Floats | None]
"""time_s (n,), acc (n, 3), gyr (n, 3) or None."""
Blocks = Iterator[Block]

FULL = ("time_s", "ax", "ay", "az", "gx", "gy", "gz")
ACC_ONLY = FULL[:4]
MAX_BYTES = 1024**3
"""Bytes of the largest file: 13 hours at 208 Hz with every digit are about that."""
MAX_SAMPLES = 10_000_000
"""Most samples: 13 hours at 208 Hz, 560 MB of memory."""
MAX_LINE = 1000
"""Signs of the longest line; seven numbers with every digit take 175."""
MAX_TIME = 1e10
"""Seconds: since 1970 they reach into 2286."""
MAX_ACC = 80 * G0
MAX_GYR = 90.0


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of a CSV: time_s (n,) s, acc (n, 3) m/s², gyr (n, 3) rad/s or None."""

    time_s: Floats
    acc: Floats
    gyr: Floats | None


def write(path: Path, blocks: Iterable[Block]) -> int:
    """Write blocks of (time_s, acc, gyr) to ``path``; returns the number of samples.

    Raises UsageError when the file cannot be written or is there already.
    """
    try:
        with path.open("xb") as file:
            return write_blocks(file, blocks)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already.", "Name another file.") from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", "Name another place."
        ) from error


def write_blocks(file: BinaryIO, blocks: Iterable[Block]) -> int:
    """Write blocks of (time_s, acc, gyr) into a file; returns the number of samples.

    One block at a time is held. Raises OSError.
    """
    n = 0
    for time_s, acc, gyr in blocks:
        parts = [time_s[:, None], acc] if gyr is None else [time_s[:, None], acc, gyr]
        if n == 0:
            file.write((",".join(ACC_ONLY if gyr is None else FULL) + "\n").encode())
        # repr gives the shortest text that reads back as the same number
        rows = np.hstack(parts).tolist()
        file.write("".join(",".join(map(repr, row)) + "\n" for row in rows).encode())
        n += len(time_s)
    return n


def read(path: Path, most: int = MAX_SAMPLES) -> Samples:
    """Read and check a CSV of at most ``most`` samples. Raises InputFileError in words."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputFileError(f"{path.name} is larger than 1 GiB.", "Cut it into parts.")
        if not path.is_file():
            raise InputFileError(f"{path.name} is not a file.", "Give a CSV or a run file.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = tuple(name.strip() for name in file.readline(500).strip().split(","))
            if names not in (FULL, ACC_ONLY):
                raise InputFileError(
                    f"{path.name} does not begin with the line {','.join(FULL)} "
                    f"(found: {','.join(names)[:60]!r}).",
                    "Add it; units are s, m/s² and rad/s; gx,gy,gz may be left out.",
                )
            rows = _rows(path, file, len(names), most)
    except UnicodeDecodeError as error:
        raise InputFileError(
            f"{path.name} is not a text file.", "Give a CSV or a run file."
        ) from error
    except OSError as error:
        raise InputFileError(
            f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    time_s, acc = rows[:, 0].copy(), np.ascontiguousarray(rows[:, 1:4])
    gyr = np.ascontiguousarray(rows[:, 4:7]) if names == FULL else None
    _check(path, time_s, acc, gyr)
    return Samples(time_s, acc, gyr)


def _rows(path: Path, file: TextIO, columns: int, most: int) -> Floats:
    """The numbers, (n, columns). Memory grows with the numbers alone: 8 bytes each."""
    flat = array("d")
    number, blank = 1, 0
    for line in iter(lambda: file.readline(MAX_LINE), ""):
        number += 1
        if not line.strip():
            blank = blank or number
            continue
        ended = line[-1] in "\r\n"
        parts = line.split(",")
        if blank or len(parts) != columns or len(line) >= MAX_LINE:
            raise _odd(path, file, line, blank or number, 1 if blank else len(parts), columns)
        if not ended:
            # a line without its end may have lost digits without losing a column
            raise InputFileError(
                f"{path.name} ends in the middle of line {number}: it was cut short.",
                "Delete that last line (or end it with a line break if it is whole).",
            )
        try:
            flat.extend(map(float, parts))
        except ValueError:
            raise InputFileError(
                f"{path.name} line {number}: {line.strip()[:60]!r} are not all numbers.",
                "Mend that line.",
            ) from None
        if len(flat) > most * columns:
            raise InputFileError(
                f"{path.name} has more than {most:,} samples.", "Cut it into parts."
            )
    if len(flat) < 2 * columns:
        raise InputFileError(f"{path.name} holds no samples.", "Give at least a few seconds.")
    return np.frombuffer(flat, dtype=np.float64).reshape(-1, columns)


def _odd(
    path: Path, file: TextIO, line: str, number: int, found: int, columns: int
) -> InputFileError:
    """What to say of a line with ``found`` values where ``columns`` are expected."""
    if len(line) >= MAX_LINE:
        return InputFileError(
            f"{path.name} line {number} is longer than {MAX_LINE} signs.", "Mend that line."
        )
    last = found != 1 and not file.readline(1)
    return InputFileError(
        f"{path.name} line {number}: {found} values where {columns} are expected"
        + (": the file was cut short." if last else "."),
        "Delete that last line to replay the rest." if last else "Mend that line.",
    )


def _check(path: Path, time_s: Floats, acc: Floats, gyr: Floats | None) -> None:
    """Refuse what cannot be samples in SI, with the line it is in."""
    bad = np.flatnonzero(
        ~np.isfinite(np.column_stack([time_s, acc] + ([] if gyr is None else [gyr]))).all(axis=1)
    )
    if len(bad):
        raise InputFileError(
            f"{path.name} line {bad[0] + 2}: a value is missing or not finite.",
            "Delete the line: a missing sample is taken as a gap.",
        )
    far = np.flatnonzero(np.abs(time_s) > MAX_TIME)
    if len(far):
        raise InputFileError(
            f"{path.name} line {far[0] + 2}: time_s is {time_s[far[0]]:.3g}: no time in s.",
            "time_s is in seconds: check its unit.",
        )
    back = np.flatnonzero(np.diff(time_s) <= 0)
    if len(back):
        raise InputFileError(
            f"{path.name} line {back[0] + 3}: time_s does not increase.", "Sort the lines by time."
        )
    rate = 1.0 / float(np.median(np.diff(time_s)))
    if not 25.0 <= rate <= 2000.0:
        raise InputFileError(
            f"{path.name} has about {rate:.3g} samples a second; 25 to 2000 can be used.",
            "time_s is in seconds: check its unit.",
        )
    if np.abs(acc).max() > MAX_ACC:
        raise InputFileError(
            f"{path.name}: an acceleration of {np.abs(acc).max():.3g} m/s² is beyond any runner.",
            "Are these raw counts? m/s² are expected.",
        )
    size = float(np.median(np.linalg.norm(acc, axis=1)))
    if size < 4.0:
        raise InputFileError(
            f"{path.name}: accelerations are about {size:.2g} in size; gravity alone is 9.8 m/s².",
            "They look like g: multiply by 9.80665.",
        )
    if gyr is not None and np.abs(gyr).max() > MAX_GYR:
        raise InputFileError(
            f"{path.name}: a rate of {np.abs(gyr).max():.3g} rad/s is beyond any runner.",
            "Are these degrees per second? rad/s are expected.",
        )
