#!/usr/bin/env python3
"""Runs in the guest: Bluetooth controllers for the kernel, and a strap and a pod in their air.

Controllers, link layer, strap and pod are Google's bumble; the kernel gets the controllers through
/dev/vhci, and bluetoothd takes them for ordinary ones. ``radios.py FIFO LOG``: commands come
through the FIFO, one a line (:meth:`Radios.obey`); what was done and every measurement that was
handed over goes to the log, one JSON object a line, with CLOCK_MONOTONIC.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bumble import gatt, hci
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData, PhysicalTransport
from bumble.device import Device
from bumble.host import Host
from bumble.link import LocalLink

ADAPTERS: Final = {"pack": "B8:27:EB:00:00:01", "watch": "B8:27:EB:00:00:02"}
"""The pack's own controller, and that of somebody else who listens to it."""
STRAP: Final = "F0:0D:00:00:00:01"
POD: Final = "F0:0D:00:00:00:02"
LOST: Final = 0x08
"""HCI's reason for a link that nobody ended: supervision timeout."""
ADVERTISE_MS: Final = 160.0
MEETING_S: Final = 0.4
"""What a supervision timeout takes: both ends notice so long after the last packet, s."""
FLUSH_S: Final = 0.05
TRAP_END_S: Final = 3.0
"""A strap that fell silent because its wish was refused ends the link so much later, s."""
REFUSED: Final = {"interval_min": 200, "interval_max": 400, "latency": 500, "timeout": 600}
"""Parameters that Linux refuses (hci_check_conn_params: latency 499 at most)."""

Note = Callable[..., None]


class Air(LocalLink):
    """bumble's link between controllers, mended where 0.0.236 is not what a radio does."""

    def send_acl_data(
        self, sender_controller: Any, destination_address: Any, transport: Any, data: bytes
    ) -> None:
        """Data carry the address that the connection was made with, not the sender's random one:
        Linux scans with the one and connects with its public one."""
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if connection is None or receiver is None:
            return
        asyncio.get_running_loop().call_soon(
            receiver.on_link_acl_data, connection.self_address, PhysicalTransport.LE, data
        )

    def send_ll_control_pdu(self, sender_address: Any, receiver_address: Any, packet: Any) -> None:
        """What is sent to nobody is lost; it is no error of the sender's."""
        if self.find_le_controller(receiver_address) is not None:
            super().send_ll_control_pdu(sender_address, receiver_address, packet)


