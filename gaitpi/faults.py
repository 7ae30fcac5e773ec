"""Every fault that is counted: its name, what it is called, and what a person can do about it.

One table that the daemon counts by, that ``gaitpi status`` and a run are told in, and that
``docs/reliability.md`` refers to. Names are short and stable: they are in run files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: ``row`` of docs/reliability.md, ``words``, and ``todo`` if it keeps on."""

    row: str
    words: str
    todo: str = ""


_WIRES: Final = "look at plug and wires"

RESUMED: Final = "resumed"
"""gaitpi had stopped in the middle of a run, and went on with it."""

FAULTS: Final[Mapping[str, Fault]] = {
    "nack": Fault("F1", "transfers not acknowledged", _WIRES),
    "io": Fault("F1", "transfers that failed", _WIRES),
    "arbitration": Fault("F1", "transfers disturbed on the bus", _WIRES),
    "busy": Fault("F1", "transfers refused by a busy bus", _WIRES),
    "lost": Fault("F2", "times the sensor stopped answering", _WIRES),
    "give-up": Fault("F2", "restarts of the sensor given up", _WIRES),
    "timeout": Fault("F3", "times the bus hung", "look for SDA or SCL touching ground"),
    "gone": Fault("F3", "times the bus was not there", "is another program using it?"),
    "freed": Fault("F3", "times a hung bus was freed", "look for SDA or SCL touching ground"),
    "register": Fault("F5", "times the sensor had lost its settings", "look at its supply (3.3 V)"),
    "overflow": Fault("F6", "times the sensor's memory ran over", "the machine was too busy"),
    "misaligned": Fault("F7", "reads that were out of step", "shorter wires, or a slower bus"),
    "frozen": Fault("F8", "times the sensor repeated itself", "replace the sensor"),
    "silent": Fault("F8", "times the sensor made no samples", "replace the sensor"),
    "rate": Fault("F11", "times its rate was far from nominal"),
    "deleted_runs": Fault("F13", "old runs deleted to make room", "copy runs you want to keep"),
    "write_errors": Fault(
        "F14", "times the card refused", "copy the runs off, make room or replace the card"
    ),
    "dropped_batches": Fault("F16", "reads of the sensor not recorded", "try another card"),
    "dropped_rows": Fault("F16", "steps, seconds or cues not recorded", "try another card"),
    "bad_rows": Fault("F16", "records that made no sense", "this is a fault of gaitpi"),
    RESUMED: Fault("F17", "times gaitpi stopped and went on", "'journalctl -u gaitpi' says why"),
    "late": Fault("F18", "times the loop was late", "the machine was too busy"),
    "radio-malformed": Fault(
        "F19", "messages of the radio that were none", "this is a fault of gaitpi"
    ),
    "radio-time": Fault("F19", "readings of strap or pod out of their time"),
    "radio-many": Fault("F19", "readings of strap or pod that came too fast"),
    "supply": Fault("F26", "times the supply sagged", "a 5 V supply of 2.5 A, a short, thick lead"),
    "identity": Fault("F22", "answers of something that is not the sensor", _WIRES),
}
"""By the name they are counted under."""

NOT_THE_SENSORS: Final = frozenset({"write_errors", "bad_rows", RESUMED})
"""Of those that a run tells: no wire is to be looked at for them."""


def told(counters: Mapping[str, int]) -> list[str]:
    """Counted faults in words, the most frequent first; one without a name keeps its own."""
    some = sorted(((n, name) for name, n in counters.items() if n > 0), reverse=True)
    return [_counted(n, FAULTS[name].words if name in FAULTS else name) for n, name in some]


def todo(counters: Mapping[str, int]) -> str:
    """What can be done about the most frequent of them that anything can be done about, or ""."""
    some = sorted(((n, name) for name, n in counters.items() if n > 0), reverse=True)
    return next((FAULTS[name].todo for _, name in some if name in FAULTS and FAULTS[name].todo), "")


def _counted(n: int, words: str) -> str:
    """A number and what it is of, which begins with a plural: 1 transfer, once, 3 times."""
    if n > 1:
        return f"{n} {words}"
    first, _, rest = words.partition(" ")
    if first == "times":
        return f"once {rest}"
    rest = f" {rest}".replace(" that were ", " that was ")
    return f"1 {first.removesuffix('s')}{rest}".rstrip()
