"""The process that reads strap and pod, with the real bleak, against a fake BlueZ."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ble.rig import Rig, is_heart, is_pod, link, rig


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as one:
        yield one


def test_strap_and_pod_are_read(made: Rig) -> None:
    made.bluez.strap()
    made.bluez.pod()
    made.pair("heart", "pod")
    central = made.central()
    heart = central.until(is_heart)
    assert heart.bpm == 72
    assert heart.contact is True
    pod = central.until(is_pod)
    assert (pod.speed_ms, pod.cadence_rpm, pod.running) == (3.0, 170, True)
    assert central.until(link("heart", "connected")).name == "heart"
    assert central.until(lambda r: getattr(r, "battery", None)) == 0x58
    assert central.odd == 0
