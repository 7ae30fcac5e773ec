"""The belt as a foot pod for watches and treadmill apps: ``python -m gaitpi.ble.peripheral``.

A process of its own, started by the keeper where ``ble.out`` is set. It follows the daemon's live
stream (:mod:`gaitpi.ble.listener`), makes measurements of it (:mod:`gaitpi.ble.outgoing`) and
offers them through BlueZ (:mod:`gaitpi.ble.served`), one a second to whoever has subscribed.

Every end of it begins anew by itself: each time with a new connection to D-Bus, so that BlueZ drops
what the last one had registered. What is wrong is said in one sentence, once until it changes.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gaitpi.ble import uuids
from gaitpi.ble.listener import Listener
from gaitpi.ble.outgoing import Outgoing
from gaitpi.ble.radio import RadioError, trouble_of
from gaitpi.ble.trouble import Trouble
from gaitpi.errors import EXIT_OK
from gaitpi.plaintext import plain

if TYPE_CHECKING:
    from gaitpi.ble.served import Served

NAME: Final = "gaitpi"
NAME_MAX: Final = 16
"""Longest name that fits into an announcement beside the rest, bytes."""
MEASUREMENTS: Final = {
    "speed": uuids.RSC_MEASUREMENT,
    "heart": uuids.HEART_RATE_MEASUREMENT,
}


@dataclass(frozen=True, slots=True)
class Times:
    """How long what takes, s."""

    call_s: float = 4.0
    """A call to BlueZ that takes longer hangs."""
    beat_s: float = 1.0
    """A measurement so often, as foot pods do."""
    ping_s: float = 15.0
    """BlueZ is asked so often whether it is there."""
    again_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)
    """Waits before it is begun anew, the last for all further ones: back within 10 s."""
    good_s: float = 30.0
    """What stood for so long is begun anew with the first wait."""


USUAL: Final = Times()


class Peripheral:
    """Serves until it is told to end; ``said`` gets a sentence each time how it is has changed."""

    def __init__(
        self,
        outgoing: Outgoing,
        said: Callable[[str], None],
        *,
        adapter: str = "",
        name: str = NAME,
        relay: bool = False,
        times: Times = USUAL,
    ) -> None:
        self._outgoing = outgoing
        self._said = said
        self._adapter = adapter
        self._name = name
        self._relay = relay
        self._times = times
        self._last = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Serve, and again after each end."""
        tries = 0
        while not stop.is_set():
            began_s = time.monotonic()
            problem = await self._once(stop)
            if problem is None:
                return
            self._say(problem.words)
            stood = time.monotonic() - began_s >= self._times.good_s
            tries = 1 if stood else tries + 1
            waits = self._times.again_s
            wait_s = problem.again_s or waits[min(tries, len(waits)) - 1]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s)

    async def _once(self, stop: asyncio.Event) -> Trouble | None:
        """Serve until something is wrong: what it is; None when told to end."""
        try:
            from gaitpi.ble.gattserver import Application
            from gaitpi.ble.served import Served, connected, services

            application = Application(services(relay=self._relay), self._name)
            async with connected(self._times.call_s) as bus:
                served = Served(bus, application, self._adapter, self._times.call_s)
                await served.begin()
                self._say(f"Watches and apps find the belt as '{self._name}'.")
                return await self._serve(served, stop)
        except RadioError as error:
            return error.trouble
        except Exception as error:  # of dbus_fast and the system, of many kinds
            return trouble_of(error)

    async def _serve(self, served: "Served", stop: asyncio.Event) -> Trouble | None:
        """Send what there is, once a second."""
        waits = [asyncio.ensure_future(one.wait()) for one in (served.ended, stop)]
        next_s = time.monotonic()
        ping_s = next_s + self._times.ping_s
        try:
            while not any(one.done() for one in waits):
                for which, value in self._outgoing.values(time.monotonic()).items():
                    served.notify(MEASUREMENTS[which], value)
                if time.monotonic() >= ping_s:
                    await served.ping()
                    ping_s = time.monotonic() + self._times.ping_s
                next_s = max(next_s + self._times.beat_s, time.monotonic())
                await asyncio.wait(
                    waits,
                    timeout=next_s - time.monotonic(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            for one in waits:
                one.cancel()
        return served.why if served.ended.is_set() else None

    def _say(self, words: str) -> None:
        if words != self._last:
            self._last = words
            self._said(words)


def main(argv: Sequence[str] | None = None, times: Times = USUAL) -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="gaitpi.ble.peripheral")
    parser.add_argument("--adapter", default="", help="hci0 ... (the first one)")
    parser.add_argument("--name", default=NAME, help=f"what watches show ({NAME})")
    parser.add_argument("--relay-heart-rate", action="store_true", help="the strap's, too")
    parser.add_argument("--one-foot", action="store_true", help="half of the cadence")
    args = parser.parse_args(argv)
    name = plain(args.name).encode()[:NAME_MAX].decode("utf-8", "ignore") or NAME

    async def work() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        outgoing = Outgoing(relay=args.relay_heart_rate, one_foot=args.one_foot)

        def heard(live: dict[str, object]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(outgoing.heard, live, time.monotonic())

        listener = Listener(heard)
        listener.start()
        try:
            await Peripheral(
                outgoing,
                lambda words: print(words, file=sys.stderr, flush=True),
                adapter=args.adapter,
                name=name,
                relay=args.relay_heart_rate,
                times=times,
            ).run(stop)
        finally:
            listener.stop()

    asyncio.run(work())
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
