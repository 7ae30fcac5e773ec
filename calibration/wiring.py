"""Draws the wiring of docs/wiring.md from one table of pins: ``python -m calibration.wiring``.

The pins of buzzer, LED and button are the defaults of the configuration; where the header has them
is the layout of the 40 pins that all boards from the Pi 2 on share. Writes the drawings and the
generated tables into docs/; ``--check`` only says whether they are as they would be written.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from gaitpi.config import CuesConfig

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = "wiring.md"
SUPPLY_V: Final = 3.3
PIN_MA: Final = 8.0
"""What a pin is asked for at most: its default drive strength (it can be set up to 16 mA)."""
BASE_V: Final = 0.7
PULL_UP_KOHM: Final = 50.0

# Name of each pin of the header, 1 to 40 [Raspberry Pi documentation, "GPIO"].
HEADER: Final = (
    *("3V3", "5V", "GPIO2", "5V", "GPIO3", "GND", "GPIO4", "GPIO14", "GND", "GPIO15"),
    *("GPIO17", "GPIO18", "GPIO27", "GND", "GPIO22", "GPIO23", "3V3", "GPIO24", "GPIO10", "GND"),
    *("GPIO9", "GPIO25", "GPIO11", "GPIO8", "GND", "GPIO7", "ID_SD", "ID_SC", "GPIO5", "GND"),
    *("GPIO6", "GPIO12", "GPIO13", "GND", "GPIO19", "GPIO16", "GPIO26", "GPIO20", "GND", "GPIO21"),
)
SDA, SCL = "GPIO2", "GPIO3"


@dataclass(frozen=True, slots=True)
class Wire:
    """From ``pad`` of ``part`` to header pin ``pin`` (1 to 40), named ``name``."""

    part: str
    pad: str
    pin: int

    @property
    def name(self) -> str:
        """What the pin is called."""
        return HEADER[self.pin - 1]


def pin_of(bcm: int) -> int:
    """Header pin of a BCM number."""
    return HEADER.index(f"GPIO{bcm}") + 1


def wires(cues: CuesConfig | None = None) -> tuple[Wire, ...]:
    """All wires, from the configuration's pins; each part has a ground of its own."""
    cues = cues or CuesConfig()
    assert cues.led_pin is not None
    assert cues.button_pin is not None
    return (
        Wire("sensor", "VCC", HEADER.index("3V3") + 1),
        Wire("sensor", "SDA", HEADER.index(SDA) + 1),
        Wire("sensor", "SCL", HEADER.index(SCL) + 1),
        Wire("sensor", "GND", 6),
        Wire("LED", "+", pin_of(cues.led_pin)),
        Wire("LED", "-", 9),
        Wire("buzzer", "+", pin_of(cues.buzzer_pin)),
        Wire("buzzer", "-", 14),
        Wire("button", "one leg", pin_of(cues.button_pin)),
        Wire("button", "other leg", 20),
    )


# ---------------------------------------------------------------------------- currents

LED_V: Final = {"red": 1.9, "amber": 2.0, "green (old kind)": 2.1, "green, blue, white": 3.0}
"""Forward voltage at some mA, typical; a data sheet has it for the LED at hand, V."""
LED_OHM: Final = (100, 220, 330, 470)


def led_ma(forward_v: float, ohm: float) -> float:
    """Current through LED and resistor at a pin, mA."""
    return max(0.0, SUPPLY_V - forward_v) / ohm * 1000.0


def led_table() -> list[str]:
    """Currents by kind and resistor; above what a pin is asked for, struck out."""
    out = ["| LED | at | " + " | ".join(f"{ohm} Ω" for ohm in LED_OHM) + " |"]
    out.append("|---|---|" + "---|" * len(LED_OHM))
    for kind, volt in LED_V.items():
        cells = [led_ma(volt, ohm) for ohm in LED_OHM]
        words = [f"{ma:.1f} mA" if ma <= PIN_MA else f"~~{ma:.1f} mA~~" for ma in cells]
        out.append(f"| {kind} | {volt:.1f} V | " + " | ".join(words) + " |")
    return out


