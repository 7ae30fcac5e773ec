"""What is near, and what a device says of itself: for the commands, never for the daemon."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gaitpi.ble import deviceinfo, heartrate, runningspeed, trouble
from gaitpi.ble.radio import MEASUREMENT, Connection, Heard, Radio, RadioError
from gaitpi.ble.readings import Heart, Pod, Role
from gaitpi.errors import MeasurementError

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice

LOOK_S: Final = 8.0
"""How long is looked for what is near, s."""
CONNECT_S: Final = 12.0
"""The first connection may take longer than later ones, s: BlueZ asks for every service."""
BOND_S: Final = 30.0
"""Bonding with a device may take so long, s."""
HEAR_S: Final = 5.0
"""How long is waited for a first measurement, s."""
NEAR_MAX: Final = 200
"""So many devices are told: at a race there may be thousands."""
PARSE: Final[dict[Role, Callable[[bytes, float], Heart | Pod]]] = {
    "heart": heartrate.parse,
    "pod": runningspeed.parse,
}


@dataclass(slots=True)
class Near:
    """A device that was heard; ``rssi`` dBm, None for one that is connected already."""

    address: str
    name: str
    roles: tuple[Role, ...]
    rssi: int | None
    device: "BLEDevice"
    announced: bool
    """Whether it names its service in what it sends out."""


@dataclass(slots=True)
class Found:
    """What a device said when it was connected."""

    role: Role
    services: tuple[str, ...] = ()
    information: dict[str, str] = field(default_factory=dict)
    battery: int | None = None
    reading: Heart | Pod | None = None
    malformed: int = 0
    bonded: bool = False
    linked_s: float = 0.0
    """When the link stood, CLOCK_MONOTONIC, s."""


async def look(
    radio: Radio, *, seconds: float = LOOK_S, address: str = "", everything: bool = False
) -> list[Near]:
    """What is near, the strongest first; ``address``: until that one is heard.

    Only straps and pods, unless ``everything`` or an address is asked for. Raises RadioError.
    """
    found: dict[str, Near] = {}

    def heard(one: Heard) -> bool:
        at = one.device.address.upper()
        known = found.get(at)
        if known is None and len(found) >= NEAR_MAX:
            return False
        if known is None or (one.rssi is not None and (known.rssi or -200) <= one.rssi):
            roles = one.roles or (known.roles if known else ())
            found[at] = Near(at, one.name, roles, one.rssi, one.device, bool(one.roles))
        return at == address

    anything = everything or bool(address)
    await radio.look(heard, seconds=seconds, announced=not anything)
    near = [one for one in found.values() if anything or one.roles]
    return sorted(near, key=lambda one: one.rssi if one.rssi is not None else 0, reverse=True)


async def examine(radio: Radio, near: Near, role: Role | None, *, hear_s: float = HEAR_S) -> Found:
    """Connect, read what it says of itself, wait for one measurement, and part.

    ``role`` None: what it measures decides. It is bonded with where it demands that. Raises
    RadioError, for a device that measures neither too.
    """
    try:
        return await _examine(radio, near, role, hear_s, bond=False)
    except RadioError as error:
        if error.trouble is not trouble.NEEDS_BOND:
            raise
    return await _examine(radio, near, role, hear_s, bond=True)


async def _examine(
    radio: Radio, near: Near, role: Role | None, hear_s: float, *, bond: bool
) -> Found:
    limit_s = BOND_S if bond else CONNECT_S
    first: Role = role or (near.roles[0] if near.roles else "heart")
    connection = await radio.connect(near.device, first, lambda: None, seconds=limit_s, bond=bond)
    try:
        connection.role = _measures(connection, role)
        found = Found(connection.role, connection.services, linked_s=time.monotonic(), bonded=bond)
        await _listen(connection, found, hear_s)
        await _read(connection, found)
        return found
    finally:
        await connection.close()


def _measures(connection: Connection, role: Role | None) -> Role:
    """The role a device can have. Raises RadioError where it has none, or not that one."""
    can = [
        one
        for one, number in MEASUREMENT.items()
        if connection.characteristic(number, "notify", "indicate") is not None
    ]
    if (role is not None and role not in can) or not can:
        raise RadioError(trouble.NO_SERVICE)
    return role or can[0]


async def _listen(connection: Connection, found: Found, hear_s: float) -> None:
    came = asyncio.Event()

    def data(time_s: float, value: bytes) -> None:
        if came.is_set():
            return
        try:
            found.reading = PARSE[found.role](value, time_s)
        except MeasurementError:
            found.malformed += 1
            return
        came.set()

    await connection.subscribe(data)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(hear_s):
            await came.wait()


async def _read(connection: Connection, found: Found) -> None:
    """Battery and device information, as far as it tells them."""

    def level(percent: int) -> None:
        found.battery = percent

    with contextlib.suppress(RadioError):
        await connection.battery(level)
    values: dict[int, bytes] = {}
    for number in deviceinfo.STRINGS:
        with contextlib.suppress(RadioError):
            values[number] = await connection.read(number)
    found.information = deviceinfo.information(values)
