"""What the belt offers, registered with BlueZ over one connection to D-Bus.

Each call has a time limit; whatever goes wrong is a :class:`~gaitpi.ble.trouble.Trouble`. Nothing
is taken back at the end: BlueZ drops what a connection has registered when it is closed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

from gaitpi import __version__
from gaitpi.ble import runningspeed, trouble, uuids
from gaitpi.ble.gattserver import (
    ADVERTISED,
    BLUEZ,
    OBJECTS,
    PROPERTIES,
    ROOT,
    Application,
    Characteristic,
    Service,
)
from gaitpi.ble.outgoing import FEATURES
from gaitpi.ble.radio import RadioError, blocked, limited, trouble_of
from gaitpi.ble.trouble import Trouble

ADAPTER: Final = "org.bluez.Adapter1"
GATT: Final = "org.bluez.GattManager1"
ADVERTISING: Final = "org.bluez.LEAdvertisingManager1"
DBUS: Final = "org.freedesktop.DBus"
CHEST: Final = 1
"""Body Sensor Location of the strap whose heart rate is passed on."""
RELEASED_S: Final = 0.5
"""An announcement is taken off before the adapter goes: so long it is waited for the better reason,
s."""


def services(*, relay: bool) -> list[Service]:
    """What is offered; ``relay``: the strap's heart rate too."""
    found = [
        Service(
            uuids.RUNNING_SPEED,
            (
                Characteristic(uuids.RSC_MEASUREMENT, ("notify",), bytes(4)),
                Characteristic(
                    uuids.RSC_FEATURE, ("read",), runningspeed.encode_features(FEATURES)
                ),
                Characteristic(uuids.SENSOR_LOCATION, ("read",), bytes((runningspeed.HIP,))),
            ),
        )
    ]
    if relay:
        found.append(
            Service(
                uuids.HEART_RATE,
                (
                    Characteristic(uuids.HEART_RATE_MEASUREMENT, ("notify",), bytes(2)),
                    Characteristic(uuids.BODY_SENSOR_LOCATION, ("read",), bytes((CHEST,))),
                ),
            )
        )
    found.append(
        Service(
            uuids.DEVICE_INFORMATION,
            (
                Characteristic(uuids.MAKER, ("read",), b"gaitpi"),
                Characteristic(uuids.MODEL, ("read",), b"belt"),
                Characteristic(uuids.SOFTWARE, ("read",), __version__.encode()),
            ),
        )
    )
    return found


@contextlib.asynccontextmanager
async def connected(limit_s: float) -> AsyncIterator[MessageBus]:
    """A connection to the system's D-Bus. Raises RadioError and OSError."""
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await limited(bus.connect(), limit_s, trouble.NO_DBUS)
        yield bus
    finally:
        bus.disconnect()


