"""``gaitpi ble`` as a person calls it, against the fake BlueZ and daemon's status files."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gaitpi import __version__, pairedfile
from gaitpi.device import status as device
from gaitpi.device.radio import HeartStatus, LinkStatus, PodStatus, RadioStatus
from gaitpi.runs.reader import RunReader
from tests.ble.rig import DENY, POD, ROOT, STRAP, Bus, Fake, dbus_or_skip
from tests.runs import sample

WIDTH = 80


class Home:
    """A user, with or without a bus."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus: Bus | None = None

    @property
    def paired(self) -> Path:
        return self.folder / "state" / "gaitpi" / "runs" / "ble.jsonl"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        bus = f"unix:path={self.bus.path}" if self.bus else f"unix:path={self.folder}/none"
        done = subprocess.run(
            [sys.executable, "-m", "gaitpi", *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "HOME": str(self.folder),
                "XDG_STATE_HOME": str(self.folder / "state"),
                "RUNTIME_DIRECTORY": str(self.folder / "runtime"),
                "COLUMNS": str(WIDTH),
                "DBUS_SYSTEM_BUS_ADDRESS": bus,
            },
            capture_output=True,
            encoding="utf-8",
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert all(len(line) <= WIDTH for line in done.stdout.splitlines()), done.stdout
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def status(self, radio: RadioStatus | None, **fields: Any) -> None:
        """A daemon that is this very process has just spoken."""
        now = time.monotonic()
        given: dict[str, Any] = {
            "pid": os.getpid(),
            "version": __version__,
            "boot_id": device.boot_id(),
            "since_s": now - 60.0,
            "updated_s": now,
            "state": "running",
            "radio": radio,
        } | fields
        device.StatusFile(self.folder / "runtime" / "status.json").write(device.Status(**given))

    def pair(self, **fields: Any) -> None:
        given: dict[str, Any] = {
            "wall_s": 1.8e9,
            "role": "heart",
            "address": STRAP,
            "name": "HRM",
        } | fields
        pairedfile.add(self.paired, [pairedfile.Paired(**given)])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def near(home: Home) -> Iterator[Fake]:
    """A BlueZ of the user's own."""
    dbus_or_skip()
    home.bus = Bus(home.folder)
    bluez = Fake(home.bus.environ)
    yield bluez
    bluez.close()
    home.bus.close()


def test_scan_pair_test_and_forget(home: Home, near: Fake) -> None:
    near.strap()
    near.pod()
    out = home.run("ble", "scan", "--seconds", "0.6").stdout
    assert f"{STRAP}  FakeHRM" in out
    assert "foot pod          strong" in out

    several = home.run("ble", "pair", "--seconds", "0.6")
    assert several.returncode == 1
    assert "Name one" in several.stderr

    out = home.run("ble", "pair", "heart", "--seconds", "0.6").stdout
    assert "Fake, H1" in out
    assert "88 %" in out
    assert "72 bpm, on the skin, with RR intervals" in out
    device_ = pairedfile.load(home.paired).of("heart")
    assert device_ is not None
    assert (device_.address, device_.name, device_.bonded) == (STRAP, "FakeHRM", False)
    assert device_.address_type == "random"
    assert not near("tell", address=STRAP)["connected"]

    assert home.json("ble", "pair", POD.lower(), "--seconds", "2")["paired"]["role"] == "pod"
    tried = home.run("ble", "test", "--seconds", "2")
    assert tried.returncode == 0, tried.stderr
    assert "72 bpm" in tried.stdout
    assert "10.8 km/h, 170 a minute, running" in tried.stdout

    near("reach", address=POD, reach=False)
    tried = home.run("ble", "test", "--seconds", "0.6")
    assert tried.returncode == 1
    assert "Nothing is heard of it." in tried.stdout

    assert "Forgotten: FakePod" in home.run("ble", "forget", "pod").stdout
    assert [one.role for one in pairedfile.load(home.paired).in_force] == ["heart"]
    assert home.run("ble", "forget", "pod").returncode == 1


def test_it_bonds_only_where_that_is_demanded(home: Home, near: Fake) -> None:
    near.strap(wants_bond=True)
    assert "it demanded that" in home.run("ble", "pair", "--seconds", "0.6").stdout
    assert near("tell", address=STRAP)["calls"].count("Pair") == 1
    found = pairedfile.load(home.paired).of("heart")
    assert found is not None
    assert found.bonded


def test_to_forget_ends_the_bond_that_pairing_made(home: Home, near: Fake) -> None:
    near.strap(wants_bond=True)
    home.run("ble", "pair", "--seconds", "0.6")
    home.run("ble", "pair", "--seconds", "0.6")  # anew: the bond is still the one made then
    assert near("tell", address=STRAP)["bonded"]
    # the same device in the other role, too: one that is still used keeps its bond
    home.pair(role="pod", bonded=True)
    assert home.json("ble", "forget", "pod") == {"forgotten": [STRAP], "bonds_left": []}
    assert near("tell", address=STRAP)["bonded"]

    near("fail", RemoveDevice="org.bluez.Error.NotReady")
    home.pair(role="pod", address=POD, bonded=True)  # of which BlueZ knows nothing
    done = home.run("ble", "forget", "all")
    assert done.returncode == 1
    assert done.stdout.count("Forgotten") == 2
    assert "BlueZ keeps its bond with it." in done.stderr
    assert f"bluetoothctl remove {STRAP}" in done.stderr
    assert POD not in done.stderr

    near("fail")
    home.pair(bonded=True)
    assert home.run("ble", "forget", "heart").returncode == 0
    assert not near("tell", address=STRAP)["bonded"]


def test_a_bond_that_pairing_did_not_make_is_left_alone(home: Home, near: Fake) -> None:
    near.strap(wants_bond=True)
    home.run("ble", "pair", "--seconds", "0.6")
    home.pair(bonded=False)
    assert home.run("ble", "forget", "heart").returncode == 0
    assert near("tell", address=STRAP)["bonded"]


def test_what_is_no_strap_is_not_paired(home: Home, near: Fake) -> None:
    near.strap(services=[(0x1800, [(0x2A00, ["read"], "41")])], announced=[0x180D])
    done = home.run("ble", "pair", "--seconds", "0.6")
    assert done.returncode == 1
    assert "does not measure" in done.stderr
    assert not home.paired.exists()


def test_an_absurd_name_moves_no_cursor(home: Home, near: Fake) -> None:
    near.strap(name="\x1b[2J" + "wow " * 60)
    assert "\x1b" not in home.run("ble", "pair", "--seconds", "0.6").stdout
    found = pairedfile.load(home.paired).of("heart")
    assert found is not None
    assert len(found.name) <= 80
    assert "\x1b" not in home.run("ble").stdout


def test_nothing_near_is_one_sentence(home: Home, near: Fake) -> None:
    done = home.run("ble", "pair", "--seconds", "0.6")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No strap and no pod is heard." in done.stderr
    assert "is not heard" in home.run("ble", "pair", POD, "--seconds", "0.6").stderr


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"do": "adapter", "there": False}, "There is no Bluetooth adapter."),
        ({"do": "adapter", "powered": False}, "bluetoothctl power on"),
        ({"do": "hang", "methods": ["StartDiscovery"]}, "does not answer"),
    ],
)
def test_each_trouble_is_said(home: Home, near: Fake, order: dict[str, Any], words: str) -> None:
    near(**order)
    done = home.run("ble", "scan", "--seconds", "0.6")
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_bus_no_bluez_and_no_permission_are_said(home: Home) -> None:
    dbus_or_skip()
    done = home.run("ble", "scan")
    assert done.returncode == 1
    assert "D-Bus cannot be reached" in done.stderr
    home.bus = Bus(home.folder)
    assert "bluetooth service does not run" in home.run("ble", "scan").stderr.lower()
    home.bus.close()
    home.bus.path.unlink()
    home.bus = Bus(home.folder, DENY)
    bluez = Fake(home.bus.environ)
    assert "usermod -aG bluetooth" in home.run("ble", "scan").stderr
    bluez.close()
    home.bus.close()


