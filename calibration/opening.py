"""What the beginning of a run costs the main loop: the half minute before it, taken in at once.

``python -m calibration.opening`` times what the daemon does between two looks at the sensor when a
run begins by itself, and what its threads do meanwhile. The sensor's FIFO is the deadline: while
the loop is away nothing is lost as long as the FIFO has room.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gaitpi.config import Config, RunsConfig
from gaitpi.device.autostart import PREROLL_S, Waiting, joined
from gaitpi.device.pipeline import Pipeline
from gaitpi.device.warmup import warm_up
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.batch import Batch, SensorInfo
from gaitpi.imu.chip import Chip, Frames
from gaitpi.imu.chips import CHIPS
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import hold
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.writer import RunWriter, run_path

RATE_HZ = 208.0


def kept(seconds: float = PREROLL_S) -> tuple[list[Batch], SensorInfo]:
    """Batches of the end of a minute, as they lie in wait, and their sensor."""
    clock = VirtualClock()
    chip = VirtualMpu6050(SimulatedRunner(hold(60.0)), clock)
    reader = open_reader(VirtualTransport([chip]), clock, Config().imu)
    reader.start()
    waiting = Waiting(RunsConfig(), reader.info.rate_hz, has_gyro=True)
    while clock.monotonic() < seconds + 10.0:
        clock.sleep(Config().imu.poll_s)
        for batch in reader.poll():
            if len(batch.counts):
                waiting.add(batch, *reader.info.si(batch.counts))
    return waiting.take(), reader.info


def take_in(batches: list[Batch], info: SensorInfo) -> None:
    """What the main loop does with them: a new estimator and coach, and all samples at once."""
    times, counts = joined(batches)
    pipeline = Pipeline(Config(), info.rate_hz, has_gyro=True)
    pipeline.update(*info.si(counts), times - times[0])


def make_file(folder: Path, info: SensorInfo) -> None:
    """What the recorder's thread does: a new run file, synced."""
    header = RunHeader.new(
        mono_s=0.0,
        wall_s=time.time(),
        sensor=info,
        config="{}",
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=info.rate_hz,
        has_gyro=True,
        virtual=False,
        source="test",
    )
    RunWriter(run_path(folder, header.run_id), header).close({})


def timed(work: Callable[[], None], n: int) -> list[float]:
    """Durations of n goes, ms, in order of size."""
    out = []
    for _ in range(n):
        begin = time.perf_counter()
        work()
        out.append(1000.0 * (time.perf_counter() - begin))
    return sorted(out)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=50, help="goes of each (default: 50)")
    n = parser.parse_args().n
    warm_up()
    batches, info = kept()
    samples = sum(len(batch.counts) for batch in batches)
    print(f"{len(batches)} batches, {samples} samples, {info.rate_hz:g} Hz; {n} goes each\n")
    print("| what | p50, ms | worst, ms |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            "main loop: take in the samples before": timed(lambda: take_in(batches, info), n),
            "recorder's thread: make the file": timed(lambda: make_file(Path(folder), info), n),
        }
    for what, ms in rows.items():
        print(f"| {what} | {np.median(ms):.1f} | {ms[-1]:.1f} |")
    for chip in CHIPS:
        print(f"| the FIFO of an {chip.name} holds, at {RATE_HZ:g} Hz | {fifo_ms(chip):.0f} | |")


def fifo_ms(chip: Chip) -> float:
    """How long the FIFO takes the samples of a loop that is away, ms."""
    layout = chip.fifo.layout
    # frames hold a whole sample; where words are tagged there is one for each sensor
    sample = layout.unit_bytes if isinstance(layout, Frames) else 2 * layout.unit_bytes
    return 1000.0 * (chip.fifo.size_bytes // sample) / RATE_HZ


if __name__ == "__main__":
    main()
