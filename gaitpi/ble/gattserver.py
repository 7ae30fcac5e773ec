"""A GATT application and an advertisement as BlueZ wants them on D-Bus: objects that answer calls.

BlueZ asks for all objects (ObjectManager), calls StartNotify and StopNotify as watches subscribe,
ReadValue as they read, and sends on each change of a characteristic's ``Value`` that is signalled
(bluez: src/gatt-database.c, src/advertising.c; doc/org.bluez.GattCharacteristic.rst). Answered here
message by message: a handler for :meth:`dbus_fast.aio.MessageBus.add_message_handler`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dbus_fast import Message, MessageType, Variant

from gaitpi.ble import uuids

BLUEZ: Final = "org.bluez"
SERVICE: Final = "org.bluez.GattService1"
CHARACTERISTIC: Final = "org.bluez.GattCharacteristic1"
ADVERTISEMENT: Final = "org.bluez.LEAdvertisement1"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"

ROOT: Final = "/gaitpi"
ADVERTISED: Final = "/gaitpi_advertisement"
"""Not below the application: BlueZ would look for services there."""
ON_HIP: Final = 0x0443
"""Appearance: running walking sensor, on hip."""

Interfaces = dict[str, dict[str, Variant]]


@dataclass
class Characteristic:
    """One of a service. ``notifying`` set by BlueZ; ``value`` what is read, or was sent last."""

    number: int
    flags: tuple[str, ...]
    value: bytes = b""
    notifying: bool = False
    path: str = ""


@dataclass
class Service:
    """A primary service."""

    number: int
    characteristics: Sequence[Characteristic]
    path: str = ""


@dataclass
class Application:
    """What is served, and the advertisement of it.

    ``released`` is called when BlueZ takes the advertisement off.
    """

    services: Sequence[Service]
    name: str
    released: Callable[[], None] = lambda: None
    _paths: dict[str, Characteristic] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for n, service in enumerate(self.services):
            service.path = f"{ROOT}/service{n}"
            for k, one in enumerate(service.characteristics):
                one.path = f"{service.path}/characteristic{k}"
                self._paths[one.path] = one

    def objects(self) -> dict[str, Interfaces]:
        """All services and characteristics by path."""
        found: dict[str, Interfaces] = {}
        for service in self.services:
            found[service.path] = {
                SERVICE: {
                    "UUID": Variant("s", uuids.full(service.number)),
                    "Primary": Variant("b", True),
                }
            }
            for one in service.characteristics:
                found[one.path] = {
                    CHARACTERISTIC: {
                        "UUID": Variant("s", uuids.full(one.number)),
                        "Service": Variant("o", service.path),
                        "Flags": Variant("as", list(one.flags)),
                        "Value": Variant("ay", one.value),
                        "Notifying": Variant("b", one.notifying),
                    }
                }
        return found

    def advertisement(self) -> Interfaces:
        """What is announced: 31 bytes hold the flags, two services, a look and a short name."""
        told = [s.number for s in self.services if s.number != uuids.DEVICE_INFORMATION]
        return {
            ADVERTISEMENT: {
                "Type": Variant("s", "peripheral"),
                "ServiceUUIDs": Variant("as", [uuids.full(number) for number in told]),
                "LocalName": Variant("s", self.name),
                "Appearance": Variant("q", ON_HIP),
                "Discoverable": Variant("b", True),
            }
        }

    def handle(self, message: Message) -> Message | None:
        """The answer to a call; None for what is none of ours, which dbus_fast refuses."""
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        path, interface, member = message.path or "", message.interface or "", message.member
        if interface == OBJECTS and member == "GetManagedObjects" and path == ROOT:
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.objects()])
        if interface == PROPERTIES:
            return self._properties(message, path)
        if interface == ADVERTISEMENT and member == "Release" and path == ADVERTISED:
            self.released()
            return Message.new_method_return(message)
        one = self._paths.get(path)
        if interface != CHARACTERISTIC or one is None:
            return None
        return self._called(message, one)

    def _properties(self, message: Message, path: str) -> Message | None:
        found = self.advertisement() if path == ADVERTISED else self.objects().get(path)
        if found is None or not message.body or message.body[0] not in found:
            return None
        properties = found[message.body[0]]
        if message.member == "GetAll":
            return Message.new_method_return(message, "a{sv}", [properties])
        if message.member == "Get" and message.body[1] in properties:
            return Message.new_method_return(message, "v", [properties[message.body[1]]])
        return None

    def _called(self, message: Message, one: Characteristic) -> Message:
        match message.member:
            case "ReadValue" if "read" in one.flags:
                return Message.new_method_return(message, "ay", [_rest(one.value, message.body)])
            case "StartNotify" if "notify" in one.flags:
                one.notifying = True
            case "StopNotify" if "notify" in one.flags:
                one.notifying = False
            case "ReadValue" | "WriteValue":
                name = "org.bluez.Error.NotPermitted"
                return Message.new_error(message, name, "it can be notified only")
            case _:
                name = "org.bluez.Error.NotSupported"
                return Message.new_error(message, name, "not offered")
        return Message.new_method_return(message)

    def changed(self, one: Characteristic, value: bytes) -> Message:
        """The signal by which BlueZ sends ``value`` to whoever has subscribed."""
        one.value = value
        return Message(
            message_type=MessageType.SIGNAL,
            path=one.path,
            interface=PROPERTIES,
            member="PropertiesChanged",
            signature="sa{sv}as",
            body=[CHARACTERISTIC, {"Value": Variant("ay", value)}, []],
        )


def _rest(value: bytes, body: Sequence[Any]) -> bytes:
    """A value from the offset in BlueZ's options on: a long read asks in parts."""
    options = body[0] if body and isinstance(body[0], dict) else {}
    offset = options.get("offset")
    return value[offset.value :] if isinstance(offset, Variant) else value