def test_to_forget_without_bluez_says_that_the_bond_is_left(home: Home) -> None:
    dbus_or_skip()
    home.pair(bonded=True)
    done = home.run("ble", "forget", "heart")
    assert done.returncode == 1
    assert "Forgotten" in done.stdout
    assert "D-Bus cannot be reached, so there is no Bluetooth. Later: bluetoothctl" in done.stderr
    assert not pairedfile.load(home.paired).in_force


def test_status_without_a_daemon_says_what_is_paired(home: Home) -> None:
    done = home.run("ble")
    assert done.returncode == 0
    assert "Nothing is paired." in done.stdout
    home.pair()
    done = home.run("ble")
    assert done.returncode == 1
    assert "HRM: paired since 2027-01-1" in done.stdout
    assert "not running" in done.stderr
    found = home.json("ble", "status")["devices"][0]
    assert (found["value"], found["age_s"], found["fresh"]) == (None, None, False)


def test_status_without_a_daemon_says_when_a_run_had_a_value(home: Home) -> None:
    home.pair()
    home.pair(role="pod", address=POD, name="Pod")
    run = home.paired.with_name("20261120-170000-aaaa.gaitpi")
    readings = [sample.heart(1.0), sample.heart(61.0)]
    sample.write_run(run, readings=readings)
    with RunReader(run) as reader:
        last = reader.started + timedelta(seconds=61.0)
    heart, pod = home.json("ble")["devices"]
    assert heart["last_seen"] == last.isoformat()
    assert pod["last_seen"] is None
    out = " ".join(home.run("ble").stdout.split())
    assert f"last value {last:%Y-%m-%d %H:%M}" in out
    assert "not connected, no value in a run yet" in out


