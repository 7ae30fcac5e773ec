"""The part of the fake BlueZ that others' applications are served by, and a watch that uses it.

It reads what is registered as BlueZ does (src/gatt-database.c, src/advertising.c): all objects of
the application, all properties of the announcement, by calls to whoever registered them, and drops
both when that one leaves the bus.
"""

from typing import TYPE_CHECKING, Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

if TYPE_CHECKING:
    from tests.ble.fakebluez import Bluez

GATT = "org.bluez.GattManager1"
ADVERTISING = "org.bluez.LEAdvertisingManager1"
PROPERTIES = "org.freedesktop.DBus.Properties"
_SERVICE = "org.bluez.GattService1"
_CHARACTERISTIC = "org.bluez.GattCharacteristic1"
_FLAGS = {"read", "write", "write-without-response", "notify", "indicate"}
_LOOPBACK = "F0:0D:00:00:00:10"


class BluezError(Exception):
    """An error by its D-Bus name."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(text)
        self.name = name if name.startswith("org.freedesktop") else f"org.bluez.Error.{name}"


class Serving:
    """GattManager1 and LEAdvertisingManager1."""

    bus: MessageBus
    rooms: int = 4
    """So many announcements at once."""

    def begin_serving(self) -> None:
        self.owner = ""
        self.root = ""
        self.application: dict[str, dict[str, dict[str, Variant]]] = {}
        self.announced: dict[str, Variant] = {}
        self.heard: list[tuple[str, str]] = []
        self.registered = 0
        self.loopback = ""

    async def ask(self, path: str, interface: str, member: str, *body: Any) -> list[Any]:
        """Call whoever has registered. Raises BluezError with its error."""
        reply = await self.bus.call(
            Message(
                destination=self.owner,
                path=path,
                interface=interface,
                member=member,
                signature="s" if body and isinstance(body[0], str) else "a{sv}" if body else "",
                body=list(body),
            )
        )
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            raise BluezError("Failed", f"{reply.error_name}: {reply.body}")
        found: list[Any] = reply.body
        return found

    async def watch(self, rule: str) -> None:
        await self.bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="AddMatch",
                signature="s",
                body=[rule],
            )
        )

    async def call_RegisterApplication(self, message: Message) -> tuple[str, list[Any]]:
        if self.application and self.owner == message.sender:
            raise BluezError("AlreadyExists", "Already Exists")
        self.owner, self.root = str(message.sender), message.body[0]
        await self.watch(f"type='signal',sender='{self.owner}',interface='{PROPERTIES}'")
        await self.watch(f"type='signal',member='NameOwnerChanged',arg0='{self.owner}'")
        manager = "org.freedesktop.DBus.ObjectManager"
        (found,) = await self.ask(self.root, manager, "GetManagedObjects")
        if not self.sound(found):
            raise BluezError("Failed", "No valid service object found")
        self.application = found
        self.registered += 1
        return "", []

    def sound(self, found: dict[str, Any]) -> bool:
        """Whether all of it is what BlueZ takes."""
        services = {path for path, interfaces in found.items() if _SERVICE in interfaces}
        characteristics = [one[_CHARACTERISTIC] for one in found.values() if _CHARACTERISTIC in one]
        return (
            bool(services)
            and all(path.startswith(self.root + "/") for path in found)
            and all(found[path][_SERVICE]["Primary"].signature == "b" for path in services)
            and all(
                one["Service"].signature == "o"
                and one["Service"].value in services
                and len(one["UUID"].value) == 36
                and one["Flags"].value
                and set(one["Flags"].value) <= _FLAGS
                for one in characteristics
            )
        )

    async def call_RegisterAdvertisement(self, message: Message) -> tuple[str, list[Any]]:
        if self.rooms < 1:
            raise BluezError("NotPermitted", "Maximum advertisements reached")
        interface = "org.bluez.LEAdvertisement1"
        (found,) = await self.ask(message.body[0], PROPERTIES, "GetAll", interface)
        self.advertisement = message.body[0]
        if found["Type"].value != "peripheral":
            raise BluezError("Failed", "Failed to parse advertisement.")
        self.announced = found
        return "", []

    def forget(self) -> None:
        """The one who registered has left the bus."""
        self.application, self.announced, self.owner = {}, {}, ""

    def signalled(self, message: Message) -> None:
        """A signal: values of the application, and somebody who left."""
        if message.member == "NameOwnerChanged":
            if message.body[0] == self.owner and not message.body[2]:
                self.forget()
            return
        if message.sender != self.owner or message.member != "PropertiesChanged":
            return
        value = message.body[1].get("Value")
        found = self.application.get(str(message.path), {}).get(_CHARACTERISTIC)
        if message.body[0] == _CHARACTERISTIC and value is not None and found is not None:
            uuid = found["UUID"].value[4:8]
            self.heard.append((uuid, value.value.hex()))
            if self.loopback:
                self.looped(int(uuid, 16), value.value)

    def looped(self, uuid: int, value: bytes) -> None:
        bluez: Bluez = self  # type: ignore[assignment]
        bluez.spawn(bluez.send(bluez.devices[self.loopback], uuid, value))

    # -- what a test says

    async def do_served(self) -> dict[str, Any]:
        """What is registered: services with their characteristics, and the announcement."""
        services: dict[str, dict[str, list[str]]] = {}
        for path, interfaces in sorted(self.application.items()):
            if _SERVICE in interfaces:
                services[path] = {}
        names = {
            path: one[_SERVICE]["UUID"].value[4:8]
            for path, one in self.application.items()
            if _SERVICE in one
        }
        told: dict[str, dict[str, list[str]]] = {name: {} for name in names.values()}
        for interfaces in self.application.values():
            if _CHARACTERISTIC in interfaces:
                one = interfaces[_CHARACTERISTIC]
                told[names[one["Service"].value]][one["UUID"].value[4:8]] = one["Flags"].value
        return {
            "services": told,
            "announced": {name: one.value for name, one in self.announced.items()},
            "registered": self.registered,
        }

    def path_of(self, uuid: int) -> str:
        return next(
            path
            for path, one in self.application.items()
            if _CHARACTERISTIC in one and one[_CHARACTERISTIC]["UUID"].value[4:8] == f"{uuid:04x}"
        )

    async def do_subscribe(self, uuid: int, on: bool = True) -> None:
        """A watch subscribes, or no more."""
        await self.ask(self.path_of(uuid), _CHARACTERISTIC, "StartNotify" if on else "StopNotify")

    async def do_read(self, uuid: int, offset: int = 0) -> dict[str, Any]:
        """A watch reads."""
        options = {"offset": Variant("q", offset)} if offset else {}
        try:
            (value,) = await self.ask(self.path_of(uuid), _CHARACTERISTIC, "ReadValue", options)
        except BluezError as error:
            return {"error": str(error)}
        return {"value": value.hex()}

    async def do_ask(
        self, path: str, interface: str, member: str, *, text: str = ""
    ) -> dict[str, Any]:
        """Any call to the application; the error, or "" ."""
        try:
            await self.ask(path, interface, member, *([text] if text else []))
        except BluezError as error:
            return {"error": str(error)}
        return {"error": ""}

    async def do_heard(self, uuid: int) -> dict[str, Any]:
        """What was notified of one characteristic since the last time it was asked, in hex."""
        name = f"{uuid:04x}"
        found = [value for which, value in self.heard if which == name]
        self.heard = [one for one in self.heard if one[0] != name]
        return {"heard": found}

    async def do_rooms(self, rooms: int) -> None:
        self.rooms = rooms

    async def do_release(self) -> None:
        """BlueZ takes the announcement off."""
        await self.ask(self.advertisement, "org.bluez.LEAdvertisement1", "Release")

    async def do_loopback(self) -> dict[str, Any]:
        """The application as a device in the air, for a central on this same bus."""
        bluez: Bluez = self  # type: ignore[assignment]
        services: dict[str, list[tuple[int, list[str], str]]] = {}
        names: dict[str, int] = {}
        for path, one in self.application.items():
            if _SERVICE in one:
                names[path] = int(one[_SERVICE]["UUID"].value[4:8], 16)
                services[path] = []
        for path, one in self.application.items():
            if _CHARACTERISTIC not in one:
                continue
            told = one[_CHARACTERISTIC]
            value = b""
            if "read" in told["Flags"].value:
                (value,) = await self.ask(path, _CHARACTERISTIC, "ReadValue", {})
            if "notify" in told["Flags"].value:
                await self.ask(path, _CHARACTERISTIC, "StartNotify")
            services[told["Service"].value].append(
                (int(told["UUID"].value[4:8], 16), told["Flags"].value, value.hex())
            )
        await bluez.do_device(
            address=_LOOPBACK,
            name=self.announced["LocalName"].value,
            services=[(names[path], found) for path, found in services.items()],
            announced=[int(uuid[4:8], 16) for uuid in self.announced["ServiceUUIDs"].value],
        )
        self.loopback = _LOOPBACK
        return {"address": _LOOPBACK}
