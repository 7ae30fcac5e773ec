"""``gaitpi ble``: heart-rate strap and foot pod, found, paired, tried and looked at."""

import argparse
import asyncio
import re
import textwrap
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitpi import pairedfile
from gaitpi.cli import actions_of, common_options, complain, load_config, print_json
from gaitpi.config import Config, runs_directory
from gaitpi.errors import (
    EXIT_OK,
    EXIT_PROBLEM,
    GaitpiError,
    InputFileError,
    StartingError,
    UsageError,
)
from gaitpi.pairedfile import Paired
from gaitpi.plaintext import plain

if TYPE_CHECKING:
    from gaitpi.ble.pairing import Found, Near
    from gaitpi.ble.readings import Heart, Pod, Role
    from gaitpi.device.radio import LinkStatus, RadioStatus

HELP: Final = (
    "Heart-rate strap and foot pod by Bluetooth: find, pair and try them, and see how old their"
    " last value is. A paired device is found again by itself; nothing is paired unless you do."
    " Without an action: status."
)
EPILOG: Final = """exit code 0: well; 1: nothing found, a paired device sends nothing, or a
bond could not be ended.
What it says, and what to do about it: docs/ble.md

examples:
  gaitpi ble scan
  gaitpi ble pair
  gaitpi ble pair heart
  gaitpi ble pair F0:0D:00:00:00:01
  gaitpi ble test
  gaitpi ble forget pod"""

WIDTH: Final = 80
CALLED: Final[dict["Role", str]] = {"heart": "heart-rate strap", "pod": "foot pod"}
WORDS: Final[dict[str, "Role"]] = {
    "heart": "heart",
    "strap": "heart",
    "hr": "heart",
    "pod": "pod",
    "footpod": "pod",
    "foot": "pod",
}
_ADDRESS: Final = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_SOON: Final = "A running daemon takes it up within half a minute."
_INDENT: Final = 10
RUNS: Final = 5
"""So many runs are looked through for a last value."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.set_defaults(action=_status, json=False)
    common = common_options(argparse.SUPPRESS)
    for one in (parser, common):  # before the action or after it
        one.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )
    action = actions_of(parser, common)
    scan = action("scan", _scan, "straps and pods that are near", "scan")
    _seconds(scan, 8.0)
    pair = action("pair", _pair, "connect the only one that is near, or the one named", "pair")
    pair.add_argument(
        "what", nargs="?", default="", metavar="WHAT", help="heart, pod, or an address"
    )
    pair.add_argument(
        "--as", dest="role", choices=("heart", "pod"), help="which of both, if it can be both"
    )
    _seconds(pair, 8.0)
    forget = action("forget", _forget, "do not use a device any more", "forget pod")
    forget.add_argument("what", metavar="WHAT", help="heart, pod, an address, or all")
    test = action("test", _test, "what each paired device sends in some seconds", "test")
    _seconds(test, 10.0)
    action("status", _status, "links, values, and how old they are", "status")


def _seconds(parser: argparse.ArgumentParser, usual: float) -> None:
    parser.add_argument(
        "--seconds", type=_time, default=usual, metavar="S", help=f"how long (default: {usual:g})"
    )


def _time(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 300.0:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a time from 0.5 to 300 s")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Do the action. Raises UsageError, PairedFileError, RadioError or ConfigError."""
    code: int = args.action(args)
    return code


def _file(config: Config) -> Path:
    return pairedfile.path_in(runs_directory(config))


def _devices(config: Config) -> pairedfile.Devices:
    devices = pairedfile.load(_file(config))
    if devices.damaged:
        complain(
            f"{devices.damaged} damaged line{'s' * (devices.damaged > 1)} in {_file(config)} left"
            " out. Pair again what is missing."
        )
    return devices


# -- what is near


def _scan(args: argparse.Namespace) -> int:
    from gaitpi.ble import pairing
    from gaitpi.ble.radio import Radio

    config = load_config(args)
    devices = _devices(config)
    near = asyncio.run(pairing.look(Radio(config.ble.adapter), seconds=args.seconds))
    mine = {one.address for one in devices.in_force}
    if args.json:
        print_json([_near_json(one, one.address in mine) for one in near])
    else:
        for one in near:
            print(_near_words(one, "  paired" if one.address in mine else ""))
        if not near:
            complain(_nothing_near(devices))
    return EXIT_OK if near else EXIT_PROBLEM


