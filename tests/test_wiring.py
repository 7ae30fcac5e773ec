"""The drawings and tables of docs/wiring.md agree with the configuration, the code and README."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from calibration import wiring
from gaitpi.config import Config, CuesConfig
from gaitpi.cues.pwm import _CHANNELS
from gaitpi.imu.reader import WIRING

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"


def test_drawings_and_tables_are_as_the_script_writes_them() -> None:
    assert wiring.main(["--check"]) == 0, "python -m calibration.wiring"


def test_another_default_pin_would_change_them() -> None:
    moved = wiring.wires(CuesConfig(buzzer_pin=13, led_pin=22, button_pin=5))
    pins = {(wire.part, wire.pad): wire.pin for wire in moved}
    assert pins["buzzer", "+"] == 33
    assert pins["LED", "+"] == 15
    assert pins["button", "one leg"] == 29


def test_the_wires_are_the_configurations_pins() -> None:
    cues = Config().cues
    named = {(wire.part, wire.pad): wire.name for wire in wiring.wires()}
    assert named["buzzer", "+"] == f"GPIO{cues.buzzer_pin}"
    assert named["LED", "+"] == f"GPIO{cues.led_pin}"
    assert named["button", "one leg"] == f"GPIO{cues.button_pin}"
    assert Config().imu.bus == 1  # GPIO 2 and 3
    assert (named["sensor", "SDA"], named["sensor", "SCL"]) == ("GPIO2", "GPIO3")
    assert all(name == "GND" for (_, pad), name in named.items() if pad in ("GND", "-"))
    pins = [wire.pin for wire in wiring.wires()]
    assert len(set(pins)) == len(pins)


def test_the_buzzer_hangs_on_a_pin_with_hardware_pwm_on_every_board() -> None:
    assert all(Config().cues.buzzer_pin in channels for channels in _CHANNELS.values())


def test_the_header_has_each_pin_once_and_in_its_place() -> None:
    gpios = [name for name in wiring.HEADER if name.startswith("GPIO")]
    assert sorted(int(name[4:]) for name in gpios) == list(range(2, 28))
    assert wiring.HEADER.count("GND") == 8
    assert len(wiring.HEADER) == 40
    # as gpiozero has it for a board with 40 pins
    from gpiozero import pi_info

    info = pi_info("a02082").headers["J8"]
    for number, name in enumerate(wiring.HEADER, start=1):
        theirs = info.pins[number].name
        if name.startswith("GPIO") or name in ("GND", "3V3", "5V"):
            assert theirs == name, number


def test_the_sensors_error_names_the_same_pins() -> None:
    pins = {wire.pad: wire.pin for wire in wiring.wires() if wire.part == "sensor"}
    for pad, pin in pins.items():
        assert re.search(rf"{pad}[^,]* \(pin {pin}\)", WIRING), pad


def test_readme_names_the_same_pins() -> None:
    text = (ROOT / "README.md").read_text()
    rows = dict(
        re.findall(r"^\| (VCC|GND|SDA|SCL|buzzer \+|LED \+.*?|button) \| (\d+) \|", text, re.M)
    )
    pins = {(wire.part, wire.pad): wire.pin for wire in wiring.wires()}
    assert {
        name: int(pin) for name, pin in rows.items() if name in ("VCC", "GND", "SDA", "SCL")
    } == {pad: pin for (part, pad), pin in pins.items() if part == "sensor"}
    assert int(rows["buzzer +"]) == pins["buzzer", "+"]
    assert int(rows["button"]) == pins["button", "one leg"]
    assert (
        next(int(pin) for name, pin in rows.items() if name.startswith("LED")) == pins["LED", "+"]
    )


@pytest.mark.parametrize("name", wiring.DRAWINGS)
def test_each_drawing_is_sound_svg_with_a_ground_of_its_own(name: str) -> None:
    root = ET.fromstring((ROOT / "docs" / name).read_text())
    assert root.tag == f"{SVG}svg"
    # it is read on light and on dark pages: nothing shows through
    background = root.find(f"{SVG}rect")
    assert background is not None
    assert background.get("fill") == wiring.PAPER
    assert background.get("width") == root.get("width")
    assert root.find(f"{SVG}title") is not None
    width = float(root.get("width") or 0)
    for text in root.iter(f"{SVG}text"):
        x, size = float(text.get("x") or 0), float(text.get("font-size") or 0)
        length = 0.58 * size * len(text.text or "")
        anchor = text.get("text-anchor")
        begin = {"start": x, "middle": x - length / 2, "end": x - length}[anchor or "start"]
        assert begin >= 0, text.text
        assert begin + length <= width, text.text


def test_used_pins_are_drawn_where_their_wires_begin() -> None:
    root = ET.fromstring((ROOT / "docs" / "wiring-zero2w.svg").read_text())
    starts = {
        tuple(float(v) for v in (line.get("points") or "").split()[0].split(","))
        for line in root.iter(f"{SVG}polyline")
    }
    for wire in wiring.wires():
        assert wiring.at(wire.pin) in starts, wire


def test_currents_by_hand() -> None:
    assert wiring.led_ma(2.0, 330) == pytest.approx(3.94, abs=0.01)
    assert wiring.led_ma(3.5, 330) == 0.0
    table = "\n".join(wiring.led_table())
    assert "~~14.0 mA~~" in table  # red at 100 Ω
    assert "| 3.0 V | 3.0 mA |" in table
    drivers = "\n".join(wiring.driver_table())
    assert "| 2.6 mA |" in drivers
    assert "| 6.7 mA |" in drivers


def test_pages_name_each_drawing_and_no_shop() -> None:
    text = (ROOT / "docs" / "wiring.md").read_text()
    for name in wiring.DRAWINGS:
        assert f"({name})" in text
    assert "http" not in text