class Radio(Controller):
    """bumble's controller, mended likewise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pending_le_connection: Any = None
        # with either of them the kernel waits for the enhanced Connection Complete, never sent
        self.le_features &= ~(
            hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        )

    def on_hci_le_create_connection_cancel_command(self, command: Any) -> Any:
        """A connection given up ends with Connection Complete, and another one can be begun."""
        if self.pending_le_connection is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        wanted: Any = self.pending_le_connection
        self.pending_le_connection = None
        asyncio.get_running_loop().call_soon(
            self.send_hci_packet,
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=wanted.peer_address.address_type,
                peer_address=wanted.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            ),
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_reset_command(self, command: Any) -> Any:
        """A reset ends scan, advertising and links."""
        self.fall_silent()
        return super().on_hci_reset_command(command)

    def fall_silent(self) -> None:
        """Nothing is sent or heard any more; the other ends notice."""
        self.le_scan_enable = False
        self.pending_le_connection = None
        self.le_legacy_advertiser.stop()
        for connection in list(self.le_connections.values()):
            self.part(connection, ours=False)
            self.le_connections.pop(connection.peer_address, None)

    def part(self, connection: Any, *, ours: bool = True) -> None:
        """The link is lost: both ends notice by the supervision timeout."""
        other = self.link.find_le_controller(connection.peer_address)
        if ours:
            self.on_le_disconnected(connection, LOST)
        if other is not None:
            theirs = other.le_connections.get(connection.self_address)
            if theirs is not None:
                other.on_le_disconnected(theirs, LOST)


class Adapter:
    """A controller plugged into the kernel; ``close`` pulls it out again."""

    def __init__(self, air: Air, name: str, note: Note) -> None:
        self._loop = asyncio.get_running_loop()
        self._note = note
        self._name = name
        self._air = air
        self._file = os.open("/dev/vhci", os.O_RDWR | os.O_NONBLOCK)
        self.radio = Radio(name, host_sink=self, link=air, public_address=ADAPTERS[name])
        self._loop.add_reader(self._file, self._read)
        os.write(self._file, b"\xff\x00")  # a primary controller

    def on_packet(self, packet: bytes) -> None:
        """From the controller to the kernel."""
        with contextlib.suppress(OSError):
            os.write(self._file, packet)

    def _read(self) -> None:
        packet = os.read(self._file, 4096)
        if packet[:1] == b"\xff":
            self._note("plugged", who=self._name, index=int.from_bytes(packet[2:4], "little"))
        elif packet:
            self.radio.on_packet(packet)

    def close(self) -> None:
        """Out of the kernel, and out of the air."""
        self._loop.remove_reader(self._file)
        self.radio.fall_silent()
        self._air.remove_controller(self.radio)
        os.close(self._file)
        self._file = -1


class Peer:
    """A strap or a pod: advertises, is connected to, and sends what it measures."""

    service = 0
    appearance = 0
    measurement = 0

    def __init__(self, air: Air, name: str, local: str, address: str, note: Note) -> None:
        self.name = name
        self.note = note
        self.rate_hz = 1.0
        self.silent = False
        self.away = False
        self.trap_s = 0.0
        """So long after its wish for other connection parameters was refused it gives up, s; 0 it
        wishes for nothing."""
        self.numbers = itertools.count(1)
        self.rng = random.Random(name)
        self._local = local
        self._tasks: set[asyncio.Task[None]] = set()
        self.radio = Radio(name, link=air, public_address=address)
        host = Host()
        host.controller = self.radio
        self.device = Device(name=local, address=hci.Address(address), host=host)
        reads, tells = gatt.Characteristic.Properties.READ, gatt.Characteristic.Properties.NOTIFY
        readable = gatt.Characteristic.READABLE
        self.value = gatt.Characteristic(
            UUID.from_16_bits(self.measurement), tells, readable, b"\x00\x00"
        )

        def text(uuid: int, value: str) -> Any:
            return gatt.Characteristic(UUID.from_16_bits(uuid), reads, readable, value.encode())

        self.device.add_services(
            [
                gatt.Service(UUID.from_16_bits(self.service), [self.value, *self.more()]),
                gatt.Service(
                    UUID.from_16_bits(0x180A),
                    [text(0x2A29, "Bench"), text(0x2A24, f"Virtual {name}"), text(0x2A26, "1.0")],
                ),
                gatt.Service(
                    UUID.from_16_bits(0x180F),
                    [gatt.Characteristic(UUID.from_16_bits(0x2A19), reads, readable, bytes([83]))],
                ),
            ]
        )
        self.device.on("connection", self._connected)

    def more(self) -> list[Any]:
        """What else the service has."""
        return []

    def measured(self, n: int) -> tuple[bytes, dict[str, Any]]:
        """The ``n``-th measurement: its octets, and what they say in plain numbers."""
        raise NotImplementedError  # each kind of sensor says its own

    async def up(self) -> None:
        """Switch it on."""
        await self.device.power_on()
        await self._advertise()
        self.spawn(self._measure())

    def spawn(self, work: Any) -> None:
        """Run beside the others; kept until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _advertise(self) -> None:
        if self.away or self.device.connections:
            return
        data = AdvertisingData(
            [
                (AdvertisingData.FLAGS, bytes([0x06])),
                (
                    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                    struct.pack("<H", self.service),
                ),
                (AdvertisingData.APPEARANCE, struct.pack("<H", self.appearance)),
                (AdvertisingData.COMPLETE_LOCAL_NAME, self._local.encode()),
            ]
        )
        await self.device.start_advertising(
            advertising_data=bytes(data),
            advertising_interval_min=ADVERTISE_MS,
            advertising_interval_max=ADVERTISE_MS,
        )
        self.note("advertising", who=self.name)

    def _connected(self, connection: Any) -> None:
        self.note("connected", who=self.name, by=str(connection.peer_address))
        connection.on("disconnection", self._disconnected)
        if self.trap_s:
            self.spawn(self._ask(connection))

    def _disconnected(self, reason: int) -> None:
        self.note("disconnected", who=self.name, reason=int(reason))
        self.silent = False
        self.spawn(self._advertise())

    async def _ask(self, connection: Any) -> None:
        """Ask for other connection parameters; give up some time after a refusal."""
        await asyncio.sleep(1.0)
        manager = self.device.l2cap_channel_manager
        result = await manager.update_connection_parameters(connection, **REFUSED)
        self.note("parameters", who=self.name, refused=bool(result))
        if not result:
            return
        await asyncio.sleep(self.trap_s)
        if connection in self.device.connections.values():
            self.silent = True
            self.note("trap", who=self.name)
            await asyncio.sleep(TRAP_END_S)
        if connection in self.device.connections.values():
            await connection.disconnect()

    async def _measure(self) -> None:
        due = time.monotonic()
        while True:
            due += 1.0 / self.rate_hz
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - 0.5)
            if not self.silent:
                await self.send(*self.measured(next(self.numbers)))

    async def send(self, octets: bytes, what: dict[str, Any], kind: str = "sent") -> bool:
        """Notify who has subscribed, if anybody; whether somebody had."""
        server = self.device.gatt_server
        told = 0
        for connection in list(self.device.connections.values()):
            cccd = (server.subscribers.get(connection) or {}).get(self.value.handle, b"")
            if len(cccd) == 2 and cccd[0] & 1:
                self.note(kind, who=self.name, octets=octets.hex(), **what)
                await server.notify_subscriber(connection, self.value, octets)
                told += 1
        return told > 0

    # -- what can be told to it

    async def hang_up(self) -> None:
        """End the link as a device that is switched off does."""
        for connection in list(self.device.connections.values()):
            await connection.disconnect()

    async def leave(self) -> None:
        """Out of range: the link is lost, and nothing is advertised."""
        self.away = True
        self.note("left", who=self.name)
        await self.device.stop_advertising()
        await asyncio.sleep(MEETING_S)
        for connection in list(self.radio.le_connections.values()):
            self.radio.part(connection)

    async def back(self) -> None:
        """In range again."""
        self.away = False
        self.note("back", who=self.name)
        await self._advertise()

    async def storm(self, seconds: float) -> None:
        """As many measurements as go through, each another one."""
        end, sent = time.monotonic() + seconds, 0
        self.note("storm", who=self.name)
        while time.monotonic() < end and not self.away:
            if await self.send(*self.measured(next(self.numbers))):
                sent += 1
            queue = self.device.host.le_acl_packet_queue
            await asyncio.sleep(0.0 if queue is None or queue.pending < 32 else 0.005)
        self.note("storm over", who=self.name, sent=sent, seconds=seconds)

    async def malformed(self, n: int) -> None:
        """Measurements that are none: fewer octets than their flags promise, and none at all."""
        for k in range(n):
            octets, _ = self.measured(next(self.numbers))
            # in front of the RR intervals: of those cut off within, the whole ones are still true
            await self.send(octets[: k % 4], {}, "malformed")
            await asyncio.sleep(0.02)


