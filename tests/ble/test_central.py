"""The process that reads strap and pod, with the real bleak, against a fake BlueZ."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gaitpi import pairedfile
from gaitpi.ble import trouble
from gaitpi.ble.link import RETURN_S
from gaitpi.ble.radio import Connection, RadioError, first_on
from gaitpi.ble.readings import Heart, Link, Reading
from tests.ble.rig import (
    DENY,
    POD,
    ROOT,
    STRAP,
    Bus,
    Central,
    Fake,
    Rig,
    is_heart,
    is_pod,
    link,
    rig,
    wait_for,
)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as one:
        yield one


def told(reason: str) -> Callable[[Reading], Link | None]:
    """For ``until``: the heart's link with that reason."""

    def wanted(reading: Reading) -> Link | None:
        fits = isinstance(reading, Link) and (reading.role, reading.reason) == ("heart", reason)
        return reading if fits and isinstance(reading, Link) else None

    return wanted


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_strap_and_pod_are_read(made: Rig) -> None:
    made.bluez.strap()
    made.bluez.pod()
    made.pair("heart", "pod")
    central = made.central()
    before_s = time.monotonic()
    heart = central.until(is_heart)
    assert heart.bpm == 72
    assert heart.contact is True
    assert before_s < heart.time_s <= time.monotonic()
    pod = central.until(is_pod)
    assert (pod.speed_ms, pod.cadence_rpm, pod.running) == (3.0, 170, True)
    assert central.until(link("heart", "connected")).name == "heart"
    assert central.until(lambda r: getattr(r, "battery", None)) == 0x58
    assert central.odd == 0


def test_a_link_that_breaks_is_back_at_once(made: Rig) -> None:
    """Without being looked for: a strap that ended the link announces itself in the next moment."""
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    windows = made.bluez("tell")["windows"]
    files = len(list(Path(f"/proc/{central.process.pid}/fd").iterdir()))
    for _ in range(3):
        made.bluez("drop", address=STRAP)
        lost_s = time.monotonic()
        central.until(link("heart", "lost"))
        assert central.until(is_heart).time_s - lost_s < RETURN_S
    assert made.bluez("tell")["windows"] == windows
    assert made.bluez("tell", address=STRAP)["calls"].count("Connect") == 4
    central.hear(0.5)
    assert len(list(Path(f"/proc/{central.process.pid}/fd").iterdir())) <= files + 1


