"""Battery Level (0x2A19) and Device Information (0x180A): text from a stranger.

Anybody's radio can say anything here, and it ends on a terminal and in files: it is made plain and
short.
"""

from collections.abc import Mapping
from typing import Final

from gaitpi.ble import uuids
from gaitpi.ble.fields import VALUE_MAX, Fields
from gaitpi.errors import MeasurementError
from gaitpi.plaintext import plain

TEXT_MAX: Final = 60
"""Longest text that is kept of a device's name or information, signs."""

STRINGS: Final = {
    uuids.MAKER: "maker",
    uuids.MODEL: "model",
    uuids.SERIAL: "serial",
    uuids.HARDWARE: "hardware",
    uuids.FIRMWARE: "firmware",
    uuids.SOFTWARE: "software",
}
"""Characteristics of Device Information that are read, and what they are called here."""


def battery(data: bytes | bytearray) -> int:
    """The battery level, percent. Raises MeasurementError, for more than 100 too."""
    level = Fields(data, "A battery level").uint(1, "level")
    if level > 100:
        raise MeasurementError(f"A battery level of {level} % is none.")
    return level


def text(data: bytes | bytearray) -> str:
    """A text of a device, fit for a terminal, at most ``TEXT_MAX`` signs; "" where there is none.

    UTF-8 by the specification; what is not, is replaced. Many fill up with zeros: it ends at the
    first.
    """
    whole = bytes(data[:VALUE_MAX]).split(b"\0", 1)[0].decode("utf-8", "replace")
    return short(" ".join(whole.split()))


def short(name: str) -> str:
    """A name that BlueZ or a device gave, the same way."""
    found = plain(name.strip())
    return found if len(found) <= TEXT_MAX else f"{found[: TEXT_MAX - 1]}…"


def information(values: Mapping[int, bytes | bytearray]) -> dict[str, str]:
    """What Device Information says, by the names of ``STRINGS``; empty texts are left out."""
    found = {name: text(values[number]) for number, name in STRINGS.items() if number in values}
    return {name: words for name, words in found.items() if words}