class _Refused(Exception):  # noqa: N818 (an answer)
    """An error that BlueZ or the bus answered with."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.dbus_error = name


class Served:
    """An application that BlueZ serves, and its end: ``ended`` is set, ``why`` says why."""

    def __init__(
        self, bus: MessageBus, application: Application, adapter: str, limit_s: float
    ) -> None:
        self._bus = bus
        self._application = application
        self._wanted = adapter
        self._limit_s = limit_s
        self._adapter = ""
        self._watch: asyncio.Future[None] | None = None
        self.ended = asyncio.Event()
        self.why = trouble.NO_BLUEZ

    async def begin(self) -> None:
        """Register with the adapter. Raises RadioError."""
        self._application.released = self._released
        self._bus.add_message_handler(self._handle)
        gone = self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._watch = asyncio.ensure_future(gone)
        self._watch.add_done_callback(self._disconnected)
        for rule in (
            f"type='signal',sender='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
            f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}',member='InterfacesRemoved'",
            f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
        ):
            await self._call(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", "s", [rule])
        objects = (await self._call(BLUEZ, "/", OBJECTS, "GetManagedObjects"))[0]
        self._adapter = _adapter(objects, self._wanted)
        for interface, member, path in (
            (GATT, "RegisterApplication", ROOT),
            (ADVERTISING, "RegisterAdvertisement", ADVERTISED),
        ):
            await self._call(BLUEZ, self._adapter, interface, member, "oa{sv}", [path, {}])

    async def ping(self) -> None:
        """See whether BlueZ answers. Raises RadioError."""
        await self._call(BLUEZ, "/", f"{DBUS}.Peer", "Ping")

    def notify(self, number: int, value: bytes) -> bool:
        """Send a measurement to whoever has subscribed; whether anybody has."""
        for service in self._application.services:
            for one in service.characteristics:
                if one.number == number and one.notifying:
                    sent = self._bus.send(self._application.changed(one, value))
                    sent.add_done_callback(_swallow)
                    return True
        return False

    async def _call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> list[Any]:
        """What a method answers. Raises RadioError."""
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        reply = await limited(self._bus.call(message), self._limit_s)
        if reply is None or reply.message_type is MessageType.ERROR:
            raise RadioError(_trouble(reply))
        found: list[Any] = reply.body
        return found

    def _handle(self, message: Message) -> Message | None:
        if message.message_type is MessageType.SIGNAL:
            self._signalled(message)
            return None
        return self._application.handle(message)

    def _signalled(self, message: Message) -> None:
        match message.member:
            case "NameOwnerChanged" if message.body[0] == BLUEZ:
                self._end(trouble.NO_BLUEZ)  # gone, or another one, which knows nothing of us
            case "InterfacesRemoved" if message.body[0] == self._adapter:
                self._end(_no_adapter(self._wanted))
            case "PropertiesChanged" if message.path == self._adapter:
                powered = message.body[1].get("Powered")
                if powered is not None and powered.value is False:
                    self._end(_off())

    def _released(self) -> None:
        asyncio.get_running_loop().call_later(
            RELEASED_S, self._end, trouble.not_served("it has taken the announcement off")
        )

    def _disconnected(self, watch: "asyncio.Future[None]") -> None:
        _swallow(watch)
        self._end(trouble.NO_DBUS)

    def _end(self, why: Trouble) -> None:
        if not self.ended.is_set():
            self.why = why
            self.ended.set()


def _swallow(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


def _adapter(objects: dict[str, Any], wanted: str) -> str:
    """The path of the adapter to use. Raises RadioError with what it lacks."""
    found = sorted(path for path, interfaces in objects.items() if ADAPTER in interfaces)
    if wanted:
        found = [path for path in found if path.rpartition("/")[2] == wanted]
    if not found:
        raise RadioError(_no_adapter(wanted))
    interfaces = objects[found[0]]
    powered = interfaces[ADAPTER].get("Powered")
    if powered is not None and powered.value is False:
        raise RadioError(_off())
    if GATT not in interfaces or ADVERTISING not in interfaces:
        raise RadioError(trouble.NO_PERIPHERAL)
    return found[0]


def _no_adapter(wanted: str) -> Trouble:
    return trouble.no_such_adapter(wanted) if wanted else trouble.NO_ADAPTER


def _off() -> Trouble:
    return trouble.BLOCKED if blocked() else trouble.ADAPTER_OFF


def _trouble(reply: Message | None) -> Trouble:
    """An error that was answered, in words."""
    name = (reply.error_name if reply is not None else "") or ""
    text = str(reply.body[0]) if reply is not None and reply.body else ""
    if name == "org.bluez.Error.NotPermitted" and "aximum" in text:
        return trouble.NO_ROOM
    if name == "org.bluez.Error.NotReady":
        return _off()
    if name.startswith("org.bluez.Error."):
        return trouble.not_served(text or name.rpartition(".")[2])
    if name.startswith(f"{DBUS}.Error.Unknown") and not name.endswith("UnknownService"):
        return trouble.NO_ADAPTER  # it went in between
    return trouble_of(_Refused(name))
