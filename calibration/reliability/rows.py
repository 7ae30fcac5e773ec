"""All rows of the matrix, from the modules beside this one."""

import importlib
import os
import pkgutil
import shutil
import sys
from pathlib import Path

import calibration.reliability as room
from calibration.reliability import Row


def every_row() -> list[Row]:
    """The rows of all subjects. Raises ValueError when two have one number."""
    rows: list[Row] = []
    for module in pkgutil.iter_modules(room.__path__):
        if module.name not in ("rows", "__main__"):
            rows += getattr(importlib.import_module(f"{room.__name__}.{module.name}"), "ROWS", ())
    numbers = [row.number for row in rows]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"two rows have one number: {sorted(numbers)}")
    return rows


def lacking(needs: str) -> str:
    """What the machine lacks of it, in words; empty when it has it."""
    if needs == "":
        return ""
    if needs == "guest":
        from tests.hil.build import lacking as guest_lacks

        return guest_lacks()
    if needs == "root":
        return "" if os.geteuid() == 0 else "it takes root"
    if needs == "data":
        folder = Path(__file__).parents[3] / "shared" / "data"
        return "" if folder.is_dir() else f"there are no recordings in {folder}"
    if needs == "linux":
        return "" if sys.platform == "linux" else "it takes Linux"
    return "" if shutil.which(needs) else f"{needs} is not installed"
