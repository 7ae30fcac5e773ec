"""The belt as a foot pod, registered with a fake BlueZ on a private D-Bus: the real process."""

import asyncio
import contextlib
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from gaitpi import pairedfile
from gaitpi.ble import heartrate, peripheral, runningspeed
from gaitpi.ble.outgoing import Outgoing
from gaitpi.ble.readings import Pod
from gaitpi.device.control import Board
from gaitpi.device.controlsocket import Server
from gaitpi.device.live import Live
from gaitpi.device.radio import HeartStatus, PodStatus, RadioStatus
from tests.ble import rig as rigs
from tests.ble.rig import DENY, LONG_S, ROOT, Bus, Fake, dbus_or_skip, is_pod, wait_for

T = TypeVar("T")
FOUND = "Watches and apps find the belt as 'gaitpi'."
RSC, HEART = 0x2A53, 0x2A37


class Daemon:
    """A daemon's control socket, the real one, and what its loop puts there ten times a second."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gaitpi" / "control.sock"
        self._path.parent.mkdir(exist_ok=True)
        self._live = Live(state="recording", cadence_spm=172.4, activity=3)
        self._stop = threading.Event()
        self._board = Board(is_open=True)
        self._server = Server(self._path, self._board)
        self._server.start()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def now(self, **fields: Any) -> None:
        """From now on it is so."""
        self._live = replace(self._live, **fields)

    def _loop(self) -> None:
        while not self._stop.wait(0.05):
            if self._board.watched:
                self._board.live = replace(self._live)  # a new object each time

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._server.close()


class Peripheral:
    """The real process; what it says on standard error."""

    def __init__(self, environ: dict[str, str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            (sys.executable, "-m", "tests.ble.quickperipheral", *arguments),
            env=environ,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()

    def _hear(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put(line.rstrip("\n"))

    def says(self, words: str) -> None:
        """Wait for the next sentence, which must be this one."""
        try:
            said = self.lines.get(timeout=LONG_S)
        except queue.Empty:
            raise AssertionError(f"it did not say {words!r}") from None
        assert said == words

    def close(self) -> list[str]:
        """End it in order; what it said besides."""
        self.process.terminate()
        try:
            assert self.process.wait(LONG_S) == 0
        finally:
            self.process.kill()
            self._thread.join()
            assert self.process.stderr is not None
            self.process.stderr.close()
        rest = []
        while not self.lines.empty():
            rest.append(self.lines.get())
        return rest


class Rig:
    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self._ends: list[Callable[[], object]] = []
        self.bus = Bus(folder, more)
        self._ends.append(self.bus.close)

    def bluez(self) -> Fake:
        made = Fake(self.bus.environ)
        self._ends.append(made.close)
        return made

    def daemon(self) -> Daemon:
        made = Daemon(self.folder)
        self._ends.append(made.close)
        return made

    def peripheral(self, *arguments: str) -> Peripheral:
        made = Peripheral(self.bus.environ, *arguments)
        self._ends.append(made.close)
        return made

    def close(self) -> None:
        for end in reversed(self._ends):
            end()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    dbus_or_skip()
    made = Rig(tmp_path)
    try:
        yield made
    finally:
        made.close()


def heard(bluez: Fake, uuid: int, wanted: Callable[[bytes], bool]) -> list[bytes]:
    """What a watch gets until one is as wanted."""
    found: list[bytes] = []

    def come() -> bool:
        found.extend(bytes.fromhex(value) for value in bluez("heard", uuid=uuid)["heard"])
        return any(wanted(one) for one in found)

    wait_for(come)
    return found


def counts(number: int) -> Callable[[bytes], bool]:
    return lambda value: runningspeed.parse(value, 0.0).cadence_rpm == number


def test_what_is_offered_and_announced(rig: Rig) -> None:
    bluez = rig.bluez()
    peripheral = rig.peripheral("--relay-heart-rate", "--name", "my belt")
    peripheral.says("Watches and apps find the belt as 'my belt'.")
    told = bluez("served")
    assert told["services"] == {
        "1814": {"2a53": ["notify"], "2a54": ["read"], "2a5d": ["read"]},
        "180d": {"2a37": ["notify"], "2a38": ["read"]},
        "180a": {"2a29": ["read"], "2a24": ["read"], "2a28": ["read"]},
    }
    announced = told["announced"]
    assert announced["LocalName"] == "my belt"
    assert [one[4:8] for one in announced["ServiceUUIDs"]] == ["1814", "180d"]
    assert announced["Type"] == "peripheral"
    can = runningspeed.features(bytes.fromhex(bluez("read", uuid=0x2A54)["value"]))
    assert (can.stride, can.status, can.distance) == (True, True, False)
    assert runningspeed.location(bytes.fromhex(bluez("read", uuid=0x2A5D)["value"])) == "hip"
    assert bluez("read", uuid=0x2A29)["value"] == b"gaitpi".hex()
    assert bluez("read", uuid=0x2A29, offset=4)["value"] == b"pi".hex()
    assert peripheral.close() == []


def test_without_the_relay_there_is_no_heart_rate_service(rig: Rig) -> None:
    bluez = rig.bluez()
    rig.peripheral().says(FOUND)
    assert set(bluez("served")["services"]) == {"1814", "180a"}
    assert [one[4:8] for one in bluez("served")["announced"]["ServiceUUIDs"]] == ["1814"]


def test_what_nobody_may_do_is_refused(rig: Rig) -> None:
    bluez = rig.bluez()
    rig.peripheral().says(FOUND)
    characteristic = "org.bluez.GattCharacteristic1"
    assert "NotPermitted" in bluez("read", uuid=RSC)["error"]
    base = "/gaitpi/service0/characteristic"
    for path, interface, member, words in (
        (f"{base}0", characteristic, "WriteValue", "NotPermitted"),
        (f"{base}1", characteristic, "StartNotify", "NotSupported"),
        (f"{base}1", characteristic, "AcquireNotify", "NotSupported"),
        (f"{base}9", characteristic, "StartNotify", "Unknown"),
    ):
        assert words in bluez("ask", path=path, interface=interface, member=member)["error"]
    properties = "org.freedesktop.DBus.Properties"
    asked = bluez("ask", path=f"{base}1", interface=properties, member="GetAll", text="x.y")
    assert "Unknown" in asked["error"]


def test_a_watch_gets_what_the_belt_counts_and_nothing_before_it_subscribes(rig: Rig) -> None:
    bluez, daemon = rig.bluez(), rig.daemon()
    rig.peripheral().says(FOUND)
    time.sleep(0.5)
    assert bluez("heard", uuid=RSC)["heard"] == []
    bluez("subscribe", uuid=RSC)
    assert heard(bluez, RSC, counts(172))[-1] == bytes.fromhex("04 0000 ac")
    daemon.now(cadence_spm=112.6, activity=2)
    assert heard(bluez, RSC, counts(113))[-1] == bytes.fromhex("00 0000 71")
    daemon.now(cadence_spm=math.nan)
    heard(bluez, RSC, counts(0))
    bluez("subscribe", uuid=RSC, on=False)
    time.sleep(0.3)
    bluez("heard", uuid=RSC)
    time.sleep(0.3)
    assert bluez("heard", uuid=RSC)["heard"] == []


def test_speed_and_heart_rate_are_those_of_pod_and_strap_while_fresh(rig: Rig) -> None:
    bluez, daemon = rig.bluez(), rig.daemon()
    pod = PodStatus(speed_ms=3.0, cadence_rpm=86, running=True, age_s=0.3)
    strap = HeartStatus(bpm=142, age_s=0.2, contact=True)
    daemon.now(radio=RadioStatus(heart=strap, pod=pod))
    rig.peripheral("--relay-heart-rate").says(FOUND)
    bluez("subscribe", uuid=RSC)
    bluez("subscribe", uuid=HEART)
    rates = heard(bluez, HEART, lambda value: value == bytes.fromhex("06 8e"))
    assert all(heartrate.parse(one, 0.0).bpm in (0, 142) for one in rates)
    speeds = heard(bluez, RSC, lambda value: runningspeed.parse(value, 0.0).speed_ms == 3.0)
    stride_m = runningspeed.parse(speeds[-1], 0.0).stride_m
    assert stride_m == pytest.approx(120 * 3.0 / 172, abs=0.01)
    daemon.now(radio=RadioStatus(heart=HeartStatus(age_s=7.0), pod=PodStatus(age_s=7.0)))
    heard(bluez, RSC, lambda value: runningspeed.parse(value, 0.0).speed_ms == 0.0)
    heard(bluez, HEART, lambda value: value == bytes.fromhex("04 00"))
    time.sleep(0.4)
    assert bluez("heard", uuid=HEART)["heard"] == []


def test_the_daemon_begins_anew(rig: Rig) -> None:
    bluez, daemon = rig.bluez(), rig.daemon()
    peripheral = rig.peripheral()
    peripheral.says(FOUND)
    bluez("subscribe", uuid=RSC)
    heard(bluez, RSC, counts(172))
    daemon.close()
    heard(bluez, RSC, counts(0))
    again = rig.daemon()
    again.now(cadence_spm=181.0)
    heard(bluez, RSC, counts(181))
    assert peripheral.lines.empty()


def test_before_a_daemon_there_is_silence(rig: Rig) -> None:
    bluez = rig.bluez()
    rig.peripheral().says(FOUND)
    bluez("subscribe", uuid=RSC)
    time.sleep(0.5)
    assert bluez("heard", uuid=RSC)["heard"] == []
    rig.daemon()
    heard(bluez, RSC, counts(172))


NO_BLUEZ = (
    "The Bluetooth service does not run. sudo apt install bluez, then: sudo systemctl enable "
    "--now bluetooth"
)
OFF = "The Bluetooth adapter is switched off. bluetoothctl power on"
HUNG = "The Bluetooth service does not answer. If it stays so: sudo systemctl restart bluetooth"


def test_bluez_comes_goes_and_comes(rig: Rig) -> None:
    rig.daemon()
    peripheral = rig.peripheral()
    peripheral.says(NO_BLUEZ)
    bluez = rig.bluez()
    peripheral.says(FOUND)
    bluez.close()
    bluez = rig.bluez()  # another one, which knows nothing of the belt
    peripheral.says(NO_BLUEZ)
    peripheral.says(FOUND)
    bluez("subscribe", uuid=RSC)
    heard(bluez, RSC, counts(172))


def test_the_adapter_is_lost_switched_off_and_cannot(rig: Rig) -> None:
    bluez = rig.bluez()
    peripheral = rig.peripheral()
    peripheral.says(FOUND)
    bluez("adapter", there=False)
    words = (
        "There is no Bluetooth adapter. On a Pi remove dtoverlay=disable-bt from config.txt; "
        "'bluetoothctl list' shows what is there."
    )
    peripheral.says(words)
    bluez("adapter", there=True)
    peripheral.says(FOUND)
    bluez("adapter", powered=False)
    peripheral.says(OFF)
    bluez("adapter", powered=True)
    peripheral.says(FOUND)
    assert bluez("served")["registered"] >= 3
    bluez("release")
    peripheral.says(
        "The Bluetooth service does not offer the belt to others: it has taken the announcement "
        "off. 'journalctl -u bluetooth' says more."
    )
    peripheral.says(FOUND)


def test_an_adapter_that_cannot_be_a_sensor(rig: Rig) -> None:
    bluez = rig.bluez()
    bluez("adapter", there=False)
    bluez("adapter", there=True, serves=False)
    rig.peripheral().says(
        "The Bluetooth adapter cannot be a sensor for others. Use another adapter (ble.adapter), "
        "or switch it off: gaitpi config set ble.out false"
    )


def test_another_adapter_than_the_first(rig: Rig) -> None:
    rig.bluez()
    rig.peripheral("--adapter", "hci1").says(
        "There is no Bluetooth adapter hci1. 'bluetoothctl list' shows what is there; ble.adapter "
        "names the one to use."
    )
    rig.peripheral("--adapter", "hci0").says(FOUND)


def test_what_bluez_refuses_is_said(rig: Rig) -> None:
    bluez = rig.bluez()
    bluez("rooms", rooms=0)
    rig.peripheral().says(
        "The Bluetooth adapter announces as many things as it can already. End what else "
        "advertises on this machine."
    )
    bluez("rooms", rooms=4)
    bluez("fail", RegisterApplication="Failed")
    peripheral = rig.peripheral()
    peripheral.says(
        "The Bluetooth service does not offer the belt to others: it was told to fail. "
        "'journalctl -u bluetooth' says more."
    )
    bluez("fail", RegisterAdvertisement="NotReady")
    peripheral.says(OFF)
    bluez("fail")
    peripheral.says(FOUND)


def test_bluez_hangs(rig: Rig) -> None:
    rig.daemon()
    bluez = rig.bluez()
    bluez("hang", methods=["RegisterAdvertisement"])
    peripheral = rig.peripheral()
    peripheral.says(HUNG)
    bluez("hang", methods=[])
    peripheral.says(FOUND)
    os.kill(bluez.process.pid, signal.SIGSTOP)  # all of it, in the middle
    try:
        peripheral.says(HUNG)
    finally:
        os.kill(bluez.process.pid, signal.SIGCONT)
    peripheral.says(FOUND)
    bluez("subscribe", uuid=RSC)
    heard(bluez, RSC, counts(172))


def test_no_permission(tmp_path: Path) -> None:
    dbus_or_skip()
    with contextlib.closing(Rig(tmp_path, DENY)) as rig:
        rig.bluez()
        rig.peripheral().says(
            "This user may not use Bluetooth. sudo usermod -aG bluetooth $USER, then log in again; "
            "the service needs a restart."
        )


def test_without_its_packages_it_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gaitpi.ble.served", "gaitpi.ble.gattserver"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "dbus_fast", None)
    said: list[str] = []

    async def work() -> None:
        stop = asyncio.Event()

        def hear(words: str) -> None:
            said.append(words)
            stop.set()

        await peripheral.Peripheral(Outgoing(), hear).run(stop)

    asyncio.run(work())
    assert said == [
        "The Bluetooth part of gaitpi is not installed. Install it: sudo make install, or "
        "pip install 'gaitpi[ble]'."
    ]


def test_d_bus_is_lost(rig: Rig) -> None:
    rig.bluez()
    peripheral = rig.peripheral()
    peripheral.says(FOUND)
    rig.bus.close()
    peripheral.says(
        "The system's D-Bus cannot be reached, so there is no Bluetooth. sudo systemctl start dbus"
    )
    assert peripheral.close() == []


def test_our_own_central_reads_what_the_belt_counts(tmp_path: Path) -> None:
    """Through bleak, over the same bus: cadence to the resolution of the characteristic."""
    dbus_or_skip()
    whole = rigs.Rig(tmp_path)
    daemon = Daemon(tmp_path)
    peripheral = Peripheral(whole.bus.environ)
    try:
        peripheral.says(FOUND)
        daemon.now(radio=RadioStatus(pod=PodStatus(speed_ms=3.1, age_s=0.1)))
        address = whole.bluez("loopback")["address"]
        pairedfile.add(
            whole.paired,
            [pairedfile.Paired(wall_s=1.8e9, role="pod", address=address, name="gaitpi")],
        )
        central = whole.central()
        for spm in (172.4, 158.6, 181.5):
            daemon.now(cadence_spm=spm)

            def same(reading: Any, spm: float = spm) -> Pod | None:
                pod = is_pod(reading)
                return pod if pod is not None and abs(pod.cadence_rpm - spm) <= 0.5 else None

            found = central.until(same)
            assert found.speed_ms == pytest.approx(3.1, abs=1 / 512)
            assert found.stride_m == pytest.approx(120 * 3.1 / round(spm), abs=0.006)
            assert found.running
    finally:
        peripheral.close()
        daemon.close()
        whole.close()
