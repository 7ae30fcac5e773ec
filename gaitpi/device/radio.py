"""What strap and foot pod tell, as it reaches the daemon: taken, judged, kept while it is fresh.

The central (:mod:`gaitpi.ble.central`) is another process, and what it sends is believed no more
than what a stranger's radio sends: a few datagrams a turn are taken, none is waited for, and a
reading without a sensible time is counted and left out. A value older than ``STALE_S`` is none.
"""

import json
import math
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from gaitpi.ble.agreement import Agreement
from gaitpi.ble.agreement import words as agreement_words
from gaitpi.ble.readings import DATAGRAM_MAX, STALE_S, Heart, Link, Pod, Role, unpacked
from gaitpi.plaintext import plain
from gaitpi.runs.rows import HeartRow, PodRow

TURN: Final = 8
"""Datagrams taken in a turn of the loop: 160 a second, eighty times what two sensors send."""
OLDEST_S: Final = 60.0
"""The central keeps a reading so long for a daemon that is not there; older ones are none, s."""
LEAST_S: Final = 0.1
"""Readings of one sensor nearer to each other than this are left out, s: none sends so many."""
TELL_S: Final = 1.0
"""A link that changes more often than this is told as it is then, s."""
SILENT_S: Final = 10.0
"""A central that has said nothing of a link for so long is not there, s. It does each second."""

CALLED: Final[dict[Role, str]] = {"heart": "heart-rate strap", "pod": "foot pod"}
_STATES: Final = {
    "off": "off",
    "searching": "looked for",
    "connecting": "being connected",
    "connected": "connected",
    "silent": "connected, but silent",
    "lost": "lost",
    "unknown": "not known: the radio's process says nothing",
}


class HeartStatus(Struct, frozen=True, kw_only=True):
    """The strap's last word. ``bpm`` None when there is none or it is stale; ``age_s`` of it.

    ``contact`` None where the strap cannot tell, or it is stale.
    """

    bpm: int | None = None
    age_s: float | None = None
    contact: bool | None = None


class PodStatus(Struct, frozen=True, kw_only=True):
    """The pod's last word, None when stale; ``cadence_rpm`` as sent."""

    speed_ms: float | None = None
    cadence_rpm: int | None = None
    running: bool | None = None
    age_s: float | None = None


class LinkStatus(Struct, frozen=True, kw_only=True):
    """One link: ``state`` as in :mod:`gaitpi.ble.readings`, "unknown" where nothing tells of it.

    ``for_s`` how long it has been so; ``words`` a sentence for a person, ``reason`` a word for
    programs, where something is wrong; ``malformed``, ``left_out`` and ``lost`` measurements by the
    central.
    """

    role: Role
    state: str
    for_s: float
    name: str = ""
    address: str = ""
    words: str = ""
    reason: str = ""
    battery: int | None = None
    malformed: int = 0
    left_out: int = 0
    lost: int = 0


class AgreementStatus(Struct, frozen=True, kw_only=True):
    """Whether belt and pod count the same: ``state`` and numbers as in its ``Verdict``, and words.

    Unknown numbers are None.
    """

    state: str
    belt_spm: float | None = None
    pod_rpm: float | None = None
    off_spm: float | None = None
    words: str = ""


class RadioStatus(Struct, frozen=True, kw_only=True):
    """Strap, pod and links as of now; None or empty where nothing is paired."""

    heart: HeartStatus | None = None
    pod: PodStatus | None = None
    agreement: AgreementStatus | None = None
    links: tuple[LinkStatus, ...] = ()


class LinkChange(Struct, frozen=True, kw_only=True):
    """A link that is not as it was: what is recorded and said, once."""

    link: Link
    text: str
    gained: bool
    lost: bool


Taken = Heart | Pod | LinkChange


