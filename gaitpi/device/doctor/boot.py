"""The Pi's config.txt: what is in it, and adding a line that can be taken out again."""

import shutil
import time
from pathlib import Path
from typing import Final

from gaitpi.config import replace_file
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.errors import GaitpiError

PLACES: Final = ("boot/firmware/config.txt", "boot/config.txt")


def config_txt(s: Surroundings) -> Path | None:
    """The file of this system; None where there is none."""
    return next((path for place in PLACES if (path := s.path(place)).is_file()), None)


def has(s: Surroundings, line: str) -> bool:
    """Whether config.txt has ``line`` in a section that counts for every board."""
    path = config_txt(s)
    if path is None:
        return False
    counts = True
    for one in path.read_text(errors="replace").splitlines():
        text = one.strip()
        if text.startswith("["):
            counts = text.lower() == "[all]"
        elif counts and text == line:
            return True
    return False


def add(s: Surroundings, line: str) -> str:
    """Add ``line`` for all boards, keeping a copy; what was done, in words.

    Raises GaitpiError where that is not possible or not allowed.
    """
    path = config_txt(s)
    if path is None:
        raise GaitpiError("There is no config.txt here.", f"Add {line} where your system has it.")
    if not s.is_root:
        raise GaitpiError(f"{path} belongs to root.", "Run: sudo gaitpi doctor --fix")
    copy = path.with_name(f"{path.name}.before-gaitpi-{time.strftime('%Y%m%d-%H%M%S')}")
    if not copy.exists():  # another line of the same second: the copy is from before both
        shutil.copy2(path, copy)
    data = path.read_bytes()  # whatever its letters are, they stay
    if not data.endswith(b"\n"):
        data += b"\n"
    replace_file(path, data + f"\n[all]\n# added by gaitpi doctor\n{line}\n".encode())
    return f"added {line} to {path} (before: {copy.name}); restart the Pi"
