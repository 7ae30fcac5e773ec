"""The air around a guest: its controllers, strap and pod, and what they really sent.

The outer half of guest/radios.py: starts it, tells it what to do, reads its log, and compares
with it what a run file holds.
"""

import itertools
import json
import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gaitpi.runs.rows import HeartRow, PodRow
from tests.hil.build import RADIOS_SITE
from tests.hil.machine import GuestError
from tests.hil.station import GAITPI, Station

UNIT: Final = "bench-radios.service"
FIFO: Final = "/run/bench-radios"
LOG: Final = "radios.jsonl"
STRAP: Final = "F0:0D:00:00:00:01"
POD: Final = "F0:0D:00:00:00:02"
AS_GAITPI: Final = (
    *("setpriv", "--reuid=gaitpi", "--regid=gaitpi", "--init-groups"),
    *("env", "-C", "/tmp", "HOME=/tmp", "STATE_DIRECTORY=/var/lib/gaitpi"),
    *("GAITPI_CONFIG=/mnt/share/config.toml", "NUMBA_CACHE_DIR=/var/cache/gaitpi"),
)
LATE_S: Final = 5.0
"""A value whose time is so long after it was sent is a stale one, s (``readings.STALE_S``)."""
_CLOCK_S: Final = 0.05
"""Two readings of the guest's clock, one after the other: nothing comes before it was sent, s."""

Sent = dict[str, Any]


class Air:
    """Radios around a station whose guest is up; ``close`` leaves it without any."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._path = station.share / LOG
        self._read = 0
        self._held = ""
        self._log: list[Sent] = []

    # -- up and down --

    def open(self, *adapters: str) -> None:
        """The radios' process, and these controllers plugged in: bluetoothd starts by itself."""
        machine = self._station.machine
        # where both ends are one bluetoothd (5.66), notifications on its enhanced channels get lost
        machine.shell("sed -i 's/^#Channels = 3/Channels = 1/' /etc/bluetooth/main.conf")
        machine.must(
            *("systemd-run", f"--unit={UNIT}", "--collect", "-p", "Nice=19"),
            *("-p", "OOMScoreAdjust=900", "-E", f"PYTHONPATH=/{RADIOS_SITE}"),
            *("/usr/bin/python3", "-u", "/mnt/checkout/tests/hil/guest/radios.py"),
            *(FIFO, f"/mnt/share/{LOG}"),
        )
        self.wait("ready", 60.0)
        for k, name in enumerate(adapters):
            self.tell(f"{name} plug")
            self.powered(f"hci{k}")

    def powered(self, adapter: str, on: bool = True, seconds: float = 30.0) -> float:
        """Wait until bluetoothd says so; how long it took, s."""
        wanted = "b true" if on else "b false"
        ask = ("org.bluez", f"/org/bluez/{adapter}", "org.bluez.Adapter1", "Powered")

        def so() -> bool:
            done = self._station.machine.run("busctl", "--system", "get-property", *ask)
            return done.out.strip() == wanted

        return self._station.machine.wait(so, seconds, f"{adapter} powered: {on}", every_s=0.2)

    def close(self) -> None:
        """No radios, and no bluetoothd."""
        self._station.machine.run("systemctl", "stop", UNIT)
        self._station.machine.run("systemctl", "stop", "bluetooth.service")

    # -- what it is told, and what it says --

    def tell(self, command: str, seconds: float = 10.0) -> None:
        """Have it done. Raises GuestError."""
        since = self.begin(command)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for entry in self.log()[since:]:
                if entry.get("command") == command:
                    if entry["what"] == "done":
                        return
                    raise GuestError(f"{command}: {entry}")
            time.sleep(0.02)
        raise GuestError(f"{command}: not done within {seconds:.0f} s")

    def begin(self, command: str) -> int:
        """Have it begun; how long the log was before."""
        since = len(self.log())
        self._station.machine.shell(f"echo '{command}' >{FIFO}")
        return since

    def log(self) -> list[Sent]:
        """All entries so far."""
        if self._path.exists():
            with self._path.open() as file:
                file.seek(self._read)
                text = file.read()
                self._read = file.tell()
            *lines, self._held = (self._held + text).split("\n")
            self._log += [json.loads(line) for line in lines]
        return self._log

    def wait(self, what: str, seconds: float, since: int = 0, **more: object) -> Sent:
        """The first entry like that from number ``since`` on. Raises GuestError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for entry in self.log()[since:]:
                if entry["what"] == what and more.items() <= entry.items():
                    return entry
            time.sleep(0.05)
        said = self._station.machine.run("journalctl", "-u", UNIT, "-o", "cat", "-n", "20").out
        raise GuestError(f"not within {seconds:.0f} s in the air: {what} {more}\n{said}")

    def sent(self, who: str, since_s: float = 0.0, what: str = "sent") -> list[Sent]:
        """What it handed over to somebody who had subscribed."""
        return [
            entry
            for entry in self.log()
            if entry["what"] == what and entry.get("who") == who and entry["time_s"] >= since_s
        ]

    def now_s(self) -> float:
        """The guest's clock, of all times here and in the run files."""
        return float(self._station.machine.must("cat", "/proc/uptime").split()[0])


def gaitpi(station: Station, *words: str, timeout: float = 90.0) -> str:
    """A command of gaitpi as the service's own user, that has to succeed. Raises GuestError."""
    return station.machine.must(*AS_GAITPI, GAITPI, *words, timeout=timeout)