class Strap(Peer):
    """A heart-rate strap (Heart Rate 0x180D) as a dual-mode one with RR intervals sends."""

    service, appearance, measurement = 0x180D, 0x0341, 0x2A37

    def __init__(self, air: Air, note: Note) -> None:
        super().__init__(air, "strap", "Bench Strap", STRAP, note)
        self.contact = True

    def more(self) -> list[Any]:
        """Where it is worn: on the chest."""
        return [
            gatt.Characteristic(
                UUID.from_16_bits(0x2A38),
                gatt.Characteristic.Properties.READ,
                gatt.Characteristic.READABLE,
                bytes([1]),
            )
        ]

    def measured(self, n: int) -> tuple[bytes, dict[str, Any]]:
        """Heart Rate Measurement. Its energy counts the measurements: no two are the same."""
        if not self.contact:
            energy = n & 0xFFFF
            nothing = {"n": n, "bpm": 0, "contact": False, "energy_kj": energy, "rr": []}
            return struct.pack("<BBH", 0x0C, 0, energy), nothing
        bpm = 120 + n * 7 % 61
        rr = [round(61440 / bpm) + self.rng.randint(-20, 20) for _ in range(1 + n % 3)]
        wide = n % 5 == 0
        flags = 0x1E | wide
        octets = struct.pack("<BH" if wide else "<BB", flags, bpm)
        octets += struct.pack(f"<H{len(rr)}H", n & 0xFFFF, *rr)
        plain = {"n": n, "bpm": bpm, "contact": True, "energy_kj": n & 0xFFFF, "rr": rr}
        return octets, plain


