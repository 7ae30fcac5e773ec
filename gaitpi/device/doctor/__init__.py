"""The doctor: looks at every part, says what it measured, and what to do next.

Each check is a function of :class:`~gaitpi.device.doctor.surroundings.Surroundings` and gives a
:class:`~gaitpi.device.doctor.finding.Finding`. docs/doctor.md lists the checks with the fault that
each was shown to find. No numba; numpy only once a sensor is there to be measured.
"""

from collections.abc import Callable, Iterator
from typing import Final

from gaitpi.device.doctor import board, bus, outputs, radio, service, software
from gaitpi.device.doctor.finding import Finding
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.errors import GaitpiError

Check = Callable[[Surroundings], Finding]

BEFORE: Final[tuple[tuple[str, Check], ...]] = (
    ("config", software.configuration),
    ("daemon", software.daemon),
    ("service", service.service),
    ("watchdog", service.watchdog),
    ("members", service.members),
    ("board", board.board),
    ("power", board.power),
    ("heat", board.heat),
    ("clock", board.clock),
    ("storage", software.storage),
    ("card", software.card),
    ("cache", software.cache),
    ("radio", radio.radio),
    ("i2c", bus.bus),
    ("rights", bus.rights),
)
"""Checks of the machine, in the order they are told; the sensor and the outputs follow."""
_UNKNOWN: Final = Finding("chip", "skip", "not looked at yet")


def examine(s: Surroundings) -> Iterator[Finding]:
    """Every finding, as soon as it is there. A check that breaks is a finding of its own."""
    for name, check in BEFORE:
        yield told(name, lambda check=check: check(s))  # type: ignore[misc]
    yield from _parts(s)


def again(s: Surroundings, name: str) -> Finding | None:
    """A check of the machine once more, after something was mended; None for another's name."""
    check = dict(BEFORE).get(name)
    return None if check is None else told(name, lambda: check(s))


def told(name: str, check: Callable[[], Finding]) -> Finding:
    """What the check finds; an error in words where it cannot look."""
    try:
        return check()
    except GaitpiError as error:
        return Finding(name, "fail", error.found.rstrip("."), error.todo)
    except OSError as error:
        return Finding(name, "fail", f"cannot be looked at: {error.strerror or error}")


def _parts(s: Surroundings) -> Iterator[Finding]:
    """The sensor, the stand kept for it, and what is sounded, lit and pressed."""
    known = told("chip", lambda: bus.untouched(s) or _UNKNOWN)
    if known is not _UNKNOWN:
        yield known
        yield from outputs.findings(s, None)
        return
    from gaitpi.device.doctor.sensor import Patient

    patient = Patient(s)
    try:
        yield from patient.findings()
        reader = patient.reader
        if reader is not None:
            info = reader.info
            yield told("stand", lambda: software.stand(s, info.chip, info.address))
        yield from outputs.findings(s, reader)
    finally:
        patient.close()
