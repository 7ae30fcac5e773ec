"""FIT files: as bytes, and message by message with both checksums made to fit again."""

import contextlib
import io
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from gaitpi.cli import main
from gaitpi.errors import GaitpiError
from gaitpi.review import fitfile, watchclock
from tests import fitwriter
from tests.fuzz.target import NUMBERS, TOKENS, Broken, Random, Target, must, scramble, spoken

_START_S = 1_795_453_320.0


def _rows(n: int) -> Iterator[tuple[int, ...]]:
    for k in range(n):
        yield k, 140 + k % 20, 280 * k, 2800, 85, 64


def _seeds(_folder: Path) -> Iterator[bytes]:
    yield fitwriter.activity(_START_S, _rows(30))
    yield fitwriter.activity(_START_S, _rows(3), elapsed_s=60.0)
    # a field of the maker's, a developer's field, a compressed time, big-endian
    body = fitwriter.activity(_START_S, _rows(4))[14:-2]
    body += struct.pack("<BBBHB3B", 0x44, 0, 0, 207, 1, 3, 1, 2) + b"\x04\x00"
    body += struct.pack("<BBBHB3B3B3B", 0x44, 0, 0, 206, 3, 0, 1, 2, 1, 1, 2, 2, 1, 2)
    body += b"\x04\x00\x00\x02"
    body += struct.pack("<BBBHB3BB3B", 0x65, 0, 0, 20, 1, 3, 1, 2, 1, 0, 1, 0) + b"\x05\x90\x01"
    body += struct.pack(">BBBHB3B", 0x43, 0, 1, 20, 1, 253, 4, 0x86)
    body += struct.pack(">BI", 3, int(_START_S) - fitwriter.EPOCH_S + 9) + b"\xe1" + b"\0" * 4
    yield fitwriter.whole(body)


def _mutate(data: bytes, rng: Random) -> bytes:
    if rng.random() < 0.15:
        return scramble(data, rng, TOKENS)
    body = bytearray(data[14:-2] if len(data) > 16 else data)
    kind = rng.randrange(6)
    at = rng.randrange(len(body) + 1)
    if kind == 0:
        body[at : at + 1] = bytes((rng.choice((0, 0x40, 0x60, 0x80, 0xFF, rng.randrange(256))),))
    elif kind == 1:
        number = rng.choice(NUMBERS)
        body[at : at + 4] = struct.pack("<q", number)[:4]
    elif kind == 2:  # a definition of anything
        fields = [
            (rng.randrange(256), rng.choice((0, 1, 2, 4, 8, 16, 255)), rng.randrange(256))
            for _ in range(rng.choice((0, 1, 3, 255)))
        ]
        local, message = (
            rng.randrange(16),
            rng.choice((0, 18, 19, 20, 206, 207, 21, 55, 132, 65535)),
        )
        head = struct.pack("<BBBHB", 0x40 | local, 0, rng.choice((0, 1, 7)), message, len(fields))
        body[at:at] = head + b"".join(map(bytes, fields)) + bytes((local,)) + rng.randbytes(40)
    elif kind == 3:
        return fitwriter.whole(bytes(scramble(bytes(body), rng, TOKENS)))
    elif kind == 4:
        rows = [
            tuple(
                max(0, min(rng.choice((v, v, *NUMBERS)), m))
                for v, m in zip(row, _MOST, strict=True)
            )
            for row in _rows(rng.choice((0, 1, 5)))
        ]
        return fitwriter.activity(_START_S, rows, kind=rng.choice((4, 4, 6, 255)))
    else:
        body += fitwriter.activity(_START_S + rng.choice((0, 10, 1e6)), _rows(2))
    return fitwriter.whole(bytes(body))


_MOST = (2**30, 255, 2**32 - 1, 65535, 255, 255)


def _read(data: bytes, folder: Path) -> None:
    path = folder / "activity.fit"
    path.write_bytes(data)
    found: fitfile.Activity | None = None
    refused: GaitpiError | None = None
    try:
        found = fitfile.read(path)
    except GaitpiError as error:
        refused = error
    if found is not None:
        times = [r.time_s for r in found.records]
        must(bool(times) and all(map(math.isfinite, times)), "a time is not finite")
        must(times == sorted(times), "not in order")
        must(found.end_s - found.start_s <= fitfile.LONGEST_S, "too long")
        for record in found.records:
            must(not record.heart_rate_bpm > 250 and not record.cadence_spm > 302, "no runner")
            must(not record.distance_m < 0 and not record.speed_ms > 50, "no runner")
        moments = [(r.time_s - found.start_s, r.cadence_spm) for r in found.records]
        watch = watchclock.watch_cadence(moments)
        watchclock.compare(watch, watch, -30, 30)
        for span in (*found.sessions, *found.laps):
            must(span.start_s <= span.end_s, "a session ends before it begins")
    code, out, err = _command(["import", str(path), "--dry-run"], folder)
    must(code == 1, f"exit code {code}")
    must((found is None) == bool(err), "said otherwise by the command")
    must(all(len(line) <= 80 for line in out.splitlines()), "a line is too wide")
    if refused is not None:
        raise refused


def _command(arguments: list[str], folder: Path) -> tuple[int, str, str]:
    os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(folder / "state")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    crash = folder / "state" / "gaitpi" / "last-error.txt"
    if crash.exists():
        raise Broken(f"import: {' | '.join(crash.read_text().splitlines()[-4:])}")
    spoken(out.getvalue())
    spoken(err.getvalue())
    return code, out.getvalue(), err.getvalue()


TARGET = Target("fit", _seeds, _mutate, _read, ("gaitpi.review.fitfile", "fitdecode"))
