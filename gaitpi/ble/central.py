"""The process that reads strap and pod: ``python -m gaitpi.ble.central --fd N``.

It looks for the paired devices, keeps their links, and hands each reading to the daemon over the
socket it was given, as a datagram (:mod:`gaitpi.ble.readings`). The daemon never waits for it: what
happens to adapter, bus or device, or what a peer sends, ends here. It reads the file of paired
devices again when that changes.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gaitpi import pairedfile
from gaitpi.ble import heartrate, radio, runningspeed, trouble
from gaitpi.ble.gate import Gate
from gaitpi.ble.link import USUAL, Do, Machine, Times
from gaitpi.ble.outbox import AGAIN_S, Outbox
from gaitpi.ble.radio import Connection, Heard, Limits, OnData, Radio, RadioError
from gaitpi.ble.readings import Heart, Link, Pod, Role
from gaitpi.ble.trouble import Trouble
from gaitpi.device import status as device_status
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, GaitpiError, MeasurementError

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice

TELL_S: Final = 1.0
"""How often each link is told, s."""
BATTERY_S: Final = 600.0
"""How often a battery that does not tell its level by itself is asked, s."""
HUNG_MAX: Final = 60
"""After so many calls in a row that BlueZ did not answer the process ends, and is begun anew."""
ALONE_S: Final = 10.0
"""With nobody at the other end of the socket for so long the process ends, s."""
STOP_S: Final = 3.0
"""Links have so long to be ended in order, s."""
_PARSE: Final[dict[Role, Callable[[bytes, float], Heart | Pod]]] = {
    "heart": heartrate.parse,
    "pod": runningspeed.parse,
}


@dataclass(slots=True)
class Seat:
    """A role, the device paired in it, and its link."""

    role: Role
    machine: Machine
    gate: Gate = field(default_factory=Gate)
    paired: pairedfile.Paired | None = None
    device: "BLEDevice | None" = None
    """As it was heard last."""
    connection: Connection | None = None
    battery: int | None = None
    malformed: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Something happened to the machine."""
    told: tuple[object, ...] = ()
    asked_s: float = 0.0
    """When the battery was asked last."""
    asking: "asyncio.Task[None] | None" = None
    turn: int = 0
    """Counts connections: what an earlier one still tells is not listened to."""