def driver_table() -> list[str]:
    """What the pin and the part draw in each way of driving."""
    piezo_ma = 20e-9 * SUPPLY_V * 2700 * 1000
    return [
        "| part | driven by | from the pin | through the part |",
        "|---|---|---|---|",
        f"| piezo disc (20 nF), passive | the pin, 220 Ω in series | {piezo_ma:.1f} mA at 2.7 kHz, "
        f"at most {SUPPLY_V / 220 * 1000:.0f} mA for some µs | the same |",
        f"| the same, louder | NPN, 1 kΩ to the base | {(SUPPLY_V - BASE_V) / 1.0:.1f} mA "
        f"| up to {10 * (SUPPLY_V - BASE_V) / 1.0:.0f} mA at ten times the base's |",
        f"| magnetic or active buzzer, to 26 mA | NPN, 1 kΩ, diode across the buzzer "
        f"| {(SUPPLY_V - BASE_V) / 1.0:.1f} mA | as its data sheet says |",
        f"| vibration motor, to 65 mA | NPN, 390 Ω, diode across the motor "
        f"| {(SUPPLY_V - BASE_V) / 0.39:.1f} mA | as its data sheet says |",
        f"| button | the pin's own pull-up (some {PULL_UP_KOHM:.0f} kΩ) "
        f"| {SUPPLY_V / PULL_UP_KOHM:.2f} mA while pressed | |",
    ]


def pin_table() -> list[str]:
    """The wires as a table."""
    out = ["| part | pad | Pi pin | name |", "|---|---|---|---|"]
    names = {"3V3": "3.3 V (not 5 V)", "GND": "ground", SDA: "GPIO 2 (SDA)", SCL: "GPIO 3 (SCL)"}
    for wire in wires():
        name = names.get(wire.name, wire.name.replace("GPIO", "GPIO "))
        pad = {"+": "+ (through its resistor)", "-": "−"}.get(wire.pad, wire.pad)
        out.append(f"| {wire.part} | {pad} | {wire.pin} | {name} |")
    return out


# ---------------------------------------------------------------------------- drawing

PAPER, INK, FAINT = "#fbfaf6", "#1b1b1b", "#6d6d6d"
RED, GROUND, BLUE, OCHRE, GREEN = "#c62828", "#1b1b1b", "#1557b0", "#9a6700", "#1d7a34"
ROW: Final = 22.0
TOP: Final = 150.0
ODD_X, EVEN_X = 470.0, 500.0
WIDTH, HEIGHT = 960, 720


class Drawing:
    """SVG, piece by piece. It has a background of its own, so it reads on any page."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = width, height
        self._title = title
        self._parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 13,
        anchor: str = "start",
        colour: str = INK,
        bold: bool = False,
    ) -> None:
        """One line of text; ``y`` is its base line."""
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" '
            f'fill="{colour}"{weight}>{escape(words)}</text>'
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        stroke: str = INK,
        r: float = 6,
    ) -> None:
        """A rounded rectangle."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{r:g}" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="1.6"/>'
        )

    def dot(self, x: float, y: float, r: float, fill: str, stroke: str = INK) -> None:
        """A circle."""
        self._parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}" stroke="{stroke}" '
            'stroke-width="1.4"/>'
        )

    def line(
        self,
        points: list[tuple[float, float]],
        colour: str,
        width: float = 3.0,
        *,
        over: bool = False,
    ) -> None:
        """A wire; ``over`` where it crosses others, which then seem to go under it."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        for stroke, thick in ((PAPER, width + 5.0), (colour, width))[0 if over else 1 :]:
            self._parts.append(
                f'<polyline points="{path}" fill="none" stroke="{stroke}" '
                f'stroke-width="{thick:g}" stroke-linejoin="round"/>'
            )

    def shape(self, points: list[tuple[float, float]], fill: str, stroke: str = INK) -> None:
        """A closed polygon."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._parts.append(
            f'<polygon points="{path}" fill="{fill}" stroke="{stroke}" stroke-width="1.6"/>'
        )

    def __str__(self) -> str:
        width, height = self._size
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" role="img" '
                'font-family="DejaVu Sans, Verdana, Helvetica, sans-serif">',
                f"<title>{escape(self._title)}</title>",
                f'<rect width="{width}" height="{height}" rx="12" fill="{PAPER}"/>',
                *self._parts,
                "</svg>",
                "",
            )
        )


