"""A small BlueZ on a private D-Bus, for bleak: adapter, devices, GATT; every fault on demand.

A program: ``python -m tests.ble.fakebluez`` with ``DBUS_SYSTEM_BUS_ADDRESS`` set. It is told what
to do by lines of JSON on its standard input, ``{"do": "drop", "address": ...}``, and answers each
with one; what can be done are the methods of :class:`Bluez` whose names begin with ``do_``. It
knows of BlueZ what a central sees: objects that come and go, properties that change, and errors by
BlueZ's names.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.ble.fakeserving import ADVERTISING, GATT, BluezError, Serving

ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
SERVICE: Final = "org.bluez.GattService1"
CHARACTERISTIC: Final = "org.bluez.GattCharacteristic1"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
MANAGER: Final = "org.freedesktop.DBus.ObjectManager"
ROUND_S: Final = 0.1
"""How often devices announce themselves, s."""

Call = Callable[[Message], Awaitable[tuple[str, list[Any]]]]


def full(number: int) -> str:
    """The UUID of an assigned number."""
    return f"{number:08x}-0000-1000-8000-00805f9b34fb"


class Objects:
    """What is on the bus below ``/org/bluez``."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.tree: dict[str, dict[str, dict[str, Variant]]] = {}
        self.sent = 0

    async def add(self, path: str, interface: str, properties: dict[str, Variant]) -> None:
        self.tree.setdefault(path, {})[interface] = properties
        await self._signal("/", MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, self.tree[path]])

    async def remove(self, path: str) -> None:
        """The object and all below it."""
        for one in sorted(self.tree, reverse=True):
            if one == path or one.startswith(path + "/"):
                names = list(self.tree.pop(one))
                await self._signal("/", MANAGER, "InterfacesRemoved", "oas", [one, names])

    async def change(self, path: str, interface: str, **properties: Variant) -> None:
        if path in self.tree:
            self.tree[path][interface].update(properties)
            body = [interface, properties, []]
            await self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def get(self, path: str, interface: str, name: str) -> Any:
        return self.tree[path][interface][name].value

    async def _signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        self.sent += 1
        if self.sent % 40 == 0:
            await asyncio.sleep(0.015)  # dbus_fast dies of a socket that is full
        await self.bus.send(
            Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
            )
        )


class Device:
    """A strap or a pod."""

    def __init__(self, given: dict[str, Any], adapter: str) -> None:
        self.address: str = given["address"]
        self.name: str = given.get("name", self.address)
        self.adapter = adapter
        self.path = f"{adapter}/dev_{self.address.replace(':', '_')}"
        # [service, [[characteristic, flags, value in hex], ...]], ...
        self.services: list[tuple[int, list[tuple[int, list[str], str]]]] = given["services"]
        self.announced: list[int] = given.get("announced", [s for s, _ in self.services])
        self.reach: bool = given.get("reach", True)
        self.refuses: int = given.get("refuses", 0)
        self.resolves: bool = given.get("resolves", True)
        """False: it links, and then says nothing of its services."""
        self.wants_bond: bool = given.get("wants_bond", False)
        self.bonded = False
        self.connected = False
        self.deaf: str = ""
        """"subscribed": sends nothing until subscribed anew; "connected": until connected anew."""
        self.there = asyncio.Event()
        self.gives_up = asyncio.Event()
        self.beat: asyncio.Task[None] | None = None
        self.late_s: float = given.get("late_s", 0.0)
        """It announces itself so long after somebody begins to look, s."""
        self.ends_after_s: float = given.get("ends_after_s", 0.0)
        """It ends each link after so long, s; 0 never."""
        self.calls: list[str] = []

    def properties(self) -> dict[str, Variant]:
        return {
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", self.name),
            "Name": Variant("s", self.name),
            "Paired": Variant("b", self.bonded),
            "Bonded": Variant("b", self.bonded),
            "Trusted": Variant("b", False),
            "Blocked": Variant("b", False),
            "LegacyPairing": Variant("b", False),
            "Connected": Variant("b", False),
            "ServicesResolved": Variant("b", False),
            "UUIDs": Variant("as", [full(number) for number in self.announced]),
            "Adapter": Variant("o", self.adapter),
        }


