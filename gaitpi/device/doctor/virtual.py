"""The doctor's rounds without hardware: a virtual chip on a bench, with a buzzer beside it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from msgspec import structs

from gaitpi.cues.button import Button
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.vocabulary import Colour, Pattern
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.errors import OutputError
from gaitpi.hostclock import HostClock, VirtualClock
from gaitpi.imu.chips import twins
from gaitpi.imu.virtual.bench import Bench
from gaitpi.imu.virtual.chip import VirtualChip
from gaitpi.imu.virtual.transport import VirtualTransport


class BenchBuzzer:
    """An :class:`gaitpi.cues.outputs.Output` that shakes the bench."""

    name = "virtual buzzer"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def announce(self, sound: Pattern, time_s: float) -> None:
        """A buzzer has no words."""

    def tone(self, freq: float, level: float) -> None:
        """From now on this tone."""
        self._bench.buzz(freq, level)

    def silence(self) -> None:
        """From now on none."""
        self._bench.buzz(0.0, 0.0)

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Not a light."""

    def close(self) -> None:
        """Silent."""
        self.silence()


def on_bench(clock: HostClock, bench: Bench, part: int = 0x68, **options: Any) -> VirtualChip:
    """The virtual part with the id ``part``, lying on ``bench``; ``options`` as it takes them."""
    twin = next(twin for twin in twins() if twin.who_am_i == part)
    chip = twin.make(bench, clock, **{"look_ahead": 1, **options})
    bench.began = lambda: chip.source_start_s
    return chip


def virtual(s: Surroundings) -> Surroundings:
    """``s`` with the virtual chip and its buzzer; time passes by itself, so it is quick."""
    clock = VirtualClock(100.0, s.clock.wall())
    bench = Bench(clock.monotonic)
    chip = on_bench(clock, bench)

    def no_button() -> Button:
        raise OutputError("There is no virtual button.")

    def outputs(_said: Callable[[str], None]) -> Outputs:
        return Outputs([BenchBuzzer(bench)])

    fitted = structs.replace(s.config.cues, buzzer="passive", led_pin=None, button_pin=None)
    return replace(
        s,
        config=structs.replace(s.config, cues=fitted),
        clock=clock,
        status=None,
        transport=lambda: VirtualTransport([chip]),
        outputs=outputs,
        button=no_button,
        load=lambda _seconds: None,
        has_pins=True,
        virtual=True,
    )
