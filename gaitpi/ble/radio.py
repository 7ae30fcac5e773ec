"""BlueZ through bleak: looking, connecting, subscribing, each with a time limit.

Whatever goes wrong becomes a :class:`~gaitpi.ble.trouble.Trouble` in a :class:`RadioError`; bleak
is loaded when it is first needed, so that where it is not installed that is told the same way.

What was looked up in bleak 3.1 for this (bleak/backends/bluezdbus): a link that ended leaves its
D-Bus connection open until ``disconnect`` is called; a connect that is cancelled waits for the
answer to its own Disconnect; a device that another process left connected announces nothing, but is
among the connected ones.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gaitpi.ble import deviceinfo, trouble, uuids
from gaitpi.ble.readings import Role
from gaitpi.ble.trouble import Trouble
from gaitpi.errors import GaitpiError, MeasurementError

if TYPE_CHECKING:
    from bleak import BleakClient
    from bleak.backends.characteristic import BleakGATTCharacteristic
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData
    from bleak.backends.service import BleakGATTServiceCollection

GRACE_S: Final = 1.5
"""What was cancelled has so long to tidy up, s."""
SERVICE: Final[dict[Role, int]] = {"heart": uuids.HEART_RATE, "pod": uuids.RUNNING_SPEED}
MEASUREMENT: Final[dict[Role, int]] = {
    "heart": uuids.HEART_RATE_MEASUREMENT,
    "pod": uuids.RSC_MEASUREMENT,
}
SERVICES: Final = [uuids.full(number) for number in SERVICE.values()]
_RFKILL: Final = Path("/sys/class/rfkill")

T = TypeVar("T")
OnData = Callable[[float, bytes], None]
"""A notification: CLOCK_MONOTONIC when it came in, and its bytes."""


class RadioError(GaitpiError):
    """What was asked of the radio did not work."""

    def __init__(self, problem: Trouble) -> None:
        super().__init__(problem.found, problem.todo)
        self.trouble = problem


@dataclass(frozen=True, slots=True)
class Limits:
    """What takes longer hangs, s."""

    call_s: float = 4.0
    """A call to BlueZ: StartDiscovery takes up to one on a busy Pi."""
    device_s: float = 3.0
    """A subscription or a reading: the device has to answer, and one that does not is no fault of
    BlueZ."""


USUAL: Final = Limits()


async def limited(
    work: "Coroutine[Any, Any, T] | asyncio.Future[T]",
    seconds: float,
    late: Trouble = trouble.HUNG,
) -> T:
    """``work``, for at most ``seconds``. Raises RadioError.

    Not ``asyncio.timeout``: what is cancelled may itself wait for a bus that does not answer.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        for _ in range(3):  # each ends one wait: that for the answer, that of the tidying up
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=GRACE_S)
            if done:
                break
        else:
            task.add_done_callback(_swallow)
        if done and not task.cancelled() and task.exception() is None:
            return task.result()  # it was just about to be done
        raise RadioError(late)
    try:
        return task.result()
    except asyncio.CancelledError:
        raise RadioError(late) from None
    except Exception as error:
        raise RadioError(trouble_of(error)) from error