def _nothing_near(devices: pairedfile.Devices) -> str:
    words = "No strap and no pod is heard. A strap wakes on skin that is wet, a pod when it is"
    words += " shaken; one that is connected to a watch or phone is not heard."
    return words if not devices.in_force else f"{words} 'gaitpi ble status' shows the paired ones."


def _near_words(one: "Near", mark: str = "") -> str:
    what = " and ".join(CALLED[role] for role in one.roles) or "says not what it measures"
    name = plain(one.name) or "(no name)"
    return f"{one.address}  {name[:24]:<24}  {what:<16}  {_signal(one.rssi)}{mark}"


def _near_json(one: "Near", paired: bool) -> dict[str, Any]:
    return {
        "address": one.address,
        "name": plain(one.name),
        "roles": one.roles,
        "rssi": one.rssi,
        "signal": _signal(one.rssi),
        "paired": paired,
    }


def _signal(rssi: int | None) -> str:
    """How strong it is heard, in a word."""
    if rssi is None:
        return "connected"
    return "strong" if rssi >= -65 else "good" if rssi >= -80 else "weak"


# -- pairing


def _pair(args: argparse.Namespace) -> int:
    from gaitpi.ble import pairing
    from gaitpi.ble.radio import Radio

    config = load_config(args)
    devices = _devices(config)
    role, address = _wanted(args.what)
    if role is not None and args.role not in (None, role):
        raise UsageError(f"'{plain(args.what)}' and --as {args.role} contradict each other.")
    role = args.role or role
    radio = Radio(config.ble.adapter)

    async def work() -> "tuple[Near, Found] | list[Near]":
        near = await pairing.look(radio, seconds=args.seconds, address=address)
        fit = _fitting(near, role, address, devices)
        if len(fit) != 1:
            return fit
        return fit[0], await pairing.examine(radio, fit[0], role)

    found = asyncio.run(work())
    if isinstance(found, list):
        return _undecided(args, found, role, address, devices)
    near, said = found
    return _keep(args, config, devices, near, said)


def _wanted(text: str) -> "tuple[Role | None, str]":
    """A role, or an address in capitals. Raises UsageError."""
    if _ADDRESS.fullmatch(text):
        return None, text.upper()
    if text and text.lower() not in WORDS:
        raise UsageError(
            f"'{plain(text)[:40]}' is neither heart nor pod nor an address.",
            "'gaitpi ble scan' lists addresses.",
        )
    return WORDS.get(text.lower()), ""


def _fitting(
    near: "list[Near]", role: "Role | None", address: str, devices: pairedfile.Devices
) -> "list[Near]":
    """Those it may be; of several the one that is not paired yet."""
    if address:
        return [one for one in near if one.address == address]
    fit = [one for one in near if role is None or role in one.roles]
    mine = {one.address for one in devices.in_force}
    fresh = [one for one in fit if one.address not in mine]
    return fresh if len(fit) > 1 and fresh else fit


def _undecided(
    args: argparse.Namespace,
    near: "list[Near]",
    role: "Role | None",
    address: str,
    devices: pairedfile.Devices,
) -> int:
    if args.json:
        print_json({"paired": None, "near": [_near_json(one, False) for one in near]})
    if near:
        if not args.json:
            print("\n".join(map(_near_words, near)))
        complain("Several are near. Name one: gaitpi ble pair ADDRESS")
    elif address:
        complain(f"{address} is not heard. Is it awake, and connected to no watch or phone?")
    elif role:
        complain(f"No {CALLED[role]} is heard. {_nothing_near(devices).partition('. ')[2]}")
    else:
        complain(_nothing_near(devices))
    return EXIT_PROBLEM


