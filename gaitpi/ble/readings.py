"""What a radio's process tells the daemon: one reading or link state a datagram.

Times are CLOCK_MONOTONIC, taken when the notification came in, so that each value has its own time
on the clock of the samples. What a sensor did not send is None: nothing is carried over from an
earlier reading. Small and light: msgspec alone.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

DATAGRAM_MAX: Final = 4096
"""Largest datagram that is read, bytes."""
STALE_S: Final = 5.0
"""A value older than this is no value: "no data", s. Straps and pods send one a second."""

BPM_MIN: Final = 20
BPM_MAX: Final = 250
"""A heart rate outside is none: straps without skin send 0, 1 or 255, bpm."""
SPEED_MAX_MS: Final = 12.5
"""Nobody runs faster: a speed above is no speed, m/s."""
STRIDE_MAX_M: Final = 6.0
"""Nor so far with two steps, m."""

Role = Literal["heart", "pod"]
State = Literal["off", "searching", "connecting", "connected", "silent", "lost"]
Number = Annotated[float, Meta(ge=-1e9, le=1e9)]


class Heart(Struct, frozen=True, kw_only=True, tag="heart", forbid_unknown_fields=True):
    """One Heart Rate Measurement.

    ``bpm`` 0 to 65,535 as sent; ``contact`` None where the strap cannot tell; ``energy_j`` expended
    since its reset, J (the characteristic counts kJ); ``rr_s`` its RR intervals, oldest first, s.
    """

    time_s: Number
    bpm: Annotated[int, Meta(ge=0, le=65535)]
    contact: bool | None = None
    energy_j: Number | None = None
    rr_s: Annotated[tuple[Annotated[float, Meta(ge=0, le=64)], ...], Meta(max_length=300)] = ()

    @property
    def known_bpm(self) -> int | None:
        """The heart rate; None where the strap has no skin, or says what no heart does."""
        if self.contact is False or not BPM_MIN <= self.bpm <= BPM_MAX:
            return None
        return self.bpm


class Pod(Struct, frozen=True, kw_only=True, tag="pod", forbid_unknown_fields=True):
    """One RSC Measurement.

    ``speed_ms`` m/s; ``cadence_rpm`` the number as sent: steps of both feet a minute by most pods,
    of one foot by some (:mod:`gaitpi.ble.agreement` tells which); ``stride_m`` as sent;
    ``distance_m`` the pod's own total; ``running`` False = walking.
    """

    time_s: Number
    speed_ms: Number
    cadence_rpm: Annotated[int, Meta(ge=0, le=255)]
    stride_m: Number | None = None
    distance_m: Number | None = None
    running: bool = False

    @property
    def known_speed_ms(self) -> float | None:
        """The speed; None where nobody runs so. 0 is a speed: standing."""
        return self.speed_ms if 0.0 <= self.speed_ms <= SPEED_MAX_MS else None

    @property
    def known_stride_m(self) -> float | None:
        """The stride length as sent; None where there is none (0: not measured yet)."""
        stride_m = self.stride_m
        return stride_m if stride_m is not None and 0.0 < stride_m <= STRIDE_MAX_M else None


class Link(Struct, frozen=True, kw_only=True, tag="link", forbid_unknown_fields=True):
    """How a link is: told when it changes, and once a second.

    ``since_s`` when it came to be so; ``words`` one sentence where there is something to say (no
    adapter, no permission ...) and ``reason`` the same in a word for programs
    (:mod:`gaitpi.ble.trouble`); ``battery`` percent. ``malformed`` measurements that made no sense
    and ``left_out`` that came too fast or too late, ``lost`` those the daemon did not take within a
    minute, since the central began.
    """

    time_s: Number
    role: Role
    state: State
    since_s: Number
    name: Annotated[str, Meta(max_length=80)] = ""
    address: Annotated[str, Meta(max_length=40)] = ""
    words: Annotated[str, Meta(max_length=400)] = ""
    reason: Annotated[str, Meta(max_length=40)] = ""
    battery: Annotated[int, Meta(ge=0, le=100)] | None = None
    malformed: Annotated[int, Meta(ge=0, le=2**53)] = 0
    left_out: Annotated[int, Meta(ge=0, le=2**53)] = 0
    lost: Annotated[int, Meta(ge=0, le=2**53)] = 0


Reading = Heart | Pod | Link

_DECODER: Final = msgspec.json.Decoder(Reading)


def packed(reading: Reading) -> bytes:
    """The datagram of a reading."""
    return msgspec.json.encode(reading)


def unpacked(datagram: bytes) -> Reading | None:
    """The reading of a datagram; None where it is none: the daemon counts it and goes on."""
    if len(datagram) > DATAGRAM_MAX:
        return None
    try:
        return _DECODER.decode(datagram)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