def link(**fields: Any) -> LinkStatus:
    given: dict[str, Any] = {"role": "heart", "state": "connected", "for_s": 200.0}
    return LinkStatus(**(given | {"address": STRAP} | fields))


def test_status_says_link_and_value_and_how_old_they_are(home: Home) -> None:
    home.pair()
    home.pair(role="pod", address=POD, name="Pod")
    radio = RadioStatus(
        heart=HeartStatus(bpm=72, age_s=0.6, contact=True),
        pod=PodStatus(age_s=40.0),
        links=(
            link(battery=88),
            link(role="pod", address=POD, state="lost", words="Nothing is heard of it."),
        ),
    )
    home.status(radio)
    done = home.run("ble", "status")
    assert done.returncode == 1
    out = " ".join(done.stdout.split())
    assert "HRM: connected for 3 min; 72 bpm, on the skin, " in out
    assert " s ago; battery 88 %" in out
    assert "Pod: lost for 3 min; no data for 4" in out
    assert "Nothing is heard of it." in done.stdout
    assert done.stderr == ""


def test_status_says_what_made_no_sense_and_what_was_lost(home: Home) -> None:
    home.pair()
    heart = HeartStatus(bpm=72, age_s=0.2)
    home.status(RadioStatus(heart=heart, links=(link(malformed=1, lost=34),)))
    out = " ".join(home.run("ble").stdout.split())
    assert "; 1 measurement made no sense; 34 measurements lost: gaitpi was away" in out
    assert home.json("ble")["devices"][0]["lost"] == 34
    home.status(RadioStatus(heart=heart, links=(link(),)))
    assert "measurement" not in home.run("ble").stdout


def test_a_value_that_is_stale_by_now_is_none(home: Home) -> None:
    """The status file is a second old or more, and ages the value."""
    home.pair()
    radio = RadioStatus(heart=HeartStatus(bpm=72, age_s=4.0, contact=True), links=(link(),))
    home.status(radio, updated_s=time.monotonic() - 3.0)
    found = home.json("ble")["devices"][0]
    assert found["value"] is None
    assert found["age_s"] > 6.9
    assert "72" not in home.run("ble").stdout


def test_the_test_shares_the_daemons_link(home: Home) -> None:
    """Without touching the radio: a second connection would end the daemon's."""
    home.pair()
    home.status(RadioStatus(heart=HeartStatus(bpm=72, age_s=0.2), links=(link(),)))
    done = home.run("ble", "test", "--seconds", "0.6")
    assert done.returncode == 0
    assert "gaitpi runs and has the links" in done.stdout
    assert "72 bpm" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("pair", "heart", "--as", "pod"),
        ("pair", "nonsense"),
        ("scan", "--seconds", "0"),
        ("forget",),
        ("fly",),
    ],
)
def test_wrong_usage_is_said(home: Home, arguments: tuple[str, ...]) -> None:
    done = home.run("ble", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_damaged_file_is_said(home: Home) -> None:
    home.pair()
    home.paired.write_bytes(home.paired.read_bytes() + b'["00000000",{}]\n')
    assert "1 damaged line" in home.run("ble").stderr