def _keep(
    args: argparse.Namespace,
    config: Config,
    devices: pairedfile.Devices,
    near: "Near",
    found: "Found",
) -> int:
    before = devices.of(found.role)
    bonded = before is not None and before.address == near.address and before.bonded
    record = Paired(
        wall_s=time.time(),
        role=found.role,
        address=near.address,
        address_type=str(near.device.details.get("props", {}).get("AddressType", ""))[:20],
        name=near.name[:80],
        adapter=config.ble.adapter,
        services=found.services,
        announced=near.announced,
        information=found.information,
        bonded=found.bonded or bonded,
    )
    pairedfile.add(_file(config), [record])
    if args.json:
        print_json({"paired": record, "battery": found.battery, "reading": found.reading})
        return EXIT_OK
    rows = [("paired", f"{record.called} ({record.address}) as {CALLED[found.role]}")]
    if before is not None and before.address != record.address:
        rows.append(("instead of", f"{before.called} ({before.address})"))
    rows += [("it is", ", ".join(found.information.values()))] if found.information else []
    rows += [("battery", f"{found.battery} %")] if found.battery is not None else []
    rows.append(("it sends", _sends(found)))
    rows += [("bonded", "it demanded that")] if found.bonded else []
    rows.append(("next", _SOON if config.ble.enabled else "ble.enabled is false: it is not used"))
    _print(rows)
    return EXIT_OK


def _sends(found: "Found") -> str:
    if found.reading is not None:
        return reading_words(found.reading)
    if found.malformed:
        return f"{_measurements(found.malformed)} that make no sense"
    return "nothing yet: is it worn?"


def reading_words(reading: "Heart | Pod") -> str:
    """A measurement in words."""
    from gaitpi.ble.readings import Heart

    if isinstance(reading, Heart):
        return _heart_words(reading.known_bpm, reading.contact, len(reading.rr_s))
    return _pod_words(reading.known_speed_ms, reading.cadence_rpm, reading.running)


def _heart_words(bpm: int | None, contact: bool | None, intervals: int = 0) -> str:
    words = "no heart rate" if bpm is None else f"{bpm} bpm"
    words += {True: ", on the skin", False: ", not on the skin", None: ""}[contact]
    return words + (", with RR intervals" if intervals else "")


def _pod_words(speed_ms: float | None, cadence: int | None, running: bool | None) -> str:
    words = "no speed" if speed_ms is None else f"{speed_ms * 3.6:.1f} km/h"
    words += f", {cadence} a minute" if cadence is not None else ""
    return words + (", running" if running else "")


# -- forgetting


def _forget(args: argparse.Namespace) -> int:
    config = load_config(args)
    devices = _devices(config)
    if args.what == "all":
        gone = list(devices.in_force)
    else:
        role, address = _wanted(args.what)
        gone = [one for one in devices.in_force if role == one.role or address == one.address]
    if not gone:
        complain("No such device is paired.")
        return EXIT_PROBLEM
    now = time.time()
    devices = pairedfile.add(_file(config), [pairedfile.forgotten(one, now) for one in gone])
    left = _end_bonds(config, gone, devices)
    if args.json:
        print_json({"forgotten": [one.address for one in gone], "bonds_left": list(left)})
    for one in () if args.json else gone:
        print(f"Forgotten: {one.called} ({one.address}), {CALLED[one.role]}.")
    for address, why in left.items():
        complain(f"BlueZ keeps its bond with it. {why} Later: bluetoothctl remove {address}")
    return EXIT_PROBLEM if left else EXIT_OK


def _end_bonds(config: Config, gone: list[Paired], devices: pairedfile.Devices) -> dict[str, str]:
    """End the bonds that pairing has made and nobody needs; those that stay, and why."""
    from gaitpi.ble.radio import Radio, RadioError

    needed = {one.address for one in devices.in_force}  # a device can have both roles
    left = {}
    for address in {one.address for one in gone if one.bonded} - needed:
        try:
            asyncio.run(Radio(config.ble.adapter).unbond(address))
        except RadioError as error:
            left[address] = error.trouble.found
    return left


# -- how it is


def _status(args: argparse.Namespace) -> int:
    config = load_config(args)
    devices = _devices(config)
    radio, problem = _daemon()
    if not devices.in_force:
        if args.json:
            print_json({"devices": [], "daemon": not problem})
        else:
            print("Nothing is paired. Wet the strap, put it on, then: gaitpi ble pair")
        return EXIT_OK
    looks = [_look_at(one, radio, problem) for one in devices.in_force]
    if problem:
        for one, look in zip(devices.in_force, looks, strict=True):
            look["last_seen"] = _last_seen(runs_directory(config), one.role)
    if args.json:
        print_json({"devices": looks, "daemon": not problem})
    else:
        for one, look in zip(devices.in_force, looks, strict=True):
            _print([(CALLED[one.role].split("-")[0], _line(one, look))])
            if look["words"]:
                _print([("", look["words"])])
        if problem:
            complain(problem)
        elif not config.ble.enabled:
            complain("ble.enabled is false: paired devices are left alone.")
    return EXIT_OK if all(look["fresh"] for look in looks) else EXIT_PROBLEM


