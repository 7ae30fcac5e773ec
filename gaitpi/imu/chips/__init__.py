"""The chips gaitpi knows: one folder each, found by being here.

A folder is a package of two files, or three. Its ``__init__.py`` has ``CHIPS``, what the reader
needs to know (light: no twin is imported for it), with the chip's own test from ``selftest.py``
where there is one; its ``twin.py`` has ``TWINS``, virtual parts that behave as the maker's
documents say. Nothing else in gaitpi names a family, so adding a chip
touches one folder: docs/adding-a-chip.md.
"""

import functools
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Final

from gaitpi.imu.chip import Chip

if TYPE_CHECKING:
    from gaitpi.imu.virtual.chip import Twin

FAMILIES: Final[tuple[str, ...]] = tuple(
    sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
)
"""The folders, in alphabetical order, so that the order is the same on every machine."""

CHIPS: Final[tuple[Chip, ...]] = tuple(
    chip for family in FAMILIES for chip in import_module(f"{__name__}.{family}").CHIPS
)


def known_addresses() -> tuple[int, ...]:
    """All I2C addresses a known chip can have, ascending."""
    return tuple(sorted({address for chip in CHIPS for address in chip.addresses}))


@functools.cache
def twins() -> "tuple[Twin, ...]":
    """The virtual parts of all families, in the order of the folders; imports them."""
    found = (import_module(f"{__name__}.{family}.twin").TWINS for family in FAMILIES)
    return tuple(twin for family in found for twin in family)