class Pod(Peer):
    """A foot pod (Running Speed and Cadence 0x1814) that sends all there is."""

    service, appearance, measurement = 0x1814, 0x0443, 0x2A53

    def __init__(self, air: Air, note: Note) -> None:
        super().__init__(air, "pod", "Bench Pod", POD, note)
        self.distance = 0
        self.steps_spm = 172

    def more(self) -> list[Any]:
        """Its features: stride length, total distance, running or walking."""
        return [
            gatt.Characteristic(
                UUID.from_16_bits(0x2A54),
                gatt.Characteristic.Properties.READ,
                gatt.Characteristic.READABLE,
                struct.pack("<H", 0x0007),
            )
        ]

    def measured(self, n: int) -> tuple[bytes, dict[str, Any]]:
        """RSC Measurement. Its distance grows, so that no two are the same."""
        speed = 768 + n * 11 % 97  # 1/256 m/s
        cadence = self.steps_spm + n % 3 - 1
        self.distance += max(1, round(speed / 256 * 10 / self.rate_hz))
        stride = round(100 * 60 * speed / 256 / cadence)  # cm
        octets = struct.pack("<BHBHI", 0x07, speed, cadence, stride, self.distance)
        plain = {"n": n, "speed": speed, "cadence": cadence, "stride_cm": stride}
        return octets, {**plain, "distance_dm": self.distance, "running": True}


class Radios:
    """All of the air, and the commands."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("a", buffering=1 << 16)
        self._flushing: asyncio.TimerHandle | None = None
        self.air = Air()
        self.adapters: dict[str, Adapter] = {}
        self.peers: dict[str, Peer] = {
            "strap": Strap(self.air, self.note),
            "pod": Pod(self.air, self.note),
        }

    def note(self, what: str, **more: Any) -> None:
        """A line of the log; it is out :data:`FLUSH_S` later, for a storm has many of them."""
        print(json.dumps({"time_s": time.monotonic(), "what": what, **more}), file=self._log)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._log.flush()

    async def obey(self, line: str) -> None:
        """``NAME WHAT [VALUE]``, and "done" into the log when it was done."""
        who, what, *values = line.split()
        value = values[0] if values else ""
        if who in ADAPTERS:
            if what == "plug" and who not in self.adapters:
                self.adapters[who] = Adapter(self.air, who, self.note)
            elif what == "pull" and who in self.adapters:
                self.adapters.pop(who).close()
        else:
            await self._tell(self.peers[who], what, value)
        self.note("done", command=line)

    async def _tell(self, peer: Peer, what: str, value: str) -> None:
        match what:
            case "hang-up":
                await peer.hang_up()
            case "leave":
                await peer.leave()
            case "back":
                await peer.back()
            case "away":  # for so long
                await peer.leave()
                await asyncio.sleep(float(value))
                await peer.back()
            case "silent":
                peer.silent = value == "on"
            case "trap":
                peer.trap_s = float(value)
            case "rate":
                peer.rate_hz = float(value)
            case "storm":
                await peer.storm(float(value))
            case "malformed":
                await peer.malformed(int(value))
            case "contact":
                assert isinstance(peer, Strap)
                peer.contact = value == "on"
            case "steps":
                assert isinstance(peer, Pod)
                peer.steps_spm = int(value)
            case _:
                raise ValueError(what)

    async def run(self, fifo: Path) -> None:
        """Until the process is ended."""
        for peer in self.peers.values():
            await peer.up()
        fifo.unlink(missing_ok=True)
        os.mkfifo(fifo)
        commands = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        loop, held, under_way = asyncio.get_running_loop(), b"", set()

        def read() -> None:
            nonlocal held
            held += os.read(commands, 4096)
            *lines, held = held.split(b"\n")
            for line in lines:
                task = loop.create_task(self._try(line.decode()))
                under_way.add(task)
                task.add_done_callback(under_way.discard)

        loop.add_reader(commands, read)
        self.note("ready")
        await asyncio.Event().wait()

    async def _try(self, line: str) -> None:
        try:
            await self.obey(line)
        except Exception as error:  # whatever it is, the test shall see it
            self.note("failed", command=line, error=f"{type(error).__name__}: {error}")


async def main() -> None:
    """Everything; ``sys.argv``: the FIFO and the log."""
    await Radios(Path(sys.argv[2])).run(Path(sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(main())