# -- the judge --


@dataclass(slots=True)
class Verdict:
    """Rows of a run file beside what was sent.

    ``wrong`` rows that nobody sent, or that are there twice; ``stale`` ones whose time is
    ``LATE_S`` after they were sent; ``delays_s`` from sent to the time of the row.
    """

    rows: int = 0
    sent: int = 0
    wrong: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Sent, and in no row."""
        return self.sent - len(self.delays_s)

    def __str__(self) -> str:
        p50, p99 = quantile(self.delays_s, 0.5), quantile(self.delays_s, 0.99)
        return (
            f"{self.rows} rows of {self.sent} sent, {len(self.wrong)} wrong, {len(self.stale)} "
            f"stale; sent to noted p50 {1e3 * p50:.0f} ms, p99 {1e3 * p99:.0f} ms"
        )


def judge(rows: Iterable[tuple[float, tuple[Any, ...]]], sent: Sequence[Sent]) -> Verdict:
    """Rows (guest's time, :func:`key` of what it says) beside what was really sent.

    Every measurement differs from every other, so that a row is of the one or of none.
    """
    open_ = {key(entry): float(entry["time_s"]) for entry in sent}
    verdict = Verdict(sent=len(sent))
    taken: Counter[tuple[Any, ...]] = Counter()
    for time_s, what in rows:
        verdict.rows += 1
        taken[what] += 1
        at = open_.get(what)
        if at is None or taken[what] > 1 or time_s < at - _CLOCK_S:
            verdict.wrong.append(f"{time_s:.3f} {what}, sent {at}, {taken[what]} times")
            continue
        verdict.delays_s.append(time_s - at)
        if time_s - at > LATE_S:
            verdict.stale.append(f"{time_s:.3f} {what}, sent {at:.3f}")
    return verdict


def key(entry: Sent) -> tuple[Any, ...]:
    """What a measurement says, in the units of its characteristic."""
    if entry["who"] == "strap":
        return ("heart", entry["bpm"], entry["contact"], entry["energy_kj"], tuple(entry["rr"]))
    return (
        *("pod", entry["speed"], entry["cadence"], entry["stride_cm"]),
        *(entry["distance_dm"], entry["running"]),
    )


def heart_key(row: HeartRow) -> tuple[Any, ...]:
    """:func:`key` of a row."""
    contact = None if math.isnan(row.contact) else bool(row.contact)
    energy = None if math.isnan(row.energy_j) else row.energy_j / 1000.0
    # kept to 0.1 ms, a tenth of the unit
    rr = tuple(round(interval * 1024.0) for interval in row.intervals_s)
    return ("heart", row.bpm, contact, energy, rr)


def pod_key(row: PodRow) -> tuple[Any, ...]:
    """:func:`key` of a row."""
    return (
        *("pod", round(row.speed_ms * 256.0, 6), row.cadence_rpm),
        *(round(row.stride_m * 100.0, 6), round(row.distance_m * 10.0, 6), bool(row.running)),
    )


def reading_key(role: str, reading: dict[str, Any]) -> tuple[Any, ...]:
    """:func:`key` of a reading as the commands print it in JSON."""
    if role == "heart":
        rr = tuple(round(interval * 1024.0) for interval in reading["rr_s"])
        return ("heart", reading["bpm"], reading["contact"], reading["energy_j"] / 1000.0, rr)
    return (
        *("pod", round(reading["speed_ms"] * 256.0, 6), reading["cadence_rpm"]),
        *(round(reading["stride_m"] * 100.0, 6), round(reading["distance_m"] * 10.0, 6)),
        reading["running"],
    )


def returns(log: Sequence[Sent], who: str, since_s: float = 0.0) -> list[float]:
    """From each time that it was there again to the link, s; inf where there was none any more."""
    ours = [e for e in log if e.get("who") == who and e["time_s"] >= since_s]
    out = []
    for k, entry in enumerate(ours):
        if entry["what"] == "advertising":
            later = (e["time_s"] for e in ours[k:] if e["what"] == "connected")
            out.append(next(later, math.inf) - entry["time_s"])
    return out


def lateness_ms(ticks: Sequence[float], period_s: float) -> list[float]:
    """How much later than on an even grid each tick came, ms; the earliest one is on it."""
    if not ticks:
        return []
    off = [t - ticks[0] - period_s * round((t - ticks[0]) / period_s) for t in ticks]
    return [1e3 * (one - min(off)) for one in off]


def difference(
    calm: Sequence[Sequence[float]], storm: Sequence[Sequence[float]], share: float
) -> tuple[float, float]:
    """How much higher this quantile is in the storms, and what it is higher by at least.

    The second by 2,000 draws of whole spans (bootstrap, one-sided 95 %): what else this machine
    did falls on a span, not on a tick.
    """

    def value(spans: Iterable[Sequence[float]]) -> float:
        return quantile(list(itertools.chain.from_iterable(spans)), share)

    rng = random.Random(1)
    draws = sorted(
        value(rng.choices(storm, k=len(storm))) - value(rng.choices(calm, k=len(calm)))
        for _ in range(2000)
    )
    return value(storm) - value(calm), draws[100]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of them do not exceed (nearest rank); NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    """NaN of none."""
    return statistics.median(values) if values else math.nan