class Radio:
    """The daemon's end of the socket. ``counted`` gets the name of a fault for each one.

    None as ``end`` is one from which nothing comes.
    """

    def __init__(self, end: socket.socket | None, counted: Callable[[str], None]) -> None:
        self._end = end
        self._counted = counted
        self._last_s: dict[str, float] = {}
        self._heart: Heart | None = None
        self._pod: Pod | None = None
        self._links: dict[Role, Link] = {}
        self._told: dict[Role, tuple[str, str, float]] = {}
        self._agreement = Agreement()
        self._recent: deque[Heart | Pod] = deque(maxlen=int(2 * OLDEST_S / LEAST_S))

    def take(self, now_s: float) -> list[Taken]:
        """What has come, in order, at CLOCK_MONOTONIC ``now_s``: at most ``TURN``. Never waits."""
        taken: list[Taken] = []
        for _ in range(TURN if self._end is not None else 0):
            datagram = self._received()
            if datagram is None:
                break
            reading = unpacked(datagram)
            if reading is None:
                self._counted("radio-malformed")
            elif isinstance(reading, Link):
                self._links[reading.role] = reading
            elif self._believed(reading, now_s):
                taken.append(reading)
                self._recent.append(reading)
        taken += self._changes(now_s)
        return taken

    def _received(self) -> bytes | None:
        """The next datagram; None when there is none."""
        assert self._end is not None
        try:
            return self._end.recv(DATAGRAM_MAX + 1)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            self._end = None  # nothing will come any more
            return None

    def _believed(self, reading: Heart | Pod, now_s: float) -> bool:
        """Whether its time makes sense: past, not long past, and after the one before."""
        kind = "heart" if isinstance(reading, Heart) else "pod"
        last_s = self._last_s.get(kind, -math.inf)
        if not now_s - OLDEST_S <= reading.time_s <= now_s or reading.time_s <= last_s:
            self._counted("radio-time")
            return False
        if reading.time_s - last_s < LEAST_S:
            self._counted("radio-many")
            return False
        self._last_s[kind] = reading.time_s
        if isinstance(reading, Heart):
            self._heart = reading
        else:
            self._pod = reading
            self._agreement.pod(reading.time_s, reading.cadence_rpm, reading.known_speed_ms)
        return True

    def belt(self, time_s: float, cadence_spm: float) -> None:
        """The belt's own cadence at CLOCK_MONOTONIC ``time_s``, NaN while unknown."""
        if self._pod is not None:
            self._agreement.belt(time_s, cadence_spm)

    def since(self, time_s: float) -> list[Heart | Pod]:
        """Readings of the last minute from ``time_s`` on (CLOCK_MONOTONIC), in order."""
        return [reading for reading in self._recent if reading.time_s >= time_s]

    def links(self) -> list[LinkChange]:
        """The links as they are, for a run that begins."""
        return [
            LinkChange(link=link, text=_text(link), gained=False, lost=False)
            for link in self._links.values()
        ]

    def _changes(self, now_s: float) -> list[LinkChange]:
        found = []
        for role, link in self._links.items():
            state, words, at_s = self._told.get(role, ("", "", -math.inf))
            if (link.state, link.words) == (state, words) or now_s - at_s < TELL_S:
                continue
            self._told[role] = (link.state, link.words, now_s)
            found.append(
                LinkChange(
                    link=link,
                    text=_text(link),
                    gained=link.state == "connected" and state not in ("connected", "silent"),
                    lost=state in ("connected", "silent")
                    and link.state not in ("connected", "silent"),
                )
            )
        return found

    def status(self, now_s: float) -> RadioStatus | None:
        """Everything as of CLOCK_MONOTONIC ``now_s``; None while nothing was ever told."""
        if self._heart is None and self._pod is None and not self._links:
            return None
        return RadioStatus(
            heart=self._heart_now(now_s),
            pod=self._pod_now(now_s),
            agreement=self._agreement_now(now_s),
            links=tuple(_link_now(link, now_s) for _, link in sorted(self._links.items())),
        )

    def _agreement_now(self, now_s: float) -> AgreementStatus | None:
        if self._pod is None:
            return None
        found = self._agreement.verdict(now_s)
        if found.state == "unknown":
            return AgreementStatus(state="unknown")
        return AgreementStatus(
            state=found.state,
            belt_spm=found.belt_spm,
            pod_rpm=found.pod_rpm,
            off_spm=found.off_spm,
            words=agreement_words(found),
        )

    def _heart_now(self, now_s: float) -> HeartStatus | None:
        heart = self._heart
        if heart is None:
            return None
        age_s = now_s - heart.time_s
        if age_s > STALE_S:
            return HeartStatus(age_s=age_s)
        return HeartStatus(bpm=heart.known_bpm, age_s=age_s, contact=heart.contact)

    def _pod_now(self, now_s: float) -> PodStatus | None:
        pod = self._pod
        if pod is None:
            return None
        age_s = now_s - pod.time_s
        if age_s > STALE_S:
            return PodStatus(age_s=age_s)
        return PodStatus(
            speed_ms=pod.known_speed_ms,
            cadence_rpm=pod.cadence_rpm,
            running=pod.running,
            age_s=age_s,
        )


def _link_now(link: Link, now_s: float) -> LinkStatus:
    silent = now_s - link.time_s > SILENT_S
    return LinkStatus(
        role=link.role,
        state="unknown" if silent else link.state,
        for_s=max(0.0, now_s - (link.time_s if silent else link.since_s)),
        name=plain(link.name),
        address=plain(link.address),
        words="" if silent else plain(link.words),
        reason="" if silent else link.reason,
        battery=link.battery,
        malformed=link.malformed,
        left_out=link.left_out,
        lost=link.lost,
    )


def _text(link: Link) -> str:
    """A link in words: ``heart-rate strap "HRM": connected``."""
    name = f' "{plain(link.name)}"' if link.name else ""
    words = f" ({plain(link.words).rstrip('.')})" if link.words else ""
    return f"{CALLED[link.role]}{name}: {_STATES[link.state]}{words}"


def state_words(state: str) -> str:
    """A link's state in words."""
    return _STATES.get(state, state)


def row(reading: Heart | Pod, run0: float, known_s: float) -> HeartRow | PodRow:
    """A reading as a row of the run that began at ``run0`` and knows it from ``known_s`` on."""
    time_s = reading.time_s - run0
    if isinstance(reading, Heart):
        contact = math.nan if reading.contact is None else float(reading.contact)
        energy = math.nan if reading.energy_j is None else reading.energy_j
        rr = json.dumps([round(interval, 4) for interval in reading.rr_s])
        return HeartRow(time_s, known_s, reading.bpm, contact, energy, rr)
    return PodRow(
        time_s,
        known_s,
        reading.speed_ms + 0.0,  # SQLite does not keep the sign of a zero
        reading.cadence_rpm,
        math.nan if reading.stride_m is None else reading.stride_m,
        math.nan if reading.distance_m is None else reading.distance_m,
        int(reading.running),
    )
