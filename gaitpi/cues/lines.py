"""GPIO lines without gpiozero: who has one, and taking some to a level from outside.

It loads nothing but lgpio: what silences the outputs has to be there at once.
"""

import os
from collections.abc import Mapping
from typing import Any


def drive(levels: Mapping[int, int]) -> list[str]:
    """Take lines (BCM numbers) to levels (0, 1) and let them go; what could not be, in words."""
    try:
        lgpio = _lgpio()
        handle = lgpio.gpiochip_open(_chip(lgpio))
    except ImportError as error:
        return [f"lgpio cannot be loaded ({error})"]
    except Exception as error:  # lgpio.error, which needs lgpio to be named
        return [f"the GPIO chip cannot be opened ({_words(error)})"]
    problems = []
    for line, level in levels.items():
        try:
            lgpio.gpio_claim_output(handle, line, level)
            lgpio.gpio_free(handle, line)
        except lgpio.error as error:
            problems.append(f"GPIO {line}: {_words(error)}")
    lgpio.gpiochip_close(handle)
    return problems


def holder(line: int) -> str:
    """Who has the line, as the kernel calls it ("lg" is a program that uses lgpio); "" if none.

    Empty too where that cannot be found out.
    """
    try:
        lgpio = _lgpio()
        handle = lgpio.gpiochip_open(_chip(lgpio))
    except Exception:  # no lgpio, no chip, no rights: somebody else says so
        return ""
    try:
        return str(lgpio.gpio_get_line_info(handle, line)[4])
    except lgpio.error:
        return ""
    finally:
        lgpio.gpiochip_close(handle)


def _lgpio() -> Any:
    # where it makes its pipe: by default wherever we were started
    os.environ.setdefault("LG_WD", os.environ.get("TMPDIR") or "/tmp")
    import lgpio

    return lgpio


def _chip(lgpio: Any) -> int:
    """The chip with the pins of the header: on a Pi 5 it is not always the first."""
    named = (name for name in sorted(os.listdir("/dev")) if name.startswith("gpiochip"))  # noqa: PTH208
    for number in (name.removeprefix("gpiochip") for name in named):
        if not number.isdigit():
            continue
        try:
            handle = lgpio.gpiochip_open(int(number))
        except lgpio.error:
            continue
        label = str(lgpio.gpio_get_chip_info(handle)[3])
        lgpio.gpiochip_close(handle)
        if label.startswith(("pinctrl-bcm", "pinctrl-rp1")):
            return int(number)
    return 0


def _words(error: Exception) -> str:
    return str(error).strip("'\"")