def _daemon() -> "tuple[RadioStatus | None, str]":
    """What the running daemon knows of the links; else why there is none."""
    from gaitpi.cli.status import START
    from gaitpi.device import status as device

    try:
        status = device.find()
    except InputFileError as error:
        return None, str(error)
    if status is None:
        return None, f"gaitpi is not running, so nothing is connected. {START}"
    why = device.judge(status)
    if why:
        return None, f"gaitpi is not running: {why}. {START}"
    if status.starting:
        return None, str(StartingError(status.starting))
    # what the file says is as old as the file
    return _aged(status.radio, max(0.0, time.monotonic() - status.updated_s)), ""


def _aged(radio: "RadioStatus | None", seconds: float) -> "RadioStatus | None":
    """The same, so many seconds later."""
    from msgspec.structs import replace

    if radio is None:
        return None
    heart, pod = radio.heart, radio.pod
    if heart is not None and heart.age_s is not None:
        heart = replace(heart, age_s=heart.age_s + seconds)
    if pod is not None and pod.age_s is not None:
        pod = replace(pod, age_s=pod.age_s + seconds)
    links = tuple(replace(link, for_s=link.for_s + seconds) for link in radio.links)
    return replace(radio, heart=heart, pod=pod, links=links)


def _look_at(one: Paired, radio: "RadioStatus | None", problem: str) -> dict[str, Any]:
    """One device: its link and its value, for JSON and for words."""
    from gaitpi.ble.readings import STALE_S

    link = _link_of(one, radio)
    value, age_s = _value_of(one, radio)
    fresh = value is not None and age_s is not None and age_s <= STALE_S
    return {
        "role": one.role,
        "address": one.address,
        "name": one.called,
        "paired_s": one.wall_s if one.dated else None,
        "state": link.state if link else ("unknown" if not problem else "off"),
        "for_s": link.for_s if link else None,
        "battery": link.battery if link else None,
        "reason": link.reason if link else "",
        "words": link.words if link else "",
        "malformed": link.malformed if link else 0,
        "left_out": link.left_out if link else 0,
        "lost": link.lost if link else 0,
        "value": value if fresh else None,
        "age_s": age_s,
        "fresh": fresh,
    }


def _link_of(one: Paired, radio: "RadioStatus | None") -> "LinkStatus | None":
    for link in radio.links if radio else ():
        if link.role == one.role and link.address in ("", one.address):
            return link
    return None


def _value_of(one: Paired, radio: "RadioStatus | None") -> tuple[str | None, float | None]:
    """The last value in words, None where it is stale, and its age."""
    if radio is None:
        return None, None
    if one.role == "heart":
        heart = radio.heart
        if heart is None or heart.age_s is None:
            return None, None
        stale = heart.bpm is None and heart.contact is None
        return None if stale else _heart_words(heart.bpm, heart.contact), heart.age_s
    pod = radio.pod
    if pod is None or pod.age_s is None:
        return None, None
    if pod.cadence_rpm is None:
        return None, pod.age_s
    return _pod_words(pod.speed_ms, pod.cadence_rpm, pod.running), pod.age_s


def _line(one: Paired, look: dict[str, Any]) -> str:
    """``FakeHRM: connected for 3 min; 72 bpm, 0.6 s ago; battery 88 %``."""
    parts = [f"{one.called}: {_state(look)}", _value(look)]
    if look["battery"] is not None:
        parts.append(f"battery {look['battery']} %")
    if look["malformed"]:
        parts.append(f"{_measurements(look['malformed'])} made no sense")
    if look["lost"]:
        parts.append(f"{_measurements(look['lost'])} lost: gaitpi was away for more than a minute")
    return "; ".join(part for part in parts if part)


def _measurements(count: int) -> str:
    return f"{count} measurement{'s' * (count != 1)}"


