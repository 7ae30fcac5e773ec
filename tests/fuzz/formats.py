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
}


def target(name: str) -> Target:
    """The target of that name."""
    found: Target = importlib.import_module(f"tests.fuzz.{MODULES[name]}").TARGET
    return found