def at(pin: int) -> tuple[float, float]:
    """Where the drawing has a pin of the header."""
    return (ODD_X if pin % 2 else EVEN_X), TOP + ROW * ((pin - 1) // 2)


def _header(d: Drawing) -> None:
    used = {wire.pin: wire for wire in wires()}
    d.box(ODD_X - 15, TOP - 16, 60, 20 * ROW + 10, fill="#2b2b2b")
    for pin, name in enumerate(HEADER, start=1):
        x, y = at(pin)
        fill = {"3V3": "#f3b3b0", "5V": "#f3b3b0", "GND": "#c9c9c9"}.get(name, "#fff3c4")
        if pin not in used:
            fill = "#8d8d8d"
        if pin == 1:
            d.box(x - 9, y - 9, 18, 18, fill=fill, r=2)
        else:
            d.dot(x, y, 9, fill)
        d.text(x, y + 3.5, str(pin), size=9.5, anchor="middle", bold=pin in used)
        left = pin % 2 == 1
        d.text(
            x - 20 if left else x + 20,
            y - 4,
            name,
            size=10.5,
            anchor="end" if left else "start",
            colour=INK if pin in used else "#8a8a8a",
            bold=pin in used,
        )


def _resistor(d: Drawing, x: float, y: float, ohm: str) -> None:
    d.box(x, y - 8, 60, 16, fill="#e9dcc0", r=3)
    d.text(x + 30, y + 4, ohm, size=10.5, anchor="middle", bold=True)


def _led(d: Drawing, x: float, top: float, bottom: float) -> None:
    """Between ``top`` (cathode) and ``bottom`` (anode)."""
    middle = (top + bottom) / 2.0
    d.line([(x, top), (x, bottom)], GREEN)
    d.shape([(x - 13, middle + 11), (x + 13, middle + 11), (x, middle - 9)], "#ffd166")
    d.line([(x - 13, middle - 10), (x + 13, middle - 10)], INK, 3)


def _parts(d: Drawing) -> None:
    pins = {(wire.part, wire.pad): at(wire.pin) for wire in wires()}
    # the sensor, left
    pads = {"VCC": 150.0, "SDA": 180.0, "SCL": 210.0, "GND": 240.0}
    gx, gy = pins["sensor", "GND"]
    d.line(
        [(gx, gy), (550, gy), (550, 112), (268, 112), (268, pads["GND"]), (222, pads["GND"])],
        GROUND,
    )
    for pad, colour, bend in (("VCC", RED, 300.0), ("SDA", BLUE, 330.0), ("SCL", OCHRE, 300.0)):
        x, y = pins["sensor", pad]
        d.line([(x, y), (bend, y), (bend, pads[pad]), (222, pads[pad])], colour, over=True)
    d.box(50, 122, 170, 176, fill="#e3ecf7")
    d.text(64, 146, "motion sensor", bold=True)
    d.text(64, 164, "(3.3 V board,", size=11, colour=FAINT)
    d.text(64, 178, "wires ≤ 20 cm)", size=11, colour=FAINT)
    for pad, y in pads.items():
        d.dot(220, y, 5, "#ffffff")
        d.text(208, y + 4, pad, size=12, anchor="end", bold=True)
    d.dot(220, 270, 5, "#ffffff")
    d.text(208, 274, "AD0 / SA0", size=12, anchor="end")
    d.text(60, 316, "address pin: open or GND 0x68 / 0x6A,", size=11, colour=FAINT)
    d.text(60, 331, "to 3.3 V 0x69 / 0x6B", size=11, colour=FAINT)
    # the LED, left
    (px, py), (mx, my) = pins["LED", "+"], pins["LED", "-"]
    top, bottom = 372.0, 432.0
    d.line([(mx, my), (340, my), (340, top), (130, top)], GROUND)
    d.line([(px, py), (368, py), (368, bottom), (130, bottom)], GREEN)
    _resistor(d, 220, bottom, "330 Ω")
    _led(d, 130, top, bottom)
    d.text(112, 398, "LED", anchor="end", bold=True)
    d.text(112, 414, "long leg", size=11, anchor="end", colour=FAINT)
    d.text(112, 428, "down", size=11, anchor="end", colour=FAINT)
    # the buzzer, right
    (px, py), (mx, my) = pins["buzzer", "+"], pins["buzzer", "-"]
    d.line([(px, py), (770, py)], GREEN)
    d.line([(mx, my), (590, my), (590, py + 52), (770, py + 52)], GROUND)
    _resistor(d, 630, py, "220 Ω")
    d.dot(800, py + 26, 42, "#f4e3c1")
    d.dot(800, py + 26, 22, "#ffffff")
    d.text(800, py + 31, "piezo", anchor="middle", size=12)
    d.text(856, py + 22, "buzzer", bold=True)
    d.text(856, py + 40, "passive piezo", size=11, colour=FAINT)
    d.text(630, py + 92, "louder, active or a motor: through a transistor,", size=11, colour=FAINT)
    d.text(630, py + 107, "see wiring-buzzer.svg", size=11, colour=FAINT)
    # the button, below
    (px, py), (mx, my) = pins["button", "one leg"], pins["button", "other leg"]
    y = TOP + 20 * ROW + 60
    d.line([(px, py), (394, py), (394, y), (450, y)], GREEN)
    d.line([(mx, my), (578, my), (578, y), (520, y)], GROUND)
    d.dot(450, y, 5, "#ffffff")
    d.dot(520, y, 5, "#ffffff")
    d.line([(450, y - 12), (520, y - 12)], INK)
    d.line([(485, y - 12), (485, y - 24)], INK)
    d.text(485, y + 24, "button (pull-up inside the Pi)", anchor="middle", bold=True, size=12)


def _legend(d: Drawing) -> None:
    y = HEIGHT - 24.0
    for i, (name, colour) in enumerate(
        (("3.3 V", RED), ("ground", GROUND), ("SDA", BLUE), ("SCL", OCHRE), ("signal", GREEN))
    ):
        x = 50.0 + 96.0 * i
        d.line([(x, y - 4), (x + 26, y - 4)], colour, 4)
        d.text(x + 34, y, name, size=12)


def _board(d: Drawing, name: str, width: float, height: float, scale: float) -> tuple[float, float]:
    """The board with its header, seen from above; left upper corner."""
    x, y = 640.0, 470.0
    d.box(x, y, width * scale, height * scale, fill="#dcefdc", r=10)
    left, pitch = x + 7.1 * scale, 2.54 * scale
    d.box(left - pitch / 2, y + 2, 20 * pitch, 2.2 * pitch, fill="#2b2b2b", r=2)
    for i in range(20):
        for row in (0, 1):
            fill = "#ffffff" if (i, row) == (0, 1) else "#b9a24b"
            d.dot(left + pitch * i, y + 2 + pitch * (0.6 + row), 0.3 * pitch, fill, "none")
    d.text(left - 4, y + 2 + 3.9 * pitch, "pin 1", size=11, bold=True)
    d.text(x, y - 32, name, bold=True)
    d.text(x, y - 13, "from above; the header, turned, is shown large", size=11, colour=FAINT)
    return x, y


def _socket(d: Drawing, x: float, y: float, width: float, height: float, name: str) -> None:
    d.box(x, y, width, height, fill="#d0d0d0", r=3)
    d.text(x + width / 2, y - 5, name, size=10.5, anchor="middle")


def zero2w() -> str:
    """The wiring with a Zero 2 W."""
    d = _frame("gaitpi on a Raspberry Pi Zero 2 W")
    s = 3.6
    x, y = _board(d, "Raspberry Pi Zero 2 W", 65, 30, s)
    d.box(x - 4, y + 12 * s, 12 * s, 12 * s, fill="#d0d0d0", r=3)
    d.text(x + 5 * s, y + 19 * s, "card", size=10.5, anchor="middle")
    _socket(d, x + 19 * s, y + 27 * s, 9 * s, 4 * s, "HDMI")
    _socket(d, x + 37.4 * s, y + 27 * s, 8 * s, 4 * s, "USB")
    _socket(d, x + 50 * s, y + 27 * s, 8 * s, 4 * s, "PWR in")
    d.text(x, y + 35.5 * s, "5 V from the battery into PWR in; the Zero 2 W", size=11, colour=FAINT)
    d.text(x, y + 40 * s, "comes without header: solder one, or the wires.", size=11, colour=FAINT)
    return str(d)


def pi4and5() -> str:
    """The wiring with a Pi 4 or 5."""
    d = _frame("gaitpi on a Raspberry Pi 4 or 5")
    s = 2.9
    x, y = _board(d, "Raspberry Pi 4 or 5", 85, 56, s)
    for i, name in enumerate(("USB", "USB", "LAN")):
        d.box(x + 70 * s, y + (3 + 18 * i) * s, 18 * s, 14 * s, fill="#d0d0d0", r=3)
        d.text(x + 79 * s, y + (11.5 + 18 * i) * s, name, size=10.5, anchor="middle")
    _socket(d, x + 6.7 * s, y + 52 * s, 9 * s, 5 * s, "USB-C in")
    _socket(d, x + 24 * s, y + 52 * s, 7 * s, 5 * s, "HDMI")
    _socket(d, x + 37 * s, y + 52 * s, 7 * s, 5 * s, "HDMI")
    d.text(x, y + 61.5 * s, "5 V into USB-C. On the 4 LAN and USB are the", size=11, colour=FAINT)
    d.text(x, y + 66.5 * s, "other way round; the header is the same.", size=11, colour=FAINT)
    return str(d)


def _frame(title: str) -> Drawing:
    d = Drawing(WIDTH, HEIGHT, title)
    d.text(50, 48, title, size=20, bold=True)
    d.text(50, 72, "Switch off and unplug before you wire. VCC is 3.3 V, never 5 V.", size=13)
    _parts(d)
    _header(d)
    _legend(d)
    return d


# ---------------------------------------------------------------------------- drivers


def _transistor(d: Drawing, x: float, y: float) -> None:
    """NPN: base left at (x - 34, y), collector up at (x, y - 40), emitter down at (x, y + 40)."""
    d.dot(x - 8, y, 26, PAPER)
    d.line([(x - 34, y), (x - 16, y)], INK)
    d.line([(x - 16, y - 14), (x - 16, y + 14)], INK, 4)
    d.line([(x - 16, y - 6), (x, y - 18), (x, y - 40)], INK)
    d.line([(x - 16, y + 6), (x, y + 18), (x, y + 40)], INK)
    d.shape([(x, y + 18), (x - 10, y + 16), (x - 5, y + 8)], INK)


def _ground(d: Drawing, x: float, y: float) -> None:
    for i, half in enumerate((12, 8, 4)):
        d.line([(x - half, y + 5 * i), (x + half, y + 5 * i)], GROUND, 2.4)


def _driver(
    d: Drawing, x: float, title: str, part: str, beside: str, base: str, supply: str
) -> None:
    """A part between supply and an NPN, and what lies across it."""
    d.text(x, 96, title, bold=True)
    d.line([(x + 150, 128), (x + 150, 150)], RED)
    d.text(x + 150, 122, supply, size=12, anchor="middle")
    d.line([(x + 150, 150), (x + 230, 150), (x + 230, 262), (x + 150, 262)], INK)
    d.line([(x + 150, 150), (x + 150, 286)], INK)
    d.box(x + 112, 176, 76, 58, fill="#f4e3c1")
    d.text(x + 150, 210, part, size=12, anchor="middle", bold=True)
    if beside == "diode":
        d.shape([(x + 219, 218), (x + 241, 218), (x + 230, 198)], "#ffffff")
        d.line([(x + 218, 197), (x + 242, 197)], INK)
        d.text(x + 250, 204, "1N4148,", size=11)
        d.text(x + 250, 219, "bar to +", size=11)
    else:
        d.box(x + 222, 180, 16, 52, fill="#e9dcc0", r=3)
        d.text(x + 246, 210, beside, size=11, bold=True)
    d.dot(x + 150, 150, 4, INK)
    d.dot(x + 150, 262, 4, INK)
    _transistor(d, x + 150, 326)
    d.line([(x + 150, 366), (x + 150, 384)], GROUND)
    _ground(d, x + 150, 386)
    d.line([(x + 8, 326), (x + 116, 326)], GREEN)
    _resistor(d, x + 30, 326, base)
    d.text(x + 8, 308, "GPIO", size=12, bold=True)


def drivers() -> str:
    """Piezo straight, and buzzers and motor behind a transistor."""
    d = Drawing(1130, 450, "Driving a buzzer or a motor")
    d.text(36, 48, "Driving a buzzer or a motor", size=20, bold=True)
    d.text(
        36,
        70,
        "NPN for small signals, e.g. BC337, 2N3904 or S8050: mind their different legs.",
        size=12,
        colour=FAINT,
    )
    _straight(d, 36)
    _driver(d, 236, "B: piezo, louder", "piezo", "1 kΩ", "1 kΩ", "3.3 or 5 V")
    _driver(d, 516, "C: active or magnetic buzzer", "buzzer", "diode", "1 kΩ", "3.3 or 5 V")
    _driver(d, 796, "D: vibration motor", "motor", "diode", "390 Ω", "5 V or as it says")
    d.text(
        36,
        432,
        "A piezo is a capacitor: without the resistor beside it (B) it stays charged, silent.",
        size=12,
        colour=FAINT,
    )
    return str(d)


def _straight(d: Drawing, x: float) -> None:
    d.text(x, 96, "A: piezo, at the pin", bold=True)
    d.line([(x + 8, 150), (x + 130, 150), (x + 130, 200)], GREEN)
    d.text(x + 8, 134, "GPIO", size=12, bold=True)
    _resistor(d, x + 34, 150, "220 Ω")
    d.line([(x + 130, 240), (x + 130, 300)], GROUND)
    d.box(x + 92, 196, 76, 58, fill="#f4e3c1")
    d.text(x + 130, 230, "piezo", size=12, anchor="middle", bold=True)
    _ground(d, x + 130, 302)


# ---------------------------------------------------------------------------- files

DRAWINGS: Final[dict[str, Callable[[], str]]] = {
    "wiring-zero2w.svg": zero2w,
    "wiring-pi4-5.svg": pi4and5,
    "wiring-buzzer.svg": drivers,
}
TABLES: Final[dict[str, Callable[[], list[str]]]] = {
    "pins": pin_table,
    "led": led_table,
    "drivers": driver_table,
}


def page(text: str) -> str:
    """The page with its generated tables as they are now. Raises ValueError without their place."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, also, after = rest.partition(end)
        if not (found and also):
            raise ValueError(f"{PAGE} has no place for the table {name}")
        text = "".join((before, begin, "\n".join(table()), "\n", end, after))
    return text


def main(argv: list[str] | None = None) -> int:
    """Write drawings and tables; with ``--check`` 1 where they would change."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.wiring", description="Draw docs/wiring*."
    )
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    args = parser.parse_args(argv)
    wanted = {name: draw() for name, draw in DRAWINGS.items()}
    wanted[PAGE] = page((DOCS / PAGE).read_text())
    stale = [
        name
        for name, text in wanted.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text() != text
    ]
    for name in stale:
        print(f"{name} {'would change' if args.check else 'written'}")
        if not args.check:
            (DOCS / name).write_text(wanted[name])
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