class Central:
    """Every role's link, one radio, one socket."""

    def __init__(self, outbox: Outbox, paired: Path, adapter: Radio, times: Times) -> None:
        self._times = times
        self._outbox = outbox
        self._path = paired
        self._radio = adapter
        self._seats = {role: Seat(role, Machine(role, times)) for role in pairedfile.ROLES}
        self._signature: tuple[int, ...] | None = None
        self._file_problem = ""
        self._lock = asyncio.Lock()
        """Whoever looks or connects: an adapter does one at a time well."""
        self._looked = asyncio.Event()
        self._running = True
        self._problem: Trouble | None = None
        """What is wrong with the radio as a whole."""
        self._hung = 0
        self._alone_s: float | None = None

    async def run(self) -> int:
        """Until it is cancelled, or there is nobody to tell; the exit code."""
        work = [
            self._tell(),
            self._look(),
            self._watch(),
            *(self._keep(seat) for seat in self._seats.values()),
        ]
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return max(task.result() for task in done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_S)
            await self._part()

    async def _part(self) -> None:
        ends = [seat.connection.close() for seat in self._seats.values() if seat.connection]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*ends, return_exceptions=True)

    # -- every second

    async def _tell(self) -> int:
        """Send what is kept, tell each link, read the paired file when it has changed."""
        next_s = 0.0
        while True:
            now_s = time.monotonic()
            if now_s >= next_s:
                next_s = now_s + TELL_S
                self._read(now_s)
                self._running = run_may_be_on()
                for seat in self._seats.values():
                    self._say(seat, now_s)
            self._outbox.flush(now_s)
            if self._outbox.closed:
                self._alone_s = self._alone_s or now_s
                if now_s - self._alone_s >= ALONE_S:
                    return EXIT_OK
            if self._hung >= HUNG_MAX:
                return EXIT_PROBLEM
            await asyncio.sleep(AGAIN_S if len(self._outbox) else min(0.5, TELL_S))

    def _read(self, now_s: float) -> None:
        """Take the paired devices from their file, where it is another one than before."""
        signature = _signature(self._path)
        if signature == self._signature and not self._file_problem:
            return
        try:
            devices = pairedfile.load(self._path)
        except GaitpiError as error:
            self._file_problem = str(error)  # what is known stays in force
            return
        self._signature, self._file_problem = signature, ""
        for seat in self._seats.values():
            paired = devices.of(seat.role)
            if paired != seat.paired:
                seat.paired, seat.device, seat.battery = paired, None, None
                seat.machine.want(now_s, paired is not None)
                self._changed(seat)

    def _said(self, seat: Seat) -> tuple[str, str]:
        """What there is to say of a link: a reason and a sentence, both empty when all is well."""
        problem = seat.machine.trouble
        if self._file_problem:
            return trouble.FILE, self._file_problem
        return (problem.reason, problem.words) if problem else ("", "")

    def _say(self, seat: Seat, now_s: float) -> None:
        machine, paired = seat.machine, seat.paired
        reason, words = self._said(seat)
        if paired is None and seat.told == (machine.state, reason) == ("off", ""):
            return  # nobody misses a role without a device
        seat.told = (machine.state, reason)
        link = Link(
            time_s=now_s,
            role=seat.role,
            state=machine.state,
            since_s=machine.since_s,
            name=paired.called[:80] if paired else "",
            address=paired.address if paired else "",
            words=words[:400],
            reason=reason[:40],
            battery=seat.battery,
            malformed=seat.malformed,
            left_out=seat.gate.left_out,
            lost=self._outbox.lost[seat.role],
        )
        self._outbox.put(link, now_s)

    def _changed(self, seat: Seat) -> None:
        """Something happened to a link: who waits for that goes on, and it is told at once."""
        seat.changed.set()
        self._looked.set()
        if seat.told != (seat.machine.state, self._said(seat)[0]):
            self._say(seat, time.monotonic())

    # -- looking

    async def _look(self) -> int:
        """Look for what is not connected, in windows."""
        ended_s = -1e9
        while True:
            now_s = time.monotonic()
            sought = [seat for seat in self._seats.values() if seat.machine.seeks(now_s)]
            if self._problem is not None and any(seat.paired for seat in self._seats.values()):
                pause_s = self._problem.again_s or self._times.radio_s
            elif sought:
                pause_s = min(one.machine.pause_s(now_s, running=self._running) for one in sought)
            else:
                await self._wait(None)
                continue
            if now_s < ended_s + pause_s:
                await self._wait(min(1.0, ended_s + pause_s - now_s))
                continue
            async with self._lock:
                problem = await self._window()
            ended_s = time.monotonic()
            self._concerns_all(problem)

    def _concerns_all(self, problem: Trouble | None) -> None:
        """The radio as a whole is ill, or well again."""
        self._problem = problem
        for seat in self._seats.values():
            seat.machine.radio(time.monotonic(), problem)
            self._changed(seat)

    async def _watch(self) -> int:
        """Notice at once when BlueZ is gone: of the links it takes along nothing is told."""
        while True:
            with contextlib.suppress(RadioError):
                await self._radio.watch(self._gone)
            await asyncio.sleep(self._times.radio_s)

    def _gone(self) -> None:
        self._radio.restarted = True
        self._concerns_all(trouble.NO_BLUEZ)
        for seat in self._seats.values():
            seat.machine.ended(time.monotonic())
            self._changed(seat)

    async def _wait(self, seconds: float | None) -> None:
        """Until some link changes, at most ``seconds``."""
        self._looked.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._looked.wait()

    async def _window(self) -> Trouble | None:
        """One look for all that is sought; what is wrong with the radio.

        The first that is heard ends it, so that it is connected soon. One whose last connection
        failed does not, and waits until the others were listened for: else a strap that is heard
        at once, and fails each time, would keep the pod from being heard.
        """
        now_s = time.monotonic()
        sought = {
            seat.paired.address: seat
            for seat in self._seats.values()
            if seat.paired is not None and seat.machine.sought(now_s)
        }
        if not sought and self._problem is None:
            return None  # who was sought is being connected by now
        waits: dict[Role, Seat] = {}
        first = False

        def heard(one: Heard) -> bool:
            nonlocal first
            seat = sought.get(one.device.address.upper())
            if seat is None:
                return False
            seat.device = one.device
            if seat.machine.failing and len(sought) > 1:
                waits[seat.role] = seat
                return len(waits) == len(sought)
            first = True
            self._seen(seat)
            return True

        announced = all(
            seat.paired is not None and seat.paired.announced for seat in sought.values()
        )
        try:
            await self._radio.look(heard, seconds=self._times.window_s, announced=announced)
        except RadioError as error:
            return self._noted(error.trouble)
        self._hung = 0
        for seat in () if first else waits.values():
            self._seen(seat)
        return None

    def _seen(self, seat: Seat) -> None:
        seat.machine.seen(time.monotonic())
        self._changed(seat)

    def _noted(self, problem: Trouble) -> Trouble | None:
        """Count calls that hang; None for what concerns one device only."""
        self._hung = self._hung + 1 if problem is trouble.HUNG else 0
        return problem if problem.scope == "radio" else None

    # -- one link

    async def _keep(self, seat: Seat) -> int:
        """Do what the machine of this link says."""
        while True:
            now_s = time.monotonic()
            self._release(seat, now_s)
            if seat.connection is not None and not seat.machine.up:
                await self._drop(seat)
                continue
            if seat.gate.storms:
                seat.machine.drop(now_s, trouble.STORM)
            do = seat.machine.act(now_s)
            self._changed(seat)
            seat.changed.clear()
            if do is Do.CONNECT:
                await self._connect(seat)
            elif do is Do.SUBSCRIBE:
                await self._subscribe(seat)
            elif do is Do.DROP:
                await self._drop(seat)
            else:
                if seat.machine.up and now_s >= seat.asked_s + BATTERY_S:
                    seat.asked_s = now_s
                    seat.asking = asyncio.ensure_future(self._ask(seat))
                await self._rest(seat, now_s)

    async def _rest(self, seat: Seat, now_s: float) -> None:
        due_s = seat.gate.due_s
        wake_s = min(seat.machine.wake_s, now_s + 1.0 if due_s is None else due_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, wake_s - now_s)):
                await seat.changed.wait()

    async def _connect(self, seat: Seat) -> None:
        device, machine = seat.device, seat.machine
        if device is None:
            machine.failed(time.monotonic(), trouble.NOT_SEEN)
            return

        seat.turn += 1
        turn = seat.turn

        def ended() -> None:
            if turn == seat.turn:
                machine.ended(time.monotonic())
                self._changed(seat)

        direct = machine.direct
        limit_s = self._times.direct_s if direct else self._times.connect_s
        try:
            async with self._lock:
                connection = seat.connection = await self._radio.link(
                    device,
                    seat.role,
                    ended,
                    link_s=min(limit_s, self._times.link_s),
                    seconds=limit_s,
                )
            await connection.resolve()  # a device that hangs in it costs the other one nothing
            seat.gate.begin()
            await connection.subscribe(self._hearer(seat))
            if not connection.client.is_connected:
                raise RadioError(trouble.REFUSED)
        except RadioError as error:
            refused = error.trouble is trouble.REFUSED
            problem = trouble.NOT_SEEN if direct and refused else error.trouble
            machine.failed(time.monotonic(), problem)
            self._troubled(problem)
            return
        self._hung, seat.asked_s = 0, -1e9
        machine.connected(time.monotonic())
        self._changed(seat)

    async def _subscribe(self, seat: Seat) -> None:
        connection = seat.connection
        if connection is None:
            seat.machine.ended(time.monotonic())
            return
        seat.gate.begin()
        try:
            await connection.resubscribe(self._hearer(seat))
        except RadioError as error:
            seat.machine.failed(time.monotonic(), error.trouble)
            self._troubled(error.trouble)
            return
        seat.machine.resubscribed(time.monotonic())

    async def _drop(self, seat: Seat) -> None:
        connection, seat.connection = seat.connection, None
        seat.turn += 1
        if seat.asking is not None:
            seat.asking.cancel()
        if connection is not None:
            await connection.close()
        seat.machine.ended(time.monotonic())

    async def _ask(self, seat: Seat) -> None:
        """The battery: told where the device tells it, else asked now and then."""

        def level(percent: int) -> None:
            seat.battery = percent

        if seat.connection is not None:
            with contextlib.suppress(RadioError):
                await seat.connection.battery(level)

    def _troubled(self, problem: Trouble) -> None:
        """What a link found out about the radio concerns all."""
        if self._noted(problem) is not None:
            self._concerns_all(problem)

    # -- measurements

    def _hearer(self, seat: Seat) -> OnData:
        """What takes the notifications of this connection."""
        turn = seat.turn

        def data(time_s: float, value: bytes) -> None:
            if turn == seat.turn:
                self._data(seat, time_s, value)

        return data

    def _data(self, seat: Seat, time_s: float, data: bytes) -> None:
        """A notification came."""
        held = seat.gate.due_s
        self._pass(seat, seat.gate.offer(time_s, data))
        if seat.gate.due_s != held:
            seat.changed.set()

    def _release(self, seat: Seat, now_s: float) -> None:
        self._pass(seat, seat.gate.release(now_s))

    def _pass(self, seat: Seat, found: tuple[float, bytes] | None) -> None:
        if found is None:
            return
        time_s, data = found
        try:
            reading = _PARSE[seat.role](data, time_s)
        except MeasurementError:
            seat.malformed += 1
            return
        silent = seat.machine.state == "silent"
        seat.machine.value(time_s)
        if silent:
            self._changed(seat)
        self._outbox.put(reading, time_s)


