"""Strap and foot pod over the guest's own Bluetooth, and the pack as a foot pod for others.

bluetoothd, bleak and the daemon under its unit are real; the air is guest/radios.py. Nothing else
here has Bluetooth: the other scenarios run as a pack without it does.
"""

import itertools
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader
from tests.hil.build import Guest
from tests.hil.radio import (
    Air,
    Sent,
    Verdict,
    difference,
    gaitpi,
    heart_key,
    judge,
    lateness_ms,
    median,
    pod_key,
    quantile,
    returns,
)
from tests.hil.report import Report
from tests.hil.station import BUZZER, CONFIG, Station, longest_gap, runner

MINUTES: Final = float(os.environ.get("GAITPI_RADIO_MINUTES", "1.5"))
"""How long strap and pod are listened to, and half as long in a storm."""
DROPS: Final = int(os.environ.get("GAITPI_TRIALS", "5"))
"""How often one of them is lost meanwhile."""
RETURN_S: Final = 10.0
"""Promised: linked again so long after it is there again, s."""
STORM_S: Final = 9.0
"""A link that storms for longer is ended (``ble.gate``), s."""
SAME_MS: Final = 1.0
"""Promised: a storm moves no cue's p99 further, ms."""
TARGET_SPM: Final = 172.0
SEED: Final = 8


@pytest.fixture(scope="module")
def station(
    guest: Guest, warm: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Station]:
    """A station of these scenarios' own."""
    station = Station(guest, warm, tmp_path_factory.mktemp("radio"))
    try:
        station.boot()
        yield station
    finally:
        station.close()


@pytest.fixture(scope="module")
def air(station: Station) -> Air:
    """Its radios: the pack's own controller is hci0, somebody else's hci1."""
    air = Air(station)
    air.open("pack", "watch")
    return air


def test_drops_and_returns(station: Station, air: Air, report: Report) -> None:
    """Strap and pod lost and found again."""
    _begin(station, air)
    rng = random.Random(SEED)
    began, period = time.monotonic(), MINUTES * 60.0 / max(1, DROPS)
    since_s = air.now_s()
    for k in range(DROPS):
        _until(began + (k + 0.4 * rng.random()) * period)
        who, since = rng.choice(("strap", "pod")), len(air.log())
        away = rng.uniform(1.0, 0.4 * period)
        air.begin(f"{who} hang-up" if k % 2 else f"{who} away {away:.1f}")
        air.wait("advertising", away + 30.0, since, who=who)
        _sent_again(air, who, since)
    _until(began + MINUTES * 60.0)
    took = [s for who in ("strap", "pod") for s in returns(air.log(), who, since_s)]
    path = station.run_file()
    verdict = _judged(path, air)
    assert len(took) >= DROPS
    assert max(took) <= RETURN_S
    assert longest_gap(path) < 0.05
    report(
        f"{MINUTES:g} minutes of a strap and a pod, {DROPS} times one of them gone and back",
        f"linked again {median(took):.1f} s after it was there again "
        f"(p90 {quantile(took, 0.9):.1f}, worst {max(took):.1f}); {verdict}",
    )


def test_storm(station: Station, air: Air, report: Report) -> None:
    """A storm of measurements while the metronome ticks."""
    plain = CONFIG.replace("[coach]\n", '[coach]\nmetronome = "plain"\n')
    _begin(station, air, plain)
    time.sleep(5.0)
    arms: dict[str, list[tuple[float, float]]] = {"calm": [], "storm": []}
    for _ in range(max(3, round(MINUTES * 30.0 / STORM_S / 2))):
        for arm, spans in arms.items():
            began = station.bench.now()
            if arm == "storm":
                air.begin(f"strap storm {STORM_S - 0.5:.1f}")
                air.begin(f"pod storm {STORM_S - 0.5:.1f}")
            _until(time.monotonic() + STORM_S)
            spans.append((began + 0.5, began + STORM_S - 0.5))
            time.sleep(1.0)
    edges = station.bench.edges(arms["calm"][0][0])
    ticks = [e.time_s for e in edges if e.line == BUZZER and e.level]
    path = station.run_file()
    verdict = _judged(path, air)
    assert longest_gap(path) < 0.05
    late = {arm: _late_ms(ticks, spans) for arm, spans in arms.items()}
    for arm in arms:
        wanted = (STORM_S - 1.0) * TARGET_SPM / 60.0
        assert all(abs(len(ms) - wanted) <= 1.5 for ms in late[arm]), (arm, late[arm])
    said = []
    for arm in arms:
        ms = list(itertools.chain.from_iterable(late[arm]))
        p50, p95, p99 = (quantile(ms, share) for share in (0.5, 0.95, 0.99))
        said.append(f"{arm}: p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f} ms late ({len(ms)} ticks)")
    more, at_least = difference(late["calm"], late["storm"], 0.99)
    middle, _ = difference(late["calm"], late["storm"], 0.5)
    storms = [e for e in air.log() if e["what"] == "storm over"]
    rate = sum(e["sent"] for e in storms) / sum(e["seconds"] for e in storms) * 2.0
    report(
        f"{rate:.0f} measurements a second from both, on and off, {STORM_S:.0f} s each",
        f"{'; '.join(said)}; p99 apart by {more:+.2f} ms, in a storm higher by {at_least:+.2f} ms "
        f"at least (95 %); no sample lost; {verdict}",
    )
    assert middle <= SAME_MS
    assert at_least <= SAME_MS


# -- what they share --


def _begin(station: Station, air: Air, config: str = CONFIG) -> None:
    """A run with strap and pod, both linked."""
    station.configure(config)
    since = len(air.log())
    source = runner(Phase("run", MINUTES * 60.0 + 900.0, cadence_spm=TARGET_SPM))
    station.start(source)
    for who in ("strap", "pod"):
        air.wait("sent", 60.0, since, who=who)


def _late_ms(ticks: list[float], spans: list[tuple[float, float]]) -> list[list[float]]:
    """How late the ticks of each span came on the metronome's one grid, ms."""
    late = dict(zip(ticks, lateness_ms(ticks, 60.0 / TARGET_SPM), strict=True))
    return [[late[t] for t in ticks if begin <= t < end] for begin, end in spans]


def _until(time_s: float) -> None:
    time.sleep(max(0.0, time_s - time.monotonic()))


def _sent_again(air: Air, who: str, since: int) -> Sent:
    """Wait until it has been away, is there again and sends."""
    log = air.log()
    back = next(
        k
        for k, entry in enumerate(log)
        if k >= since and entry["what"] == "advertising" and entry["who"] == who
    )
    return air.wait("sent", 60.0, back, who=who)


def _judged(path: Path, air: Air) -> Verdict:
    """All measurements of a run file beside all that were sent in its time."""
    with RunReader(path) as run:
        zero_s = run.header.anchor.mono_s
        rows = [(zero_s + row.time_s, heart_key(row)) for row in run.hearts()]
        rows += [(zero_s + row.time_s, pod_key(row)) for row in run.pods()]
    sent = [e for who in ("strap", "pod") for e in air.sent(who, zero_s)]
    verdict = judge(rows, sent)
    print(verdict, verdict.wrong[:5], verdict.stale[:5], sep="\n")
    assert verdict.rows
    assert not verdict.wrong
    assert not verdict.stale
    # the judge is awake: a value that was another one a moment ago is a wrong one
    time_s, what = rows[-1]
    assert judge([*rows, (time_s + 1.0, what)], sent).wrong
    return verdict
