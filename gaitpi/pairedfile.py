"""Which strap and which foot pod are the runner's own: one line of JSON for each, beside the runs.

One device for each role is in force, the one that was paired last; to forget it is a record too.
The file is replaced at one stroke and synced, every line has a checksum, and a line that is torn or
damaged is left out and said so. What a device says of itself is a stranger's text: it is kept plain
and short.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from gaitpi import jsonlines
from gaitpi.ble.readings import Role
from gaitpi.errors import GaitpiError
from gaitpi.plaintext import plain
from gaitpi.targetfile import CLOCK_SET_S

NAME: Final = "ble.jsonl"
ROLES: Final[tuple[Role, ...]] = ("heart", "pod")
KEPT: Final = 200
"""So many records are kept, and what is in force; older ones go."""

Text = Annotated[str, Meta(max_length=80)]
Address = Annotated[str, Meta(pattern=r"^([0-9A-F]{2}:){5}[0-9A-F]{2}$", max_length=17)]


class PairedFileError(GaitpiError, OSError):
    """The paired devices cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Paired(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device in a role, or (``on`` False) none any more.

    ``wall_s`` seconds since 1970 by the clock then; ``address`` in capitals with colons and
    ``address_type`` as BlueZ says ("public", "random"); ``adapter`` ("hci0"; "" any);
    ``services`` 128-bit UUIDs; ``announced`` whether it names its service in what it sends out, so
    that it may be looked for by that; ``information`` what it says of itself (maker, model ...);
    ``bonded`` whether it demanded to be.
    """

    wall_s: float
    role: Role
    address: Address
    on: bool = True
    address_type: Annotated[str, Meta(max_length=20)] = ""
    name: Text = ""
    adapter: Annotated[str, Meta(pattern=r"^(hci[0-9]{1,3})?$")] = ""
    services: Annotated[tuple[Annotated[str, Meta(max_length=36)], ...], Meta(max_length=64)] = ()
    announced: bool = True
    information: Annotated[dict[Text, Text], Meta(max_length=16)] = {}
    bonded: bool = False

    @property
    def dated(self) -> bool:
        """False when the clock had never been set."""
        return self.wall_s >= CLOCK_SET_S

    @property
    def called(self) -> str:
        """Its name fit for a terminal, else its address."""
        return plain(self.name) or self.address


@dataclass(frozen=True, slots=True)
class Devices:
    """All records, oldest first; ``damaged`` lines were left out."""

    records: tuple[Paired, ...] = ()
    damaged: int = 0

    def of(self, role: Role) -> Paired | None:
        """The device in force."""
        for record in reversed(self.records):
            if record.role == role:
                return record if record.on else None
        return None

    @property
    def in_force(self) -> tuple[Paired, ...]:
        """One for each role that has one."""
        return tuple(device for role in ROLES if (device := self.of(role)) is not None)


def path_in(runs_directory: Path) -> Path:
    """The file that belongs to a folder of runs."""
    return runs_directory / NAME


_FILE: Final = jsonlines.Kind(
    "the paired devices in {path}", "a file of paired devices", PairedFileError
)


def load(path: Path) -> Devices:
    """Read the file; a missing one has no devices. Raises PairedFileError when it cannot be."""
    lines = _FILE.read(path)
    found: list[Paired | None] = [jsonlines.unpack(line, Paired) for line in lines]
    records = tuple(record for record in found if record is not None)
    return Devices(records, len(lines) - len(records))


def add(path: Path, records: Iterable[Paired]) -> Devices:
    """Add records to the file, synced; what is then in it.

    Raises PairedFileError; then it is as before.
    """
    devices = Devices((*load(path).records, *records))
    newest, older = devices.records[-KEPT:], devices.records[:-KEPT]
    kept = (*(one for one in older if one in devices.in_force), *newest)
    _FILE.replace(path, map(jsonlines.pack, kept))
    return Devices(kept)


def forgotten(device: Paired, wall_s: float) -> Paired:
    """The record that ends a pairing."""
    return msgspec.structs.replace(device, wall_s=wall_s, on=False)
