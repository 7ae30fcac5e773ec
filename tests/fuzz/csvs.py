"""The CSV of samples, as ``replay`` reads it."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gaitpi.config import Config
from gaitpi.device import csvfile
from gaitpi.device.replay import open_recording, replay
from tests.fuzz.target import REALS, TOKENS, Random, Target, must, scramble

_TOKENS = (*TOKENS, b"time_s,ax,ay,az\n", b"time_s,ax,ay,az,gx,gy,gz\n", b"0,0,0,9.8\n", b"1e22")


def signal(n: int, rate_hz: float) -> NDArray[np.float64]:
    """(n, 7) time_s, ax, ay, az, gx, gy, gz of something that bounces."""
    time_s = np.arange(n) / rate_hz
    swing = 2 * math.pi * 1.4 * time_s
    columns = [
        time_s,
        1.5 * np.sin(swing),
        0.8 * np.sin(swing / 2),
        9.8 + 8 * np.sin(2 * swing),
        0.6 * np.sin(swing),
        0.4 * np.cos(swing),
        0.9 * np.sin(swing / 2),
    ]
    return np.column_stack(columns).round(4)


def text(rows: NDArray[np.float64], end: str = "\n") -> bytes:
    """The CSV of ``rows`` (n, 4 or 7)."""
    lines = [csvfile.FULL[: rows.shape[1]], *([repr(v) for v in row] for row in rows.tolist())]
    return "".join(",".join(line) + end for line in lines).encode()


def _seeds(_folder: Path) -> Iterator[bytes]:
    yield text(signal(150, 104.0))
    yield text(signal(60, 52.0)[:, :4], "\r\n")
    yield b"\xef\xbb\xbf" + text(signal(30, 208.0))


def _mutate(data: bytes, rng: Random) -> bytes:
    kind = rng.randrange(4)
    lines = data.split(b"\n")
    if kind == 0 or len(lines) < 4:
        return scramble(data, rng, _TOKENS)
    at = rng.randrange(1, len(lines) - 1)
    values = lines[at].split(b",")
    if kind == 1:  # a value a number can have
        values[rng.randrange(len(values))] = repr(rng.choice(REALS)).encode()
        lines[at] = b",".join(values)
    elif kind == 2:  # a step of time: a gap, backwards, nothing
        shift = rng.choice((1e-12, 0.03, 0.5, 60.0, 1e6, 1e15, 1e300))
        for k in range(at, len(lines) - 1):
            head, _, rest = lines[k].partition(b",")
            try:
                lines[k] = repr(float(head) + shift).encode() + b"," + rest
            except ValueError:
                break
    else:  # all of a column larger
        factor, column = rng.choice((10.0, 0.1, -1.0, 1e6, 0.0)), rng.randrange(len(values))
        for k in range(1, len(lines) - 1):
            row = lines[k].split(b",")
            try:
                row[column] = repr(float(row[column]) * factor).encode()
            except (ValueError, IndexError):
                break
            lines[k] = b",".join(row)
    return b"\n".join(lines)


def _read(data: bytes, folder: Path) -> None:
    path = folder / "samples.csv"
    path.write_bytes(data)
    samples = csvfile.read(path)
    columns = [samples.time_s[:, None], samples.acc]
    columns += [] if samples.gyr is None else [samples.gyr]
    rows = np.hstack(columns)
    must(rows.shape == (len(samples.time_s), 4 if samples.gyr is None else 7), "shape")
    must(bool(np.isfinite(rows).all()), "a value is not finite")
    must(bool((np.diff(samples.time_s) > 0).all()), "time does not increase")
    again = folder / "again.csv"
    csvfile.write(again, [(samples.time_s, samples.acc, samples.gyr)])
    must(csvfile.read(again).time_s.tobytes() == samples.time_s.tobytes(), "written otherwise")
    for _ in replay(open_recording(path), Config()):
        pass


TARGET = Target("csv", _seeds, _mutate, _read, ("gaitpi.device.csvfile",))
