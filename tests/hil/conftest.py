"""Fixtures of the hardware-in-the-loop scenarios, and their report.

Everything that is not a sensor, a wire or a person is real here: kernel, systemd, /dev/i2c-1,
/dev/gpiochip0, smbus2, gpiozero, lgpio, the daemon under its own unit.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hil.build import CannotBuildError, Guest, build, cache, lacking
from tests.hil.report import Report, Row, markdown
from tests.hil.station import CONFIG, Station, warm_disk

REQUIRED = "GAITPI_HIL"
"""Set to "required": a machine that cannot run the scenarios is a failure, not a reason to skip."""


ROWS = pytest.StashKey[list[Row]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All of this folder needs the guest; where there can be none, say why."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker("hil")
    if "hil" not in config.option.markexpr or "not hil" in config.option.markexpr:
        return
    if (why := lacking()) and os.environ.get(REQUIRED) != "required":
        for item in ours:
            item.add_marker(pytest.mark.skip(f"no guest on this machine: {why}"))


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Takes what was seen."""
    rows = request.config.stash.setdefault(ROWS, [])
    text = (request.function.__doc__ or request.node.name).strip().splitlines()[0].rstrip(".")
    return Report(rows, text)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The report: each scenario, what was injected, what the observer outside saw."""
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    table = markdown(rows)
    terminalreporter.write_line("")
    terminalreporter.write_line(table)
    (cache() / "report.md").write_text(table + "\n")
    terminalreporter.write_line(f"\nThis table is in {cache() / 'report.md'} too.")


@pytest.fixture(scope="session")
def guest() -> Guest:
    """Kernel and disk, built when they are not there yet."""
    try:
        return build(lambda text: print(f"\n{text}", flush=True))
    except CannotBuildError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def warm(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk on which gaitpi was installed as on a Pi."""
    return warm_disk(guest, tmp_path_factory.mktemp("warm"))


@pytest.fixture(scope="session")
def running(
    guest: Guest, warm: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Station]:
    """A station whose guest is up, shared by the scenarios that leave it whole."""
    station = Station(guest, warm, tmp_path_factory.mktemp("station"))
    try:
        station.boot()
        yield station
    finally:
        station.close()


@pytest.fixture
def station(running: Station) -> Iterator[Station]:
    """The shared station with its usual configuration; the daemon is stopped afterwards."""
    running.revive()
    running.configure(CONFIG)
    running.bench.nack_every(0)
    yield running
    if running.machine.running:
        running.stop()


@pytest.fixture
def own_station(guest: Guest, warm: Path, tmp_path: Path) -> Iterator[Station]:
    """A station for one scenario alone, not booted yet."""
    station = Station(guest, warm, tmp_path)
    try:
        yield station
    finally:
        station.close()