def _state(look: dict[str, Any]) -> str:
    from gaitpi.device.radio import state_words

    if look["for_s"] is None:
        when = "" if look["paired_s"] is None else f" since {_day(look['paired_s'])}"
        seen = look.get("last_seen")
        last = f", last value {seen[:10]} {seen[11:16]}" if seen else ", no value in a run yet"
        return f"paired{when}, not connected{last if 'last_seen' in look else ''}"
    return f"{state_words(look['state'])} for {_span(look['for_s'])}"


def _last_seen(folder: Path, role: "Role") -> str | None:
    """When the newest run that heard one has its last value, as ISO 8601; None for none."""
    from gaitpi.runs.reader import RunReader, newest

    for entry in newest(folder, RUNS):
        try:
            with RunReader(entry.path) as reader:
                rows = reader.hearts() if role == "heart" else reader.pods()
                if rows:
                    return (reader.started + timedelta(seconds=rows[-1].time_s)).isoformat()
        except (GaitpiError, OverflowError):
            continue  # a damaged run is told by others
    return None


def _value(look: dict[str, Any]) -> str:
    age_s = look["age_s"]
    if look["fresh"]:
        return f"{look['value']}, {age_s:.1f} s ago"
    if age_s is None:
        return "no data yet" if look["for_s"] is not None else ""
    return f"no data for {_span(age_s)}"


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _day(wall_s: float) -> str:
    try:
        return f"{datetime.fromtimestamp(wall_s).astimezone():%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):
        return "an unknown day"


# -- trying


def _test(args: argparse.Namespace) -> int:
    config = load_config(args)
    devices = _devices(config)
    if not devices.in_force:
        complain("Nothing is paired. Pair first: gaitpi ble pair")
        return EXIT_PROBLEM
    problem = _daemon()[1]
    shared = not problem and config.ble.enabled
    if shared:
        looks = _watched(devices, args.seconds)
    else:
        looks = [_tried(config, one, args.seconds) for one in devices.in_force]
    if args.json:
        print_json({"devices": looks, "daemon": shared})
    else:
        if shared:
            print("gaitpi runs and has the links; this is what it got:")
        for one, look in zip(devices.in_force, looks, strict=True):
            _print([(CALLED[one.role].split("-")[0], _line(one, look))])
            if look["words"]:
                _print([("", look["words"])])
    return EXIT_OK if all(look["fresh"] for look in looks) else EXIT_PROBLEM


def _watched(devices: pairedfile.Devices, seconds: float) -> list[dict[str, Any]]:
    """Share the daemon's links: look until each has a fresh value, at most so long."""
    end_s = time.monotonic() + seconds
    while True:
        radio, problem = _daemon()
        looks = [_look_at(one, radio, problem) for one in devices.in_force]
        if all(look["fresh"] for look in looks) or time.monotonic() >= end_s:
            return looks
        time.sleep(0.25)


def _tried(config: Config, one: Paired, seconds: float) -> dict[str, Any]:
    """Connect it now, without a daemon, and hear what comes."""
    from gaitpi.ble import pairing, trouble
    from gaitpi.ble.radio import Radio, RadioError

    radio = Radio(config.ble.adapter)

    async def work() -> "Found":
        near = await pairing.look(radio, seconds=seconds, address=one.address)
        mine = [found for found in near if found.address == one.address]
        if not mine:
            raise RadioError(trouble.NOT_SEEN)
        return await pairing.examine(radio, mine[0], one.role, hear_s=seconds)

    look = _look_at(one, None, "no daemon")
    try:
        found = asyncio.run(work())
    except RadioError as error:
        return look | {"reason": error.trouble.reason, "words": error.trouble.words}
    now_s = time.monotonic()
    look |= {"battery": found.battery, "malformed": found.malformed}
    look |= {"state": "connected", "for_s": now_s - found.linked_s}
    if found.reading is None:
        return look | {"words": "It is connected, but sends nothing. Is it worn?"}
    value, age_s = reading_words(found.reading), now_s - found.reading.time_s
    return look | {"value": value, "age_s": age_s, "fresh": True}


def _print(rows: Iterable[tuple[str, str]]) -> None:
    for name, words in rows:
        print(
            textwrap.fill(
                plain(words),
                WIDTH,
                initial_indent=f"{name:<{_INDENT}} ",
                subsequent_indent=" " * (_INDENT + 1),
                break_on_hyphens=False,
            )
        )