def _swallow(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()


def blocked(rfkill: Path = _RFKILL) -> bool:
    """Whether a switch of the kernel or of the case keeps Bluetooth off."""
    for switch in rfkill.glob("rfkill*"):
        with contextlib.suppress(OSError):
            if (switch / "type").read_text().strip() == "bluetooth" and "1" in (
                (switch / "soft").read_text().strip(),
                (switch / "hard").read_text().strip(),
            ):
                return True
    return False


_BY_NAME: Final = {
    "org.freedesktop.DBus.Error.ServiceUnknown": trouble.NO_BLUEZ,
    "org.freedesktop.DBus.Error.NameHasNoOwner": trouble.NO_BLUEZ,
    "org.freedesktop.DBus.Error.AccessDenied": trouble.DENIED,
    "org.freedesktop.DBus.Error.AuthFailed": trouble.DENIED,
    "org.freedesktop.DBus.Error.NoReply": trouble.HUNG,
    "org.freedesktop.DBus.Error.Timeout": trouble.HUNG,
    "org.freedesktop.DBus.Error.TimedOut": trouble.NO_BLUEZ,
    "org.freedesktop.DBus.Error.Disconnected": trouble.NO_DBUS,
    "org.freedesktop.DBus.Error.UnknownObject": trouble.NOT_SEEN,
    "org.freedesktop.DBus.Error.UnknownMethod": trouble.NOT_SEEN,
    "org.bluez.Error.DoesNotExist": trouble.NOT_SEEN,
    "org.bluez.Error.NotAvailable": trouble.REFUSED,
    "org.bluez.Error.NotPermitted": trouble.NEEDS_BOND,
    "org.bluez.Error.NotAuthorized": trouble.NEEDS_BOND,
    "org.bluez.Error.AuthenticationFailed": trouble.NEEDS_BOND,
    "org.bluez.Error.AuthenticationCanceled": trouble.NEEDS_BOND,
    "org.bluez.Error.AuthenticationRejected": trouble.NEEDS_BOND,
    "org.bluez.Error.AuthenticationTimeout": trouble.NEEDS_BOND,
}
_BEGINNING: Final = {
    "org.freedesktop.DBus.Error.Spawn.": trouble.NO_BLUEZ,
    "org.freedesktop.systemd1.": trouble.NO_BLUEZ,
}
_WANTS_BOND: Final = (0x05, 0x08, 0x0C, 0x0F)
"""ATT errors: insufficient authentication, authorization, key size, encryption."""


def trouble_of(error: BaseException) -> Trouble:
    """An error of bleak, dbus_fast or the system in words."""
    if isinstance(error, RadioError):
        return error.trouble
    if isinstance(error, ImportError):
        return trouble.NO_BLEAK
    name = str(getattr(error, "dbus_error", "") or "")
    if name == "org.bluez.Error.NotReady":
        return trouble.BLOCKED if blocked() else trouble.ADAPTER_OFF
    if name in _BY_NAME:
        return _BY_NAME[name]
    for beginning, problem in _BEGINNING.items():
        if name.startswith(beginning):
            return problem
    if getattr(error, "code", None) in _WANTS_BOND:
        return trouble.NEEDS_BOND
    reason = getattr(getattr(error, "reason", None), "name", "")
    if reason:
        return _unavailable(reason)
    return _other(error)


def _unavailable(reason: str) -> Trouble:
    """Why there is no Bluetooth, by bleak's own word."""
    if reason == "POWERED_OFF":
        return trouble.BLOCKED if blocked() else trouble.ADAPTER_OFF
    if reason == "NO_BLE_CENTRAL_ROLE":
        return trouble.NO_CENTRAL
    return trouble.DENIED if reason.startswith("DENIED") else trouble.NO_ADAPTER


def _other(error: BaseException) -> Trouble:
    kind = type(error).__name__
    if kind == "BleakDeviceNotFoundError":
        return trouble.NOT_SEEN
    if kind == "AuthError":
        return trouble.DENIED
    if isinstance(error, (OSError, EOFError)) or kind == "InvalidAddressError":
        return trouble.NO_DBUS
    text = str(error)
    if text.startswith("adapter '"):
        return trouble.no_such_adapter(text.split("'")[1])
    return trouble.NOT_SEEN if text.startswith("device '") else trouble.REFUSED


@dataclass(frozen=True, slots=True)
class Heard:
    """A device that announces itself."""

    device: "BLEDevice"
    name: str
    rssi: int | None
    services: tuple[str, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """What it says it measures."""
        return tuple(
            role for role, number in SERVICE.items() if uuids.full(number) in self.services
        )


class Radio:
    """One adapter: ``hciX``, or the first that is on."""

    def __init__(self, adapter: str = "", limits: Limits = USUAL) -> None:
        self.adapter = adapter
        self.limits = limits
        self.restarted = False
        """BlueZ was started anew since: what bleak remembers as connected is not."""

    async def look(
        self,
        heard: Callable[[Heard], bool],
        *,
        seconds: float,
        announced: bool = True,
    ) -> None:
        """Look for ``seconds``, or until ``heard`` returns True. Raises RadioError.

        ``announced``: only for devices that name one of the two services. A device that is
        connected already is told too: it does not announce itself.
        """
        done = asyncio.Event()

        def found(device: "BLEDevice", advertisement: "AdvertisementData") -> None:
            rssi = advertisement.rssi if advertisement.rssi > -127 else None
            uuids_ = tuple(sorted({uuid.lower() for uuid in advertisement.service_uuids[:64]}))
            if heard(Heard(device, deviceinfo.short(device.name or ""), rssi, uuids_)):
                done.set()

        adapter = await limited(self._chosen(), self.limits.call_s)
        try:
            scanner = await limited(_scanner(found, announced, adapter), self.limits.call_s)
            for device in await limited(_connected(adapter), self.limits.call_s):
                props = device.details["props"]
                uuids_ = tuple(sorted({uuid.lower() for uuid in props.get("UUIDs", [])[:64]}))
                name = deviceinfo.short(device.name or "")
                if not self.restarted and heard(Heard(device, name, None, uuids_)):
                    return
            await limited(scanner.start(), self.limits.call_s)
        except RadioError as error:
            if error.trouble is trouble.NOT_SEEN:  # the object that is unknown is the adapter
                raise RadioError(trouble.NO_ADAPTER) from error
            raise
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await done.wait()
        finally:
            with contextlib.suppress(RadioError):
                await limited(scanner.stop(), self.limits.call_s)

    async def connect(
        self,
        device: "BLEDevice",
        role: Role,
        ended: Callable[[], None],
        *,
        seconds: float,
        bond: bool = False,
    ) -> "Connection":
        """Connect a device that was heard, and find its services. Raises RadioError.

        ``bond``: pair it in the sense of Bluetooth first, where it is not.
        """
        connection = await self.link(
            device, role, ended, link_s=seconds, seconds=seconds, bond=bond
        )
        try:
            await connection.resolve()
        except BaseException:
            await asyncio.shield(connection.close())
            raise
        return connection

    async def link(
        self,
        device: "BLEDevice",
        role: Role,
        ended: Callable[[], None],
        *,
        link_s: float,
        seconds: float,
        bond: bool = False,
    ) -> "Connection":
        """The same, as far as the link: until here nobody else can look or connect.

        What follows, :meth:`Connection.resolve`, is between BlueZ and the device. The link may take
        ``link_s``, both together ``seconds``. Raises RadioError.
        """
        client = await limited(_client(device, ended, seconds, bond), self.limits.call_s)
        connecting = asyncio.ensure_future(client.connect())
        until_s = time.monotonic() + seconds
        connection = Connection(role, client, self.limits, connecting=connecting, until_s=until_s)
        stands = asyncio.ensure_future(_stands(device.details["path"]))
        try:
            await asyncio.wait(
                (connecting, stands), timeout=link_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not stands.done() or connecting.done():
                await limited(connecting, 0.0, trouble.REFUSED)
        except BaseException:
            connecting.cancel()
            await asyncio.shield(connection.close())
            raise
        finally:
            stands.cancel()
        return connection

    async def _chosen(self) -> str:
        """The adapter to use: the lowest of those that are on, "" where BlueZ shows none.

        bleak takes any of several, and tells a BlueZ that is gone as one without an adapter. Raises
        RadioError where BlueZ does not run.
        """
        from dbus_fast import BusType, MessageType
        from dbus_fast.aio import MessageBus

        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            await bus.connect()
            reply = await bus.call(_of_bus("NameHasOwner", _BLUEZ))
            if reply is not None and reply.body == [False]:
                raise RadioError(trouble.NO_BLUEZ)
            if self.adapter:
                return self.adapter
            reply = await bus.call(_of_bluez("/", _OBJECTS, "GetManagedObjects"))
            if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
                return ""  # bleak is about to be told the same, and says what it is
            return first_on(reply.body[0])
        finally:
            bus.disconnect()

    async def unbond(self, address: str) -> None:
        """Have BlueZ end its bond with a device; nothing where it has none. Raises RadioError."""
        await limited(_unbond(address), self.limits.call_s)

    async def watch(self, gone: Callable[[], None]) -> None:
        """Tell each time BlueZ is gone, as long as the bus lives. Raises RadioError."""
        bus = await limited(_watched(gone), self.limits.call_s)
        try:
            with contextlib.suppress(Exception):
                await bus.wait_for_disconnect()
        finally:
            bus.disconnect()


_BLUEZ: Final = "org.bluez"
_OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_ADAPTER: Final = "org.bluez.Adapter1"
_DEVICE: Final = "org.bluez.Device1"
STANDS_S: Final = 0.1
"""How often BlueZ is asked whether a link stands, s."""


async def _stands(path: str) -> None:
    """Ends when BlueZ says that a device is connected; where it does not say it, never.

    bleak tells a connection when all services are known, which is later.
    """
    from dbus_fast import BusType, MessageType
    from dbus_fast.aio import MessageBus

    bus = None
    try:
        bus = MessageBus(bus_type=BusType.SYSTEM)
        await bus.connect()
        while True:
            reply = await bus.call(_of_bluez(path, _PROPERTIES, "Get", "ss", _DEVICE, "Connected"))
            if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
                break
            if reply.body[0].value is True:
                return
            await asyncio.sleep(STANDS_S)
    except Exception:
        pass  # who connects is told of it
    finally:
        if bus is not None:
            bus.disconnect()
    await asyncio.Event().wait()


def _of_bluez(path: str, interface: str, member: str, signature: str = "", *body: Any) -> Any:
    """A call of BlueZ."""
    from dbus_fast import Message

    return Message(
        destination=_BLUEZ,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=list(body),
    )


def _of_bus(member: str, argument: str) -> Any:
    """A call of the bus itself."""
    from dbus_fast import Message

    return Message(
        destination="org.freedesktop.DBus",
        path="/org/freedesktop/DBus",
        interface="org.freedesktop.DBus",
        member=member,
        signature="s",
        body=[argument],
    )


async def _unbond(address: str) -> None:
    """On whichever adapter the bond is."""
    from bleak.exc import BleakDBusError
    from dbus_fast import BusType, MessageType
    from dbus_fast.aio import MessageBus

    bus = MessageBus(bus_type=BusType.SYSTEM)

    async def call(message: Any) -> Any:
        reply = await bus.call(message)
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            error = "" if reply is None else reply.error_name or ""
            raise BleakDBusError(error, [] if reply is None else reply.body)
        return reply.body[0] if reply.body else None

    try:
        await bus.connect()
        objects = await call(_of_bluez("/", _OBJECTS, "GetManagedObjects"))
        for path, interfaces in objects.items():
            told = {name: one.value for name, one in interfaces.get(_DEVICE, {}).items()}
            if told.get("Address") == address and (told.get("Paired") or told.get("Bonded")):
                await call(_of_bluez(told["Adapter"], _ADAPTER, "RemoveDevice", "o", path))
    finally:
        bus.disconnect()


async def _watched(gone: Callable[[], None]) -> Any:
    """A connection to the bus that calls ``gone`` when BlueZ has let go of its name."""
    from dbus_fast import BusType
    from dbus_fast.aio import MessageBus

    def heard(message: Any) -> None:
        # name, owner before, owner now
        if message.member == "NameOwnerChanged" and message.body[::2] == [_BLUEZ, ""]:
            gone()

    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await bus.connect()
        bus.add_message_handler(heard)
        rule = (
            f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{_BLUEZ}'"
        )
        await bus.call(_of_bus("AddMatch", rule))
    except BaseException:
        bus.disconnect()
        raise
    return bus


def first_on(objects: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The lowest adapter that is on, of what BlueZ shows; "" without one."""
    found = []
    for path, interfaces in objects.items():
        on = interfaces.get(_ADAPTER, {}).get("Powered")
        name = path.rpartition("/")[2]
        if on is not None and on.value and name.removeprefix("hci").isdigit():
            found.append((int(name.removeprefix("hci")), name))
    return min(found)[1] if found else ""


def _options(adapter: str) -> Any:
    return {"adapter": adapter} if adapter else {}


async def _scanner(found: Any, announced: bool, adapter: str) -> Any:
    from bleak import BleakScanner

    services = SERVICES if announced else None
    return BleakScanner(found, service_uuids=services, bluez=_options(adapter))


async def _connected(adapter: str) -> "list[BLEDevice]":
    from bleak import BleakAdapter

    found = await BleakAdapter.get(bluez=_options(adapter))
    return await found.get_connected_devices(SERVICES)


@dataclass(slots=True)
class Connection:
    """A device that is connected. ``ended`` is called once, when it is no more."""

    role: Role
    client: "BleakClient"
    limits: Limits = USUAL
    measurement: "BleakGATTCharacteristic | None" = None
    connecting: "asyncio.Future[None] | None" = None
    """What still asks for its services, until ``until_s`` (CLOCK_MONOTONIC) at most."""
    until_s: float = 0.0

    async def resolve(self) -> None:
        """Wait until its services are known. Raises RadioError."""
        if self.connecting is not None:
            left_s = max(0.0, self.until_s - time.monotonic())
            await limited(self.connecting, left_s, trouble.NO_ANSWER)

    @property
    def services(self) -> tuple[str, ...]:
        """UUIDs of what it serves. Raises RadioError."""
        return tuple(sorted({s.uuid.lower() for s in self._known()}))[:64]

    def _known(self) -> "BleakGATTServiceCollection":
        """What it serves. Raises RadioError: bleak forgets it in the moment a link breaks."""
        try:
            return self.client.services
        except Exception as error:
            raise RadioError(trouble_of(error)) from error

    async def subscribe(self, on_data: OnData) -> None:
        """Have its measurements told. Raises RadioError."""
        found = self.characteristic(MEASUREMENT[self.role], "notify", "indicate")
        if found is None:
            raise RadioError(trouble.NO_SERVICE)
        self.measurement = found
        await limited(self._start(found, on_data), self.limits.device_s, trouble.NO_ANSWER)

    async def resubscribe(self, on_data: OnData) -> None:
        """Stop and start it anew. Raises RadioError."""
        if self.measurement is None:
            raise RadioError(trouble.NO_SERVICE)
        await limited(
            self.client.stop_notify(self.measurement), self.limits.device_s, trouble.NO_ANSWER
        )
        await limited(
            self._start(self.measurement, on_data), self.limits.device_s, trouble.NO_ANSWER
        )

    async def _start(self, characteristic: "BleakGATTCharacteristic", on_data: OnData) -> None:
        def told(_: object, data: bytearray) -> None:
            on_data(time.monotonic(), bytes(data))

        await self.client.start_notify(characteristic, told)

    async def battery(self, on_level: Callable[[int], None]) -> None:
        """Read the battery level and have its changes told. Raises RadioError."""
        found = self.characteristic(uuids.BATTERY_LEVEL, "read", "notify")
        if found is None:
            return

        def level(_: float, data: bytes) -> None:
            with contextlib.suppress(MeasurementError):
                on_level(deviceinfo.battery(data))

        if "read" in found.properties:
            level(
                0.0,
                bytes(
                    await limited(
                        self.client.read_gatt_char(found), self.limits.device_s, trouble.NO_ANSWER
                    )
                ),
            )
        if "notify" in found.properties:
            await limited(self._start(found, level), self.limits.device_s, trouble.NO_ANSWER)

    async def read(self, number: int) -> bytes:
        """The value of a characteristic; empty where there is none. Raises RadioError."""
        found = self.characteristic(number, "read")
        if found is None:
            return b""
        return bytes(
            await limited(
                self.client.read_gatt_char(found), self.limits.device_s, trouble.NO_ANSWER
            )
        )

    async def close(self) -> None:
        """End the link, and free what bleak holds for it."""
        with contextlib.suppress(RadioError):
            await limited(self.client.disconnect(), self.limits.call_s, trouble.NO_ANSWER)

    def characteristic(self, number: int, *flags: str) -> "BleakGATTCharacteristic | None":
        """The first with that number and one of the flags: a device may have several.

        Raises RadioError.
        """
        uuid = uuids.full(number)
        for found in self._known().characteristics.values():
            if found.uuid.lower() == uuid and any(flag in found.properties for flag in flags):
                return found
        return None


async def _client(
    device: "BLEDevice", ended: Callable[[], None], seconds: float, bond: bool
) -> "BleakClient":
    from bleak import BleakClient

    # bleak's own limit is behind ours: only ours ends what hangs while it tidies up
    return BleakClient(device, lambda _: ended(), timeout=2 * seconds, pair=bond)
