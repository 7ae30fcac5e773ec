"""From the foot's strike to the edge on the pin, through a real kernel on both sides."""

import statistics
from bisect import bisect

from gaitpi.imu.virtual.story import Phase
from tests.hil.report import Report
from tests.hil.station import BUZZER, Station, make_of, runner

SECONDS = 60.0
CADENCE_SPM = 172.0
FLOOR_S = 0.06
"""The estimator waits longer than this before it believes a contact, s: an edge that comes so soon
after a strike answers the one before it."""

DAEMON = """
import sys, time
sys.path.append("/mnt/checkout")
from pathlib import Path
from calibration.reaction import EveryStep
from gaitpi.config import Config, CuesConfig
from gaitpi.cues.outputs import lgpio_factory, open_outputs
from gaitpi.device.daemon import Daemon
from gaitpi.device.virtual import recorder_in
from gaitpi.hostclock import SystemClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.smbus import SMBusTransport

cues = CuesConfig(buzzer="active", led_pin=None, button_pin=None)
config, clock = Config(cues=cues), SystemClock()
reader = open_reader(SMBusTransport(config.imu.bus), clock, config.imu)
end = clock.monotonic() + {seconds}
Daemon(
    config, reader, clock, open_outputs(cues, lgpio_factory()),
    recorder_in(Path("/var/tmp/latency"), synchronous=False), coach=EveryStep,
).run(lambda: clock.monotonic() >= end)
"""


def test_signal_to_pin(station: Station, report: Report) -> None:
    """Foot strike to pin edge."""
    station.stop()
    station.bench.plug(
        make_of("MPU-6050"), runner(Phase("run", SECONDS + 30.0, cadence_spm=CADENCE_SPM))
    )
    station.machine.must(
        "env",
        "NUMBA_CACHE_DIR=/var/cache/gaitpi",
        "LG_WD=/tmp",
        # by the name under which the service's kernels were compiled
        *("sh", "-c", "exec $(readlink -f /opt/gaitpi/current)/bin/python -"),
        timeout=SECONDS + 90.0,
        text=DAEMON.replace("{seconds}", str(SECONDS)),
    )
    begun = station.bench.source_start_s()
    strikes = station.bench.strikes()
    ticks = [e.time_s for e in station.bench.edges(begun) if e.line == BUZZER and e.level]
    # a tick answers the strike that ended its step; they come in turn, one a step
    step_s = 60.0 / CADENCE_SPM
    ms, late = [], 0
    for tick in ticks[10:]:
        last = tick - strikes[bisect(strikes, tick) - 1]
        if last < FLOOR_S:  # it answers the strike before
            late += 1
            last += step_s
        ms.append(1e3 * last)
    assert len(ms) > 0.8 * (SECONDS - 25.0) / step_s
    p50, p95 = statistics.quantiles(ms, n=20)[9], statistics.quantiles(ms, n=20)[18]
    report(
        f"{len(ms)} steps; a policy that ticks at each",
        f"strike to edge p50 {p50:.0f} ms, p95 {p95:.0f} ms",
    )
    assert late <= 0.02 * len(ms)
    assert p95 < 1e3 * step_s - 20.0