class Bluez(Serving):
    """The service and what it is told to do."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.objects = Objects(bus)
        self.adapter = "/org/bluez/hci0"
        self.powered = True
        self.devices: dict[str, Device] = {}
        self.filter: list[str] = []
        self.discoverers: set[str] = set()
        self.found: set[str] = set()
        self.hangs: set[str] = set()
        """Methods that are never answered; with an address behind, of that device."""
        self.fails: dict[str, str] = {}
        """Methods, and the error they end with."""
        self.windows = 0
        """How often it was looked."""
        self.looked_s = 0.0
        """When that began last."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.begin_serving()

    # -- D-Bus

    def handle(self, message: Message) -> Message | bool | None:
        """A message that came in; True: it is answered later."""
        if message.message_type is MessageType.SIGNAL:
            self.signalled(message)
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        method = getattr(self, f"call_{message.member}", None)
        if message.interface == MANAGER:
            method = self.managed
        elif message.interface == PROPERTIES:
            method = self.properties
        if method is None or message.interface == "org.freedesktop.DBus.Peer":
            return None
        if self.hung(message):
            return True
        self.spawn(self.answer(message, method))
        return True

    def hung(self, message: Message) -> bool:
        for one in self.hangs:
            member, _, address = one.partition(" ")
            if member == message.member and address.replace(":", "_") in str(message.path):
                return True
        return False

    def spawn(self, work: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def answer(self, message: Message, method: Call) -> None:
        try:
            if message.interface not in (MANAGER, PROPERTIES) and (
                message.path not in self.objects.tree
                or message.interface not in self.objects.tree[message.path]
            ):
                raise BluezError("org.freedesktop.DBus.Error.UnknownObject", "no such object")
            if message.member in self.fails:
                raise BluezError(self.fails[message.member], "it was told to fail")
            signature, body = await method(message)
            reply = Message.new_method_return(message, signature, body)
        except BluezError as error:
            reply = Message.new_error(message, error.name, str(error))
        await self.bus.send(reply)

    async def managed(self, _message: Message) -> tuple[str, list[Any]]:
        return "a{oa{sa{sv}}}", [self.objects.tree]

    async def properties(self, message: Message) -> tuple[str, list[Any]]:
        found = self.objects.tree.get(message.path or "", {}).get(message.body[0], {})
        if message.member == "GetAll":
            return "a{sv}", [found]
        if message.body[1] not in found:
            raise BluezError("org.freedesktop.DBus.Error.InvalidArgs", "no such property")
        if message.member == "Get":
            return "v", [found[message.body[1]]]
        await self.objects.change(
            str(message.path), message.body[0], **{message.body[1]: message.body[2]}
        )
        return "", []

    # -- org.bluez.Adapter1

    async def call_SetDiscoveryFilter(self, message: Message) -> tuple[str, list[Any]]:
        given = message.body[0].get("UUIDs")
        self.filter = given.value if given else []
        return "", []

    async def call_StartDiscovery(self, message: Message) -> tuple[str, list[Any]]:
        if not self.powered:
            raise BluezError("NotReady", "Resource Not Ready")
        self.discoverers.add(str(message.sender))
        self.found.clear()
        self.windows += 1
        self.looked_s = time.monotonic()
        await self.objects.change(self.adapter, ADAPTER, Discovering=Variant("b", True))
        return "", []

    async def call_StopDiscovery(self, message: Message) -> tuple[str, list[Any]]:
        if str(message.sender) not in self.discoverers:
            raise BluezError("Failed", "No discovery started")
        self.discoverers.discard(str(message.sender))
        await self.objects.change(self.adapter, ADAPTER, Discovering=Variant("b", False))
        return "", []

    async def call_RemoveDevice(self, message: Message) -> tuple[str, list[Any]]:
        for device in self.devices.values():
            if device.path == message.body[0]:
                await self.end(device)
                device.bonded = False
        await self.objects.remove(message.body[0])
        return "", []

    # -- org.bluez.Device1

    def of(self, message: Message) -> Device:
        return next(d for d in self.devices.values() if str(message.path).startswith(d.path))

    async def call_Connect(self, message: Message) -> tuple[str, list[Any]]:
        device = self.of(message)
        device.calls.append("Connect")
        device.gives_up.clear()
        if not self.powered:
            raise BluezError("NotReady", "Resource Not Ready")
        waits = [asyncio.ensure_future(e.wait()) for e in (device.there, device.gives_up)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=20.0)
        for one in waits:
            one.cancel()
        if not device.there.is_set():
            raise BluezError("Failed", "le-connection-canceled")
        if device.refuses:
            device.refuses -= 1
            raise BluezError("Failed", "le-connection-timeout")
        device.connected = True
        if device.deaf == "connected":
            device.deaf = ""
        await self.objects.change(device.path, DEVICE, Connected=Variant("b", True))
        if not device.resolves:
            await device.gives_up.wait()
            raise BluezError("Failed", "le-connection-canceled")
        await self.resolve(device)
        if device.ends_after_s:
            self.spawn(self.end_later(device))
        return "", []

    async def end_later(self, device: Device) -> None:
        await asyncio.sleep(device.ends_after_s)
        await self.end(device)

    async def resolve(self, device: Device) -> None:
        handle = 1
        for number, characteristics in device.services:
            service = f"{device.path}/service{handle:04x}"
            await self.objects.add(
                service,
                SERVICE,
                {
                    "UUID": Variant("s", full(number)),
                    "Device": Variant("o", device.path),
                    "Primary": Variant("b", True),
                },
            )
            for uuid, flags, value in characteristics:
                handle += 2
                await self.objects.add(
                    f"{service}/char{handle:04x}",
                    CHARACTERISTIC,
                    {
                        "UUID": Variant("s", full(uuid)),
                        "Service": Variant("o", service),
                        "Value": Variant("ay", bytes.fromhex(value)),
                        "Notifying": Variant("b", False),
                        "Flags": Variant("as", flags),
                        "MTU": Variant("q", 247),
                    },
                )
            handle += 1
        await self.objects.change(device.path, DEVICE, ServicesResolved=Variant("b", True))

    async def call_Disconnect(self, message: Message) -> tuple[str, list[Any]]:
        device = self.of(message)
        device.calls.append("Disconnect")
        device.gives_up.set()
        await self.end(device)
        return "", []

    async def call_Pair(self, message: Message) -> tuple[str, list[Any]]:
        device = self.of(message)
        device.calls.append("Pair")
        device.bonded = True
        await self.objects.change(
            device.path, DEVICE, Paired=Variant("b", True), Bonded=Variant("b", True)
        )
        if not device.connected:
            await self.call_Connect(message)
        return "", []

    async def end(self, device: Device) -> None:
        if not device.connected:
            return
        device.connected = False
        for path in [p for p in self.objects.tree if p.startswith(device.path + "/service")]:
            if path in self.objects.tree:
                await self.objects.remove(path)
        await self.objects.change(
            device.path,
            DEVICE,
            Connected=Variant("b", False),
            ServicesResolved=Variant("b", False),
        )

    # -- org.bluez.GattCharacteristic1

    async def call_StartNotify(self, message: Message) -> tuple[str, list[Any]]:
        device = self.of(message)
        device.calls.append("StartNotify")
        if device.wants_bond and not device.bonded:
            raise BluezError("NotPermitted", "Not paired")
        if device.deaf == "subscribed":
            device.deaf = ""
        await self.objects.change(str(message.path), CHARACTERISTIC, Notifying=Variant("b", True))
        return "", []

    async def call_StopNotify(self, message: Message) -> tuple[str, list[Any]]:
        self.of(message).calls.append("StopNotify")
        await self.objects.change(str(message.path), CHARACTERISTIC, Notifying=Variant("b", False))
        return "", []

    async def call_ReadValue(self, message: Message) -> tuple[str, list[Any]]:
        return "ay", [self.objects.get(str(message.path), CHARACTERISTIC, "Value")]

    # -- what a test says

    async def do_device(self, **given: Any) -> None:
        """A device: its fields are those of :class:`Device`."""
        device = Device(given, self.adapter)
        self.devices[device.address] = device
        if device.reach:
            device.there.set()

    async def do_reach(self, address: str, reach: bool) -> None:
        """It comes into reach, or goes out of it; its link breaks."""
        device = self.devices[address]
        device.reach = reach
        if reach:
            device.there.set()
            return
        device.there.clear()
        await self.end(device)

    async def do_drop(self, address: str) -> None:
        """It ends the link, and can be connected again at once."""
        await self.end(self.devices[address])

    async def do_set(self, address: str, **fields: Any) -> None:
        """Change fields of a device: refuses, deaf, wants_bond, ends_after_s ..."""
        for name, value in fields.items():
            setattr(self.devices[address], name, value)

    async def do_notify(self, address: str, uuid: int, values: list[str], times: int = 1) -> None:
        """Send values (hex) as fast as it goes, ``times`` times."""
        for _ in range(times):
            for value in values:
                await self.send(self.devices[address], uuid, bytes.fromhex(value))
            await asyncio.sleep(0)

    async def do_beat(
        self, address: str, uuid: int, values: list[str], every_s: float = 1.0
    ) -> None:
        """Send the values in turn, one every ``every_s``; none: no more."""
        device = self.devices[address]
        if device.beat is not None:
            device.beat.cancel()
        device.beat = self.spawn(self.beats(device, uuid, values, every_s)) if values else None

    async def beats(self, device: Device, uuid: int, values: list[str], every_s: float) -> None:
        while True:
            for value in values:
                await self.send(device, uuid, bytes.fromhex(value))
                await asyncio.sleep(every_s)

    async def send(self, device: Device, uuid: int, value: bytes) -> None:
        if device.deaf or not device.connected:
            return
        for path, interfaces in list(self.objects.tree.items()):
            found = interfaces.get(CHARACTERISTIC)
            if (
                found is not None
                and path.startswith(device.path)
                and found["UUID"].value == full(uuid)
                and found["Notifying"].value
            ):
                await self.objects.change(path, CHARACTERISTIC, Value=Variant("ay", value))

    async def do_adapter(
        self, there: bool = True, powered: bool = True, serves: bool = True
    ) -> None:
        """The adapter comes, goes, or is switched; one that ``serves`` can be a peripheral."""
        self.powered = powered
        if not there:
            for device in self.devices.values():
                device.connected = False  # as BlueZ does it: the objects go, nothing else is said
            await self.objects.remove(self.adapter)
            self.discoverers.clear()
        elif self.adapter not in self.objects.tree:
            await self.objects.add(
                self.adapter,
                ADAPTER,
                {
                    "Address": Variant("s", "B8:27:EB:00:00:01"),
                    "AddressType": Variant("s", "public"),
                    "Name": Variant("s", "belt"),
                    "Alias": Variant("s", "belt"),
                    "Powered": Variant("b", powered),
                    "Discovering": Variant("b", False),
                    "Roles": Variant("as", ["central", "peripheral"]),
                    "UUIDs": Variant("as", []),
                },
            )
            for interface in (GATT, ADVERTISING) if serves else ():
                await self.objects.add(self.adapter, interface, {})
        else:
            await self.objects.change(self.adapter, ADAPTER, Powered=Variant("b", powered))

    async def do_hang(self, methods: list[str]) -> None:
        """These are never answered, until told otherwise."""
        self.hangs = set(methods)

    async def do_fail(self, **methods: str) -> None:
        """These end with an error, until told otherwise."""
        self.fails = dict(methods)

    async def do_tell(self, address: str = "") -> dict[str, Any]:
        """What happened: how often it was looked, what was called of a device."""
        device = self.devices.get(address)
        return {
            "windows": self.windows,
            "looking": bool(self.discoverers),
            "calls": device.calls if device else [],
            "connected": device.connected if device else False,
            "bonded": device.bonded if device else False,
        }

    # -- announcements

    async def announce(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            if not self.discoverers or self.adapter not in self.objects.tree:
                continue
            for device in list(self.devices.values()):
                awake = time.monotonic() >= self.looked_s + device.late_s
                heard = device.reach and not device.connected and awake
                matches = not self.filter or any(
                    full(number) in self.filter for number in device.announced
                )
                if not heard or not matches or device.address in self.found:
                    continue
                self.found.add(device.address)
                if device.path not in self.objects.tree:
                    properties = device.properties() | {"RSSI": Variant("n", -60)}
                    await self.objects.add(device.path, DEVICE, properties)
                else:
                    await self.objects.change(device.path, DEVICE, RSSI=Variant("n", -60))


async def main() -> None:
    """Serve until standard input ends."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bluez = Bluez(bus)
    bus.add_message_handler(bluez.handle)
    await bluez.do_adapter()
    await bus.request_name("org.bluez")
    announcing = asyncio.ensure_future(bluez.announce())
    print('{"ready": true}', flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        told = await getattr(bluez, f"do_{order.pop('do')}")(**order)
        print(json.dumps(told or {}), flush=True)
    announcing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
