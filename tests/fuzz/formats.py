"""All targets by name, each loaded only when it is asked for."""

import importlib
from typing import Final

from tests.fuzz.target import Target

MODULES: Final = {
    "csv": "csvs",
    "run": "runfiles",
    "fit": "fits",
    "config": "confs",
    "journal": "diary",
    "socket": "control",
    "heart": "radios.HEART",
    "pod": "radios.POD",
    "device": "radios.DEVICE",
    "reading": "radios.READING",
}


def target(name: str) -> Target:
    """The target of that name."""
    module, _, which = MODULES[name].partition(".")
    found: Target = getattr(importlib.import_module(f"tests.fuzz.{module}"), which or "TARGET")
    return found
