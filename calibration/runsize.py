"""How much room a run takes on the card, by table.

``python -m calibration.runsize`` lets the daemon record a simulated run through virtual chips
in virtual time, but committing every half second of it as on the belt, and prints what an hour
takes: the raw samples at 208 Hz, the other tables, and what SQLite leaves unused in its pages. The
noise of the samples decides: it is that of the chips' data sheets; the runner and the
length are arguments; a strap and a foot pod send a measurement a second (``--no-radio``: none).
With ``--data FOLDER`` recordings are played instead. The pages a file begins with count once, so
that a short recording can stand for an hour.
"""

import argparse
import json
import math
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs
from gaitpi.device.daemon import Daemon
from gaitpi.device.virtual import twin_of
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.source import RecordingSource, SignalSource
from gaitpi.imu.virtual.story import hold
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.rows import HeartRow, PodRow
from gaitpi.runs.writer import RunWriter, run_path

CHIPS: Final = ("mpu6050", "lsm6dsox", "icm42688", "bmi160")
PROMISE_MB_H: Final = 9.0
RATE_HZ: Final = 208.0


def record(
    chip: str, source: SignalSource, seconds: float, folder: Path, *, radio: bool
) -> tuple[Path, int]:
    """The file of a run of so many seconds, recorded as on the belt; its bytes at the beginning."""
    clock = VirtualClock()
    config = Config()
    if source.rate_hz is not None:
        config = apply(config, [f"imu.rate_hz={min(max(source.rate_hz, 100.0), 1000.0):g}"])
    twin = twin_of(chip).make(source, clock)
    reader = open_reader(VirtualTransport([twin]), clock, config.imu)
    made: list[tuple[Path, int]] = []

    def open_file(header: RunHeader) -> tuple[Recorder, Path]:
        path = run_path(folder, header.run_id)
        real = replace(header, virtual=False)
        writer = RunWriter(path, real, monotonic=clock.monotonic)
        made.append((path, path.stat().st_size))
        recorders.append(Recorder(writer, synchronous=True))
        return recorders[-1], path

    def ended() -> bool:
        while radio and recorders and len(sent) < clock.monotonic() - start:
            sent.append(len(sent))
            for reading in readings(float(sent[-1])):
                recorders[-1].reading(reading)
        return clock.monotonic() >= start + seconds

    recorders: list[Recorder] = []
    sent: list[int] = []
    start = clock.monotonic()
    daemon = Daemon(config, reader, clock, Outputs([]), open_file, realtime=False)
    daemon.run(ended)
    return made[0]


def readings(at_s: float) -> tuple[HeartRow, PodRow]:
    """What a strap and a foot pod send in that second: times as odd as a radio's, two RR intervals.

    More is not sent: at 180 beats/min it is three intervals.
    """
    came_s = at_s + 0.1 + 0.7 * math.modf(at_s * 0.618)[0]
    known_s = came_s - 0.0531
    rr = json.dumps([round(k / 1024, 4) for k in (371, 379)])
    speed = round(2.8 * 256 + 9 * math.sin(at_s)) / 256
    return (
        HeartRow(came_s, known_s, 160, 1.0, 4184.0 * at_s, rr),
        PodRow(came_s, known_s, speed, 170, round(speed * 35.3) / 100, round(28.0 * at_s) / 10, 1),
    )


def sizes(path: Path) -> tuple[int, int, float, dict[str, int]]:
    """Bytes of the file, samples, seconds, and bytes of content by table."""
    with closing(sqlite3.connect(path)) as db:
        samples, seconds = db.execute("SELECT samples, duration_s FROM finish").fetchone()
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
        content = {}
        for table in tables:
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            length = "+".join(map(_length, names))
            (total,) = db.execute(f"SELECT coalesce(sum({length}), 0) FROM {table}").fetchone()
            content[table] = int(total)
    return path.stat().st_size, samples, seconds, content


def _length(column: str) -> str:
    """SQL for the bytes a value takes in SQLite's record, with its byte of type."""
    cases = "WHEN 'null' THEN 1 WHEN 'real' THEN 9 WHEN 'integer' THEN 2"
    return f"CASE typeof({column}) {cases} ELSE 1 + length(CAST({column} AS BLOB)) END"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--chip", choices=CHIPS, action="append")
    parser.add_argument("--data", type=Path, help="folder of recordings (npz) instead")
    parser.add_argument("--no-radio", action="store_true", help="no strap and no pod")
    args = parser.parse_args()
    radio = not args.no_radio
    print(f"An hour at {RATE_HZ:g} Hz in MB; promised: {PROMISE_MB_H:g}.")
    print(f"{'what':<34} {'Hz':>6} {'MB/h':>6} {'raw':>8} {'tables':>8} {'pages':>8}", flush=True)
    if args.data is not None:
        for path in sorted(args.data.glob("**/*.npz")):
            recorded = RecordingSource.from_npz(path)
            assert recorded.rate_hz is not None
            tell(
                path.stem, "mpu6050", recorded, len(recorded) / recorded.rate_hz - 1.0, radio=radio
            )
        return
    for chip in args.chip or CHIPS:
        seconds = 60.0 * args.minutes
        tell(chip, chip, SimulatedRunner(hold(seconds)), seconds, radio=radio)


def tell(name: str, chip: str, source: SignalSource, seconds: float, *, radio: bool) -> None:
    """Record and print one row."""
    with tempfile.TemporaryDirectory() as folder:
        path, empty = record(chip, source, seconds, Path(folder), radio=radio)
        size, samples, seconds, content = sizes(path)
    if samples == 0 or seconds < 60.0:
        return  # too short for an hour to be told from it
    del content["run"]  # of the beginning
    hour = 3600.0 / seconds / 1e6
    raw = content["block"] / samples * RATE_HZ * 3600.0 / 1e6
    tables = (sum(content.values()) - content["block"]) * hour
    unused = (size - empty - sum(content.values())) * hour
    total = empty / 1e6 + raw + tables + unused
    print(
        f"{name:<34} {samples / seconds:6.1f} {total:6.2f} {raw:8.2f} {tables:8.2f} {unused:8.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