def run_may_be_on() -> bool:
    """Whether a run may be on, by the daemon's status; where that is not known it may be."""
    try:
        status = device_status.find()
    except GaitpiError:
        return True
    if status is None or device_status.judge(status):
        return True
    return not status.waiting or status.activity >= 2


def _signature(path: Path) -> tuple[int, ...]:
    """What changes with a file."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


async def _until_told(central: Central) -> int:
    """Run until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(central.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return EXIT_OK


def main(
    argv: Sequence[str] | None = None, times: Times = USUAL, limits: Limits = radio.USUAL
) -> int:
    """What the keeper starts; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gaitpi.ble.central",
        description="Reads heart-rate strap and foot pod for the daemon; the keeper starts it.",
    )
    parser.add_argument("--fd", type=int, required=True, help="datagram socket to the daemon")
    parser.add_argument("--paired", type=Path, help="file of paired devices")
    parser.add_argument("--adapter", default="", metavar="hciX", help="default: the first")
    args = parser.parse_args(argv)
    path = args.paired
    if path is None:
        from gaitpi import config

        path = pairedfile.path_in(config.runs_directory(config.load()))
    os.set_inheritable(args.fd, False)
    outbox = Outbox(args.fd)

    debug = bool(os.environ.get("GAITPI_DEBUG"))
    # what bleak and asyncio log is for those who look for a fault; the links say the rest
    logging.basicConfig(level=logging.DEBUG if debug else logging.CRITICAL + 1)

    async def work() -> int:
        return await _until_told(Central(outbox, path, Radio(args.adapter, limits), times))

    try:
        return asyncio.run(work())
    except Exception as error:
        if debug:
            raise
        print(f"gaitpi: unexpected {type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_PROBLEM


if __name__ == "__main__":
    sys.exit(main())