def test_out_of_reach_and_back(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    made.bluez("reach", address=STRAP, reach=False)
    central.until(link("heart", "lost", "not-seen"))
    assert not [one for one in central.hear(1.0) if isinstance(one, Heart)]
    made.bluez("reach", address=STRAP, reach=True)
    back_s = time.monotonic()
    assert central.until(is_heart).time_s - back_s < RETURN_S


def test_silence_with_the_link_up_is_subscribed_anew(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    made.bluez("set", address=STRAP, deaf="subscribed")
    silent = central.until(link("heart", "silent", "silent"))
    assert "sends nothing" in silent.words
    central.until(is_heart)
    assert central.until(link("heart", "connected")).reason == ""
    assert made.bluez("tell", address=STRAP)["calls"].count("Connect") == 1


def test_silence_that_stays_is_connected_anew(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    made.bluez("set", address=STRAP, deaf="connected")
    central.until(link("heart", "silent"))
    central.until(is_heart)
    assert made.bluez("tell", address=STRAP)["calls"].count("Connect") == 2


def test_an_adapter_that_goes_and_comes(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    made.bluez("adapter", there=False)
    central.until(link("heart", "silent"))
    gone = central.until(link("heart", "off", "no-adapter"))
    assert "adapter" in gone.words
    made.bluez("adapter", powered=False)
    central.until(link("heart", "off", "adapter-off"))
    made.bluez("adapter", powered=True)
    central.until(is_heart)
    central.until(link("heart", "connected"))


def test_a_strap_that_does_not_name_its_service_is_found(made: Rig) -> None:
    made.bluez.strap(announced=[])
    device = pairedfile.Paired(wall_s=1.8e9, role="heart", address=STRAP, announced=False)
    pairedfile.add(made.paired, [device])
    made.central().until(is_heart)


def test_an_adapter_by_name(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central("--adapter", "hci7")
    assert "hci7" in central.until(link("heart", "off", "no-adapter")).words


def test_no_bus_no_bluez_and_no_permission(tmp_path: Path, made: Rig) -> None:
    """Each is one sentence, and it comes back by itself."""
    made.bluez.strap()
    made.pair("heart")
    folder = tmp_path / "other"
    folder.mkdir()
    bus = Bus(folder)
    central = Central(bus.environ, made.paired)
    central.until(link("heart", "off", "no-bluez"))
    bus.close()
    central.until(link("heart", "off", "no-dbus"))
    bus.path.unlink()
    bus = Bus(folder)
    bluez = Fake(bus.environ)
    bluez.strap()
    central.until(is_heart)
    assert central.close() == ""
    bluez.close()
    bus.close()


def test_no_permission(tmp_path: Path, made: Rig) -> None:
    made.pair("heart")
    folder = tmp_path / "other"
    folder.mkdir()
    bus = Bus(folder, DENY)
    bluez = Fake(bus.environ)
    central = Central(bus.environ, made.paired)
    assert "bluetooth" in central.until(link("heart", "off", "denied")).words
    central.close()
    bluez.close()
    bus.close()


def test_without_bleak_it_says_so(made: Rig, tmp_path: Path) -> None:
    made.pair("heart")
    (tmp_path / "bleak.py").write_text("raise ImportError('not here')")
    made.bus.environ_more["PYTHONPATH"] = f"{tmp_path}:{ROOT}"
    assert "not installed" in made.central().until(link("heart", "off", "no-bleak")).words


def test_a_file_of_devices_that_cannot_be_read_is_said(made: Rig) -> None:
    """What was paired stays in force."""
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    kept = made.paired.read_bytes()
    made.paired.unlink()
    made.paired.mkdir()
    assert "cannot be read" in central.until(told("paired-file")).words
    central.until(is_heart)
    made.paired.rmdir()
    made.paired.write_bytes(kept)
    central.until(link("heart", "connected", ""))


def test_calls_that_hang(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    made.bluez("hang", methods=["StartDiscovery"])
    central = made.central()
    central.until(link("heart", "off", "hung"))
    made.bluez("hang", methods=["Disconnect", "StartNotify"])
    central.until(told("no-answer"))
    made.bluez("hang", methods=[])
    central.until(is_heart)


def test_a_bluez_that_is_killed_and_started_again(made: Rig) -> None:
    """It takes the links along and tells nothing of it."""
    made.bluez.strap()
    made.pair("heart")
    central = made.central(usual=True)
    central.until(is_heart)
    made.bluez.close()
    killed_s = time.monotonic()
    gone = central.until(link("heart", "off", "no-bluez"))
    assert gone.since_s - killed_s < 4.0, "sooner than by silence"
    made.bluez = made.opened(Fake(made.bus.environ))
    made.bluez.strap()
    back_s = time.monotonic()
    assert central.until(is_heart).time_s - back_s < RETURN_S


def test_a_bluez_that_is_stopped_in_order_is_not_called_an_adapter(made: Rig) -> None:
    """It takes the adapters out before it goes."""
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    made.bluez("adapter", there=False)
    made.bluez.close()
    central.until(told("no-bluez"))
    central.hear(0.3)
    links = [r for r in central.hear(1.5) if isinstance(r, Link) and r.role == "heart"]
    assert {one.reason for one in links} == {"no-bluez"}


def test_of_several_adapters_the_lowest_that_is_on_is_taken() -> None:
    dbus_fast = pytest.importorskip("dbus_fast")

    def adapter(on: bool) -> dict[str, dict[str, Any]]:
        return {"org.bluez.Adapter1": {"Powered": dbus_fast.Variant("b", on)}}

    some = {"/org/bluez/hci10": adapter(True), "/org/bluez/hci2": adapter(True)}
    assert first_on({**some, "/org/bluez/hci0": adapter(False), "/org/bluez": {}}) == "hci2"
    assert first_on({"/org/bluez/hci0": adapter(False)}) == ""


def test_a_peer_that_does_not_answer_costs_the_other_no_link(made: Rig) -> None:
    made.bluez.strap()
    made.bluez.pod()
    made.bluez("hang", methods=[f"StartNotify {STRAP}"])
    made.pair("pod", "heart")
    central = made.central()
    central.until(is_pod)
    central.until(link("pod", "connected"))
    before = len(central.heard)
    central.until(told("no-answer"))
    central.until(told("no-answer"))
    central.hear(1.0)
    links = [r for _, r in central.heard[before:] if isinstance(r, Link) and r.role == "pod"]
    assert {one.state for one in links} == {"connected"}
    assert made.bluez("tell", address=POD)["calls"].count("Connect") == 1
    made.bluez("hang", methods=[])
    central.until(is_heart)


def test_a_strap_that_links_and_then_hangs_does_not_keep_the_pod_away(made: Rig) -> None:
    """Its services never come: the pod is found and connected before that is given up."""
    made.bluez.strap(resolves=False)
    made.bluez.pod(reach=False)
    made.pair("heart", "pod")
    central = made.central()
    wait_for(lambda: made.bluez("tell", address=STRAP)["connected"])
    made.bluez("reach", address=POD, reach=True)
    central.until(is_pod)
    assert made.bluez("tell", address=STRAP)["calls"] == ["Connect"]
    assert "does not answer" in central.until(told("no-answer")).words
    made.bluez("set", address=STRAP, resolves=True)
    central.until(is_heart)
    assert made.bluez("tell", address=POD)["calls"].count("Connect") == 1


def test_a_strap_that_fails_each_time_does_not_keep_the_pod_unheard(made: Rig) -> None:
    """It is heard first in each look, and would end it: then the pod was listened for no more."""
    made.bluez.strap(refuses=1000)
    made.bluez.pod(late_s=0.4)
    made.pair("heart", "pod")
    central = made.central()
    central.until(is_pod)
    made.bluez("set", address=STRAP, refuses=0)
    central.until(is_heart)


def test_what_is_no_strap_does_not_keep_the_pod_unheard(made: Rig) -> None:
    """It is tried again in a minute only, and until then its announcements end no look."""
    made.bluez.strap(services=[(0x1800, [(0x2A00, ["read"], "41")])], announced=[0x180D])
    made.pair("heart", "pod")
    central = made.central()
    central.until(told("no-service"))
    made.bluez.pod(late_s=0.4, refuses=1)
    central.until(is_pod, 20.0)
    assert made.bluez("tell", address=STRAP)["calls"].count("Connect") == 1


def test_a_bluez_that_stands_still_gives_no_old_value_as_a_fresh_one(made: Rig) -> None:
    """What queued meanwhile comes at once: it is left out, all of it."""
    made.bluez.strap()
    made.pair("heart")
    central = made.central(usual=True)
    central.until(is_heart)
    os.kill(made.bus.process.pid, signal.SIGSTOP)
    try:
        central.hear(3.0)
    finally:
        os.kill(made.bus.process.pid, signal.SIGCONT)
    assert central.until(lambda r: getattr(r, "left_out", 0)) >= 5
    central.until(is_heart)
    times = [r.time_s for _, r in central.heard if isinstance(r, Heart)]
    assert min(b - a for a, b in pairwise(times)) > 0.1
    assert [r for _, r in central.heard if isinstance(r, Link)][-1].state == "connected"


def test_malformed_measurements_end_no_link(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    bad = ["", "00", "01", "1648"]
    made.bluez("beat", address=STRAP, uuid=0x2A37, values=[*bad, "1648000f03"], every_s=0.2)
    counted = central.until(lambda r: r if isinstance(r, Link) and r.malformed >= 3 else None)
    assert counted.state == "connected"
    central.until(is_heart)
    assert central.odd == 0


def test_a_storm_is_rate_limited(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    before, memory_kb = len(central.heard), resident_kb(central.process.pid)
    begun_s = time.monotonic()
    made.bluez("notify", address=STRAP, uuid=0x2A37, values=["1699000f03"], times=3000)
    central.until(lambda r: getattr(r, "left_out", 0) > 2500)
    seconds = time.monotonic() - begun_s
    passed = [r for _, r in central.heard[before:] if isinstance(r, Heart)]
    assert len(passed) <= 20 + 10 * seconds
    assert resident_kb(central.process.pid) - memory_kb < 5_000
    assert central.until(link("heart", "connected"))


def test_what_the_daemon_does_not_take_is_kept(made: Rig) -> None:
    """It stands still for some seconds; every reading has its own time, and none is lost."""
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    begun_s = time.monotonic()
    made.bluez("beat", address=STRAP, uuid=0x2A37, values=["1648000f03"], every_s=0.12)
    time.sleep(2.5)
    central.until(lambda r: r.time_s > begun_s + 2.5)
    times = [r.time_s for _, r in central.heard if isinstance(r, Heart) and r.time_s > begun_s]
    assert len(times) >= 12  # more than the socket holds
    assert max(b - a for a, b in pairwise(times)) < 1.5


def test_pairing_and_forgetting_need_no_restart(made: Rig) -> None:
    made.bluez.strap()
    made.bluez.pod()
    central = made.central()
    assert not [one for one in central.hear(1.0) if not isinstance(one, Link)]
    made.pair("pod")
    central.until(is_pod)
    made.pair("heart")
    central.until(is_heart)
    device = pairedfile.load(made.paired).of("heart")
    assert device is not None
    pairedfile.add(made.paired, [pairedfile.forgotten(device, 1.9e9)])
    central.until(link("heart", "off"))
    wait_for(lambda: not made.bluez("tell", address=STRAP)["connected"])
    assert made.bluez("tell", address=POD)["connected"]


def test_a_device_that_is_no_strap(made: Rig) -> None:
    made.bluez.strap(services=[(0x1800, [(0x2A00, ["read"], "41")])], announced=[0x180D])
    made.pair("heart")
    central = made.central()
    assert "does not measure" in central.until(told("no-service")).words
    central.hear(2.0)
    assert made.bluez("tell", address=STRAP)["calls"].count("Connect") == 1


def test_absurdly_many_services_cost_a_moment(made: Rig) -> None:
    """Among them a measurement that cannot be subscribed."""
    strap = (0x180D, [(0x2A37, ["notify"], "0048")])
    junk = (0x180D, [(0x2A37, ["read"], "00")] * 3)
    made.bluez.strap(services=[junk, strap, *[junk] * 100])
    made.pair("heart")
    made.central(usual=True).until(is_heart)


def test_a_device_that_wants_to_be_bonded(made: Rig) -> None:
    made.bluez.strap(wants_bond=True)
    made.pair("heart")
    central = made.central()
    assert "pair" in central.until(told("needs-bond")).words


def test_connections_that_fail_are_tried_again(made: Rig) -> None:
    made.bluez.strap(refuses=2)
    made.pair("heart")
    central = made.central()
    central.until(told("refused"))
    central.until(is_heart)


def test_a_link_that_breaks_before_its_services_are_looked_at_is_a_trouble() -> None:
    """bleak forgets them in that moment, and says so by an error of its own."""
    bleak_error = pytest.importorskip("bleak.exc").BleakError

    class Gone:
        @property
        def services(self) -> None:
            raise bleak_error("Service Discovery has not been performed yet")

    connection = Connection("heart", Gone())  # type: ignore[arg-type]
    for work in (
        connection.subscribe(lambda _time_s, _data: None),
        connection.battery(lambda _percent: None),
        connection.read(0x2A29),
    ):
        with pytest.raises(RadioError) as told:
            asyncio.run(work)
        assert told.value.trouble is trouble.REFUSED


def test_the_trap_of_straps_is_named(made: Rig) -> None:
    made.bluez.strap(ends_after_s=0.6)
    made.pair("heart")
    central = made.central()
    assert "refuses" in central.until(told("parameters")).words
    central.until(is_heart)


def test_it_ends_in_order_and_leaves_no_link(made: Rig) -> None:
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    central.process.terminate()
    assert central.process.wait(20) == 0
    wait_for(lambda: not made.bluez("tell", address=STRAP)["connected"])


def test_after_a_kill_the_link_that_stayed_is_taken_over(made: Rig) -> None:
    """BlueZ keeps it, and a device that is connected announces nothing."""
    made.bluez.strap()
    made.pair("heart")
    central = made.central()
    central.until(is_heart)
    central.process.kill()
    central.process.wait()
    assert made.bluez("tell", address=STRAP)["connected"]
    again = made.central()
    again.until(is_heart)
    assert made.bluez("tell", address=STRAP)["calls"].count("Connect") == 1
